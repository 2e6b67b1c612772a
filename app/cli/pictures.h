// The output folder: names that stay inside it, never over an input, never twice in one run.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "app/cli/frames.h"
#include "app/cli/outputs.h"

namespace syolo {
class VideoWriter;
}

namespace syolo::cli {

/// A file name made of an input's name: no separators, no control bytes, no leading dot, at most
/// 100 bytes, valid UTF-8.
std::string safe_stem(const std::string& input_name);

class OutputFolder {
 public:
  /// Creates the folder when it is missing. @throws Error(usage, io)
  OutputFolder(std::string folder, const Inputs& inputs);
  /// DIR/<stem><suffix>, or <stem>-2<suffix>, ...: the first that is neither an input nor used.
  std::string claim(const std::string& stem, std::string_view suffix);
  const std::string& path() const { return folder_; }

 private:
  bool taken(const std::string& path) const;
  std::string folder_;
  const Inputs& inputs_;
  std::unordered_set<std::string> used_;
};

/// The annotated video of one input; nothing is left behind unless finish() is called.
class Film {
 public:
  /// @param path  empty: <stem>.mp4 in the folder
  Film(const Frame& first, const std::string& path, OutputFolder* folder);
  ~Film();
  Film(Film&&) noexcept;
  Film& operator=(Film&&) noexcept;
  bool is_of(const Frame& frame) const { return name_ == frame.input.name && frame.number > 0; }
  bool live() const { return live_; }
  const std::string& path() const { return path_; }
  void add(const Image& picture);
  void finish();

 private:
  std::string name_, path_;
  bool live_ = false;
  std::unique_ptr<VideoWriter> writer_;
};

/// The picture with its detections drawn in, best on top. 8 bits, RGB.
void draw(Image& picture, std::span<const Detection> detections,
          const std::vector<std::string>& names);

}  // namespace syolo::cli
