// The video module: opened on first use.

#include "syolo/image/video.h"

#include <algorithm>

#include "syolo/base/error.h"
#include "syolo/base/module.h"
#include "syolo/image/video_impl.h"

namespace syolo {
namespace {

using image::VideoModule;

struct Found {
  const VideoModule* module = nullptr;
  std::string reason;
};

Found find_module() {
  const OpenedModule opened =
      open_module(image::kVideoModuleName, image::kVideoModuleEntry, "video");
  const auto* module = static_cast<const VideoModule*>(opened.entry);
  if (module != nullptr && module->version != image::kVideoModuleVersion) {
    return {nullptr, format("{} is of another build", image::kVideoModuleName)};
  }
  return {module, opened.reason};
}

const VideoModule& module_or_throw(std::string_view wanted) {
  const Found found = find_module();
  if (found.module == nullptr) {
    throw Error(ErrorKind::unsupported,
                format("expected a build with video for {}, found: {}", wanted, found.reason), {},
                "install OpenCV 4 with videoio and build again, or use pictures");
  }
  return *found.module;
}

}  // namespace

int image::camera_number(std::string_view source) {
  const bool digits =
      !source.empty() && source.size() <= 3 &&
      std::all_of(source.begin(), source.end(), [](char c) { return c >= '0' && c <= '9'; });
  const auto number = digits ? parse_int(source) : std::nullopt;
  return number ? static_cast<int>(*number) : -1;
}

bool image::is_address(std::string_view source) {
  const std::size_t end = source.find("://");
  return end != std::string_view::npos && end > 0 &&
         std::all_of(source.begin(), source.begin() + static_cast<std::ptrdiff_t>(end), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '+' || c == '-' || c == '.';
         });
}

VideoSupport video_support() {
  const Found found = find_module();
  return found.module != nullptr ? VideoSupport{true, found.module->library}
                                 : VideoSupport{false, found.reason};
}

std::unique_ptr<VideoReader> open_video(std::string_view source, std::int64_t max_pixels) {
  const std::string name(source);
  return with_where({.file = name, .item = {}},
                    [&] { return module_or_throw("this input").open(name, max_pixels); });
}

std::unique_ptr<VideoWriter> create_video(const Path& path, Size size, double fps) {
  return with_where({.file = path.string(), .item = {}}, [&] {
    require(size.width > 0 && size.height > 0, "expected frames with an area, found {}x{}",
            size.width, size.height);
    require(fps > 0 && fps <= 1000, "expected a frame rate above 0 and up to 1000, found {}", fps);
    return module_or_throw("a video as output").create(path, size, fps);
  });
}

}  // namespace syolo
