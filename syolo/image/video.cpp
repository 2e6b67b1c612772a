// Finds and opens the video module: beside the program, or in ../lib/syolo from there (which is
// also where the build puts it). Nowhere else: no search path may bring in foreign code.

#include "syolo/image/video.h"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "syolo/base/error.h"
#include "syolo/image/video_impl.h"

namespace syolo {
namespace {

using image::VideoModule;

struct Found {
  const VideoModule* module = nullptr;
  std::string reason;
};

// The module stays loaded: OpenCV's libraries do not survive being unloaded and loaded again.
Found load_from(const Path& file) {
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* text = dlerror();
    return {nullptr, text == nullptr ? "unknown" : printable(text)};
  }
  using Entry = const VideoModule* (*)();
  const auto entry = reinterpret_cast<Entry>(dlsym(handle, image::kVideoModuleEntry));
  const VideoModule* module = entry == nullptr ? nullptr : entry();
  if (module == nullptr || module->version != image::kVideoModuleVersion) {
    return {nullptr, format("{} is of another build", file.string())};
  }
  return {module, {}};
}

Found find_module() {
  std::error_code failed;
  const Path program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed) return {nullptr, "the program's folder is unknown"};
  const std::array<Path, 2> folders = {program.parent_path(),
                                       program.parent_path().parent_path() / "lib" / "syolo"};
  for (const Path& folder : folders) {
    const Path file = folder / image::kVideoModuleName;
    if (std::filesystem::exists(file, failed)) return load_from(file);
  }
  return {nullptr, "built without video"};
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
