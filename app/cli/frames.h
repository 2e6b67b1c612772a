// Inputs -> decoded pictures and frames, ahead of whoever computes: a single thread reads and
// decodes, a queue of two keeps memory bounded, order is that of the inputs. Files wait for the
// network; a camera or stream does not wait, so its oldest frame makes room for the newest.
#pragma once

#include <memory>
#include <optional>

#include "app/cli/inputs.h"
#include "syolo/image/image.h"

namespace syolo::cli {

struct Frame {
  Input input;
  std::optional<std::int64_t> number;  // of a video, from 0
  double fps = 0;                      // of a video, 0 when unknown
  std::int64_t total = 0;              // frames that the video announces, 0 when unknown
  Image image;
  double decode_ms = 0;
  std::shared_ptr<const Error> error;  // set: there is no image
};

/// How pictures are wanted: as the network's input is.
struct Wanted {
  int channels = 3, bits = 8;
  bool ignore_exif = false;
};

/// The bytes of an input, decoded. @throws Error placed at the input
Image decode_input(const Input& input, const Wanted& wanted);
/// JPEG; atomic.
void save_picture(const std::string& path, const Image& picture);

class FrameQueue {
 public:
  FrameQueue(Inputs& inputs, const Wanted& wanted);
  ~FrameQueue();
  FrameQueue(const FrameQueue&) = delete;
  FrameQueue& operator=(const FrameQueue&) = delete;

  /// The next picture or failure; nothing at the end or after an interruption.
  /// @throws what stopped the reading of the inputs themselves
  std::optional<Frame> next();
  /// Frames of cameras and streams that newer ones replaced before anybody took them.
  std::int64_t skipped() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace syolo::cli
