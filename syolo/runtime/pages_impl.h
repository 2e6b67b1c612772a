// Zeroed memory of whole pages for arenas and packed weights.
#pragma once

#include <cstddef>
#include <cstdint>

namespace syolo::runtime {

/// Untouched pages cost nothing. Large pages were tried: the system made them slowly (first run
/// +30 ms on yolov4-tiny) and the runs that followed were no faster.
class Pages {
 public:
  /// @throws Error(limit) when the system has no more
  explicit Pages(std::int64_t bytes);
  ~Pages();
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  std::size_t bytes_;
  void* data_;
};

}  // namespace syolo::runtime
