// What program and video module agree on. Both come from one build; the version tells others apart.
#pragma once

#include "syolo/image/video.h"

namespace syolo::image {

/// Raised with every change of video.h or of this file.
inline constexpr int kVideoModuleVersion = 1;
inline constexpr const char* kVideoModuleName = "libsyolo_video.so";
inline constexpr const char* kVideoModuleEntry = "syolo_video_module";

struct VideoModule {
  int version = 0;
  const char* library = "";  // "OpenCV 4.6.0"
  std::unique_ptr<VideoReader> (*open)(const std::string& source,
                                       std::int64_t max_pixels) = nullptr;
  std::unique_ptr<VideoWriter> (*create)(const Path& path, Size size, double fps) = nullptr;
};

/// A camera's number, or -1; an address has a scheme before "://".
int camera_number(std::string_view source);
bool is_address(std::string_view source);

}  // namespace syolo::image
