// What the targets share: budgets small enough that no input may cost much, and a check that
// stops the process, because a target has nobody to report to.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/base/error.h"
#include "syolo/base/limits.h"
#include "syolo/weights/weights.h"

namespace syolo::fuzz {

inline Limits small_limits() {
  Limits limits;
  limits.text_bytes = 1 << 20;
  limits.file_bytes = 64 << 20;
  limits.tensor_bytes = 32 << 20;
  limits.memory_bytes = 32 << 20;
  limits.layers = 1000;
  return limits;
}

inline void check(bool holds, const char* promise) {
  if (holds) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

/// Runs a reader; every Error but an internal one is a good answer. True when it threw none.
template <class Body>
bool accepts(Body&& body) {
  try {
    body();
    return true;
  } catch (const Error& error) {
    check(error.kind() != ErrorKind::internal, error.what());
    check(!error.text().empty(), "an error has a text");
    return false;
  }
}

/// A copy of exactly these bytes, so that reading one too many is seen.
inline FileBytes file_of(const std::uint8_t* data, std::size_t size) {
  auto copy = std::make_shared<std::vector<std::byte>>(size);
  if (size != 0) std::memcpy(copy->data(), data, size);
  return {*copy, copy, "input"};
}
inline FileBytes file_of(std::vector<std::byte> bytes) {
  auto owner = std::make_shared<std::vector<std::byte>>(std::move(bytes));
  return {*owner, owner, "written"};
}
inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// These bytes as a file that lives in memory, for readers that want a path.
class InputFile {
 public:
  explicit InputFile(std::string_view bytes) : fd_(memfd_create("fuzz", MFD_CLOEXEC)) {
    check(fd_ >= 0, "a file in memory");
    while (!bytes.empty()) {
      const ssize_t n = write(fd_, bytes.data(), bytes.size());
      check(n > 0, "room for a file in memory");
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  ~InputFile() { close(fd_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;
  Path path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

inline bool same_weights(const Weights& a, const Weights& b) {
  if (a.all().size() != b.all().size()) return false;
  for (const auto& [id, tensor] : a.all()) {
    if (!b.has(id) || b.at(id).shape() != tensor.shape()) return false;
    const auto x = tensor.values(), y = b.at(id).values();
    if (x.size() != 0 && std::memcmp(x.data(), y.data(), x.size_bytes()) != 0) return false;
  }
  return true;
}

}  // namespace syolo::fuzz
