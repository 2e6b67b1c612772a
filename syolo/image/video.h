// Video files, cameras and streams as pictures, and annotated video files. The work is done by
// a module with OpenCV that is opened on first use; a build without it answers "unsupported".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "syolo/base/file.h"
#include "syolo/image/image.h"

namespace syolo {

struct VideoInfo {
  Size size;                // of the first frame; later ones may differ
  double fps = 0;           // 0: unknown
  std::int64_t frames = 0;  // as the file announces, 0: unknown or endless
  bool live = false;        // a camera or stream
};

/// How reading ended or stands.
struct VideoState {
  std::int64_t read = 0;        // frames handed out
  std::int64_t reconnects = 0;  // of a stream, successful
  bool connected = true;        // false while a lost stream is tried again
  bool ended_early = false;     // a file holds clearly fewer frames than it announces
};

/// One thread reads; any thread may call `stop` and `state`.
class VideoReader {
 public:
  virtual ~VideoReader() = default;
  virtual VideoInfo info() const = 0;
  /// The next frame, 8-bit RGB; nothing at the end of a file or after `stop`. A lost camera or
  /// stream is opened again after 1, 2, 4 ... 30 s; meanwhile `next` waits. No frame is invented.
  virtual std::optional<Image> next() = 0;
  /// Makes a waiting `next` return nothing at once.
  virtual void stop() = 0;
  virtual VideoState state() const = 0;
};

class VideoWriter {
 public:
  virtual ~VideoWriter() = default;
  /// An 8-bit RGB picture of the writer's size. @throws Error(input) for any other
  virtual void write(ImageView frame) = 0;
  /// Completes the file and gives it its name. Without it nothing is left behind.
  virtual void finish() = 0;
};

/// Whether video works in this installation, or why not.
struct VideoSupport {
  bool available = false;
  std::string text;  // "OpenCV 4.6.0", or the reason
};
VideoSupport video_support();

/// A file, a camera ("0", "1", ...) or an address ("rtsp://...", "http://...").
/// @throws Error(unsupported) without the module, Error(io) when it cannot be opened or read,
///         Error(limit) for frames beyond `max_pixels`
std::unique_ptr<VideoReader> open_video(std::string_view source,
                                        std::int64_t max_pixels = 64'000'000);

/// .mp4 (MPEG-4) or .avi (MJPEG).
/// @throws Error(unsupported) without the module, Error(usage) for other names, Error(io)
std::unique_ptr<VideoWriter> create_video(const Path& path, Size size, double fps);

}  // namespace syolo
