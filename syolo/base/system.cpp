#include "syolo/base/error.h"
#include "syolo/base/system_impl.h"

namespace syolo {

std::optional<std::string> system_text(const Path& path) {
  constexpr std::int64_t kSmallFile = 1 << 20;
  try {
    return read_text(path, kSmallFile);
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace syolo
