// Image files: JPEG, PNG, WebP, BMP (and GIF's, PNM's first frame). Told apart by content.
// Sizes are known, and checked against Limits, before anything is decoded.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/base/error.h"
#include "syolo/base/file.h"
#include "syolo/base/limits.h"
#include "syolo/image/image.h"

namespace syolo {

struct ImageInfo {
  std::string_view format;  // "jpeg", "png", "webp", "bmp", ...
  Size size;                // after EXIF orientation (unless ignored)
  int channels = 3;         // of the file: 1, 2, 3, 4
  int bits = 8;
  int orientation = 1;  // EXIF, 1..8
};

struct DecodeOptions {
  int channels = 3;  // wanted: 1, 3, 4. Alpha is dropped, grey is copied
  bool ignore_exif = false;
  int bits = 8;     // wanted: 8, or 16 (v/65535 = v8/255 scaled)
  Size at_least{};  // JPEG may be decoded at 1/2, 1/4, 1/8 while both sides stay >= this;
                    // {} = full size. Off by default: it changes pixels
};

ImageInfo image_info(std::span<const std::byte> bytes, std::string_view name,
                     const Limits& limits = {}, bool ignore_exif = false);

/// Pixels in RGB order, upright. A truncated file is an Error, never half a picture.
/// @throws Error(input) damaged or unknown format, Error(limit) too many pixels or scans
Image decode_image(std::span<const std::byte> bytes, std::string_view name,
                   const DecodeOptions& options = {}, const Limits& limits = {});
Image load_image(const Path& path, const DecodeOptions& options = {}, const Limits& limits = {});

/// 8-bit, 1/3/4 channels. JPEG 4:4:4 at `quality`.
std::vector<std::byte> encode_jpeg(ImageView image, int quality = 92);
std::vector<std::byte> encode_png(ImageView image);
/// By suffix .jpg/.jpeg/.png; atomic.
void save_image(const Path& path, ImageView image);

/// Suffixes that folders are searched for, lower case with the dot.
std::span<const std::string_view> image_suffixes();

}  // namespace syolo
