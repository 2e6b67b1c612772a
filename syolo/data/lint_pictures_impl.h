// What lint learns from one picture's bytes.
#pragma once

#include <array>

#include "syolo/data/formats.h"

namespace syolo::data {

struct PictureFacts {
  Findings findings;
  std::uint64_t bytes_hash = 0;
  std::uint64_t perceptual = 0;
  std::array<unsigned char, 256> thumbnail{};  // 16x16 grey
  int contrast = 0;                            // of the thumbnail: greatest less least value
  bool decoded = false;
};
PictureFacts look_at(const Item& item, const Limits& limits);

/// True when both show the same scene: near hashes, and thumbnails alike.
bool near(const PictureFacts& a, const PictureFacts& b, int bits);

/// Why the JPEG's EXIF block is damaged; empty when it is absent or sound.
std::string exif_damage(std::span<const std::byte> jpeg);

}  // namespace syolo::data
