#include "syolo/base/module.h"

#include <dlfcn.h>

#include <array>
#include <filesystem>
#include <system_error>

#include "syolo/base/text.h"

namespace syolo {
namespace {

namespace fs = std::filesystem;

// What it links may not survive being unloaded and loaded again (OpenCV does not).
OpenedModule open_file(const fs::path& file, const char* entry) {
  void* handle = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* text = dlerror();
    return {nullptr, text == nullptr ? "unknown" : printable(text)};
  }
  using Entry = const void* (*)();
  const auto function = reinterpret_cast<Entry>(dlsym(handle, entry));
  const void* found = function == nullptr ? nullptr : function();
  if (found == nullptr) return {nullptr, format("{} is of another build", file.string())};
  return {found, {}};
}

}  // namespace

OpenedModule open_module(const char* file, const char* entry, const char* part) {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  if (failed) return {nullptr, "the program's folder is unknown"};
  const std::array<fs::path, 2> folders = {program.parent_path(),
                                           program.parent_path().parent_path() / "lib" / "syolo"};
  for (const fs::path& folder : folders) {
    if (fs::exists(folder / file, failed)) return open_file(folder / file, entry);
  }
  return {nullptr, format("built without {}", part)};
}

}  // namespace syolo
