// Where and how values lie in memory: layouts, element types, slots of the arena.
#pragma once

#include <cstdint>
#include <vector>

#include "syolo/base/tensor.h"

namespace syolo::runtime {

/// planar: C,H,W. blockedN: channels in groups of N, a group's N values beside each other per
/// pixel (the last group padded with zeros). channels_last: H,W,C.
enum class Layout { planar, blocked8, blocked16, channels_last };

struct Storage {
  Layout layout = Layout::planar;
  DType type = DType::f32;
  bool operator==(const Storage&) const = default;

  /// Value (c, pixel) lies at ((c / block) * pixels + pixel) * block + c % block.
  int block(int channels) const {
    switch (layout) {
      case Layout::planar:
        return 1;
      case Layout::blocked8:
        return 8;
      case Layout::blocked16:
        return 16;
      case Layout::channels_last:
        return channels;
    }
    return 1;
  }
  int padded(int channels) const {
    const int b = block(channels);
    return (channels + b - 1) / b * b;
  }
  std::int64_t bytes(const Shape& shape) const {
    return padded(shape.c) * shape.plane() * bytes_of(type);
  }
};

/// One value's memory. A slot with a parent lies inside it (a part of a concatenation, a slice).
struct Slot {
  Shape shape;
  Storage storage;
  std::int64_t bytes = 0;
  int parent = -1;
  std::int64_t offset = 0;  // in the parent; for roots in the arena
  int first = 0, last = 0;  // steps: written first, read last
  bool external = false;    // the caller's input, not in the arena
};

constexpr std::int64_t kAlignment = 64;
constexpr std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

/// Addresses of one session's slots.
class Buffers {
 public:
  Buffers(std::byte* arena, const std::vector<std::int64_t>* offsets) :
      arena_(arena), offsets_(offsets) {}
  void set_input(int slot, const float* input) { input_slot_ = slot, input_ = input; }
  const void* read(int slot) const {
    return slot == input_slot_ ? static_cast<const void*>(input_)
                               : arena_ + (*offsets_)[static_cast<std::size_t>(slot)];
  }
  void* write(int slot) const { return arena_ + (*offsets_)[static_cast<std::size_t>(slot)]; }

 private:
  std::byte* arena_;
  const std::vector<std::int64_t>* offsets_;
  int input_slot_ = -1;
  const float* input_ = nullptr;
};

}  // namespace syolo::runtime
