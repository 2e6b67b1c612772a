// What the tests of pictures share: files, small pictures, and EXIF blocks put into files.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <vector>

#include "syolo/base/rng.h"
#include "syolo/image/codec.h"

namespace syolo::test {

using FileBytes = std::vector<std::byte>;

inline Path image_path(const std::string& name) {
  return Path(SYOLO_TEST_DATA) / "images" / name;
}

inline FileBytes read_image_file(const std::string& name) {
  std::ifstream in(image_path(name), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  EXPECT_FALSE(in.bad() || (text.empty() && !in)) << name;
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

inline FileBytes bytes_of(std::string_view text) {
  const auto* data = reinterpret_cast<const std::byte*>(text.data());
  return {data, data + text.size()};
}

inline int value_at(const Image& image, int x, int y, int c) {
  const std::size_t at = (static_cast<std::size_t>(y) * image.width + x) * image.channels + c;
  if (image.bits == 8) return std::to_integer<int>(image.pixels[at]);
  std::uint16_t value = 0;
  std::memcpy(&value, image.pixels.data() + 2 * at, 2);
  return value;
}

inline void set_value(Image& image, int x, int y, int c, int value) {
  const std::size_t at = (static_cast<std::size_t>(y) * image.width + x) * image.channels + c;
  if (image.bits == 8) {
    image.pixels[at] = static_cast<std::byte>(value);
  } else {
    const auto wide = static_cast<std::uint16_t>(value);
    std::memcpy(image.pixels.data() + 2 * at, &wide, 2);
  }
}

inline Image random_image(int width, int height, int channels, int bits = 8) {
  Image image(width, height, channels, bits);
  Rng rng(11, Stream::test, static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height));
  for (std::byte& value : image.pixels) value = static_cast<std::byte>(rng.below(256));
  return image;
}

/// Mean of |a - b| over all values, in levels; infinite when the pictures differ in form.
inline double mean_difference(const Image& a, const Image& b) {
  if (a.size() != b.size() || a.channels != b.channels || a.bits != b.bits) return 1e9;
  double sum = 0;
  for (int y = 0; y < a.height; ++y) {
    for (int x = 0; x < a.width; ++x) {
      for (int c = 0; c < a.channels; ++c) {
        sum += std::abs(value_at(a, x, y, c) - value_at(b, x, y, c));
      }
    }
  }
  return sum / (static_cast<double>(a.width) * a.height * a.channels);
}

/// A big-endian EXIF block whose only entry is the orientation.
inline FileBytes exif_block(int orientation) {
  std::string block("MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0?\0\0\0\0\0\0", 26);
  block[19] = static_cast<char>(orientation);
  return bytes_of(block);
}

inline FileBytes jpeg_with_exif(const FileBytes& jpeg, int orientation) {
  FileBytes segment =
      bytes_of({"\xFF\xE1\0\x22"
                "Exif\0\0",
                10});
  const FileBytes exif = exif_block(orientation);
  segment.insert(segment.end(), exif.begin(), exif.end());
  FileBytes out = jpeg;
  out.insert(out.begin() + 2, segment.begin(), segment.end());
  return out;
}

inline std::uint32_t crc32(std::span<const std::byte> bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const std::byte b : bytes) {
    crc ^= std::to_integer<std::uint32_t>(b);
    for (int k = 0; k < 8; ++k) crc = crc >> 1 ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

inline void append_be32(FileBytes& to, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    to.push_back(static_cast<std::byte>(value >> shift & 255U));
  }
}

/// A PNG chunk put before the first chunk of data (always at offset 33 in files of encode_png).
inline FileBytes png_with_chunk(const FileBytes& png, std::string_view type,
                                const FileBytes& data) {
  FileBytes typed = bytes_of(type);
  typed.insert(typed.end(), data.begin(), data.end());
  FileBytes chunk;
  append_be32(chunk, data.size());
  chunk.insert(chunk.end(), typed.begin(), typed.end());
  append_be32(chunk, crc32(typed));
  FileBytes out = png;
  out.insert(out.begin() + 33, chunk.begin(), chunk.end());
  return out;
}

/// The kind of the Error that `body` throws.
inline std::string error_kind(const std::function<void()>& body) {
  try {
    body();
  } catch (const Error& error) {
    switch (error.kind()) {
      case ErrorKind::input:
        return "input";
      case ErrorKind::unsupported:
        return "unsupported";
      case ErrorKind::limit:
        return "limit";
      case ErrorKind::io:
        return "io";
      case ErrorKind::usage:
        return "usage";
      default:
        return "another kind: " + error.text();
    }
  }
  return "ok";
}

}  // namespace syolo::test
