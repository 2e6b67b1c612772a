// Pictures as interleaved RGB (or grey, RGBA) rows, 8 or 16 bits per value.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "syolo/base/geometry.h"

namespace syolo {

/// Borrowed pixels, RGB order; rows are `row_bytes` apart. bits 16: native-endian uint16.
struct ImageView {
  const std::byte* data = nullptr;
  int width = 0, height = 0, channels = 3, bits = 8;
  std::ptrdiff_t row_bytes = 0;
  Size size() const { return {width, height}; }
};

/// Owned pixels, rows packed.
struct Image {
  int width = 0, height = 0, channels = 3, bits = 8;
  std::vector<std::byte> pixels;
  Image() = default;
  Image(int width_, int height_, int channels_, int bits_ = 8) :
      width(width_), height(height_), channels(channels_), bits(bits_),
      pixels(static_cast<std::size_t>(width_) * static_cast<std::size_t>(height_) *
             static_cast<std::size_t>(channels_) * static_cast<std::size_t>(bits_ / 8)) {}
  ImageView view() const {
    return {pixels.data(), width, height,
            channels,      bits,  static_cast<std::ptrdiff_t>(width) * channels * (bits / 8)};
  }
  Size size() const { return {width, height}; }
};

/// The same picture with these channels (1, 3, 4) and bits (8, 16), by the rule of decoding: alpha
/// is dropped, grey is copied, colours become grey by their luma.
Image converted(ImageView image, int channels, int bits);

}  // namespace syolo
