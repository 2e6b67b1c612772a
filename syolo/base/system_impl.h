// Files that the system makes when they are read: /proc, /sys.
#pragma once

#include <optional>
#include <string>

#include "syolo/base/file.h"

namespace syolo {

/// The whole text; nothing when the system does not have the file.
std::optional<std::string> system_text(const Path& path);

}  // namespace syolo
