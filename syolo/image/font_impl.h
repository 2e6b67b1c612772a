// The bitmap font of labels: 8x16 pixels a character.
#pragma once

#include <cstdint>

namespace syolo::image {

inline constexpr int kGlyphWidth = 8, kGlyphHeight = 16;

struct Glyph {
  std::uint64_t upper = 0, lower = 0;
  bool pixel(int x, int y) const {
    const std::uint64_t half = y < 8 ? upper : lower;
    return (half >> (63 - 8 * (y % 8) - x) & 1U) != 0;
  }
};

/// The character's picture; a box where the font has none.
const Glyph& glyph_of(char32_t code);

}  // namespace syolo::image
