// Parts of the program that live in files of their own and are opened on first use, because what
// they bring with them is slow to load.
#pragma once

#include <string>

namespace syolo {

struct OpenedModule {
  const void* entry = nullptr;  // what the entry function returned
  std::string reason;           // why there is none
};

/// Opens `file` beside the program or in ../lib/syolo from there (which is also where the build
/// puts it) and calls its function `entry`, which takes nothing and returns a pointer. Nowhere
/// else: no search path may bring in foreign code. It stays loaded.
/// @param part  what it brings: "built without video"
OpenedModule open_module(const char* file, const char* entry, const char* part);

}  // namespace syolo
