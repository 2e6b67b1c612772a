// How much memory some work touched at most, as the system counts it: what C libraries take too.
#pragma once

#include <malloc.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

namespace syolo::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kMemoryIsOurs = false;  // sanitizers keep their own beside it
#else
inline constexpr bool kMemoryIsOurs = true;
#endif

/// A line of /proc/self/status, bytes.
inline std::int64_t status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::stoll(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

/// Bytes that `body` added to the resident memory at its peak; nothing where that is not counted.
template <class Body>
std::optional<std::int64_t> peak_bytes(const Body& body) {
  // Without this, freed blocks stay with the process and hide the next peak.
  [[maybe_unused]] static const int set =
      mallopt(M_MMAP_THRESHOLD, 1 << 20) + mallopt(M_TRIM_THRESHOLD, 1 << 20);
  std::ofstream reset("/proc/self/clear_refs");
  if (!kMemoryIsOurs || !(reset << "5" << std::flush)) {
    body();
    return std::nullopt;
  }
  const std::int64_t before = status_bytes("VmRSS");
  body();
  return status_bytes("VmHWM") - before;
}

}  // namespace syolo::test
