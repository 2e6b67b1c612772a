// The best keys of a long stream in bounded memory, whatever the order of arrival.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

namespace syolo::boxes {

/// A score and a number in 64 bits: smaller means a higher score, then a smaller number.
struct Key {
  static std::uint64_t of(float score, std::uint32_t number) {
    // + 0.0F: -0 and 0 are equal scores.
    const auto bits = std::bit_cast<std::uint32_t>(score + 0.0F);
    const std::uint32_t rising = bits >> 31 != 0 ? ~bits : bits | 0x80000000U;
    return std::uint64_t{~rising} << 32 | number;
  }
  static float score(std::uint64_t key) {
    const auto rising = ~static_cast<std::uint32_t>(key >> 32);
    return std::bit_cast<float>(rising >> 31 != 0 ? rising & 0x7FFFFFFFU : ~rising);
  }
  static std::uint32_t number(std::uint64_t key) { return static_cast<std::uint32_t>(key); }
};

/// Keeps the `capacity` smallest of distinct keys; holds at most twice as many.
class BestKeys {
 public:
  explicit BestKeys(std::size_t capacity) : capacity_(capacity) {}

  void add(std::uint64_t key) {
    if (key >= cutoff_) return;
    keys_.push_back(key);
    if (keys_.size() >= 2 * capacity_) shrink();
  }

  /// Keys at or above it are no longer wanted. It only falls.
  std::uint64_t cutoff() const { return cutoff_; }

  std::vector<std::uint64_t> take_sorted() {
    if (keys_.size() > capacity_) shrink();
    std::sort(keys_.begin(), keys_.end());
    return std::move(keys_);
  }

 private:
  void shrink() {
    const auto last = keys_.begin() + static_cast<std::ptrdiff_t>(capacity_) - 1;
    std::nth_element(keys_.begin(), last, keys_.end());
    cutoff_ = *last;
    keys_.resize(capacity_);
  }

  std::size_t capacity_;
  std::vector<std::uint64_t> keys_;
  std::uint64_t cutoff_ = std::numeric_limits<std::uint64_t>::max();
};

}  // namespace syolo::boxes
