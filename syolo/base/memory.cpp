#include "syolo/base/memory.h"

#include <algorithm>
#include <optional>
#include <string>

#include "syolo/base/system_impl.h"
#include "syolo/base/text.h"

namespace syolo {
namespace {

/// "MemAvailable:  123 kB" of /proc/meminfo, in bytes.
std::optional<std::int64_t> of_system() {
  const std::string text = system_text("/proc/meminfo").value_or("");
  for (const std::string_view line : lines(text)) {
    constexpr std::string_view kKey = "MemAvailable:";
    if (!line.starts_with(kKey)) continue;
    const std::string_view value = trim(line.substr(kKey.size()));
    const auto kib = parse_int(value.substr(0, value.find(' ')));
    if (kib) return *kib * 1024;
  }
  return std::nullopt;
}

std::optional<std::int64_t> number_in(const Path& file) {
  return parse_int(trim(system_text(file).value_or("")));
}

/// The least that a limit on the way from this process's group to the root leaves.
std::optional<std::int64_t> of_groups() {
  const std::string groups = system_text("/proc/self/cgroup").value_or("");
  std::optional<std::int64_t> least;
  for (const std::string_view line : lines(groups)) {
    if (!line.starts_with("0::")) continue;
    for (Path group = Path(line.substr(3)).relative_path();; group = group.parent_path()) {
      const Path folder = Path("/sys/fs/cgroup") / group;
      const auto limit = number_in(folder / "memory.max");  // none where it says "max"
      const auto used = number_in(folder / "memory.current");
      if (limit && used) {
        const std::int64_t left = std::max<std::int64_t>(1, *limit - *used);
        least = std::min(least.value_or(left), left);
      }
      if (group.empty()) break;
    }
  }
  return least;
}

}  // namespace

std::int64_t available_memory() {
  const auto system = of_system(), groups = of_groups();
  if (system && groups) return std::min(*system, *groups);
  return system.value_or(groups.value_or(0));
}

}  // namespace syolo
