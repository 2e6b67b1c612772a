#include <algorithm>
#include <bit>
#include <cctype>
#include <cstdlib>

#include "syolo/data/lint.h"
#include "syolo/data/lint_pictures_impl.h"
#include "syolo/data/rules.h"
#include "syolo/image/codec.h"

namespace syolo {
namespace {

using Bytes = std::span<const std::byte>;

unsigned at(Bytes bytes, std::size_t i) {
  return std::to_integer<unsigned>(bytes[i]);
}

/// Means of a grid of cells; the picture's channels are averaged.
std::vector<unsigned char> grey_cells(ImageView image, int columns, int rows) {
  std::vector<unsigned char> cells;
  cells.reserve(static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows));
  for (int r = 0; r < rows; ++r) {
    const int y0 = r * image.height / rows;
    const int y1 = std::max(y0 + 1, (r + 1) * image.height / rows);
    for (int c = 0; c < columns; ++c) {
      const int x0 = c * image.width / columns;
      const int x1 = std::max(x0 + 1, (c + 1) * image.width / columns);
      std::uint64_t sum = 0;
      for (int y = y0; y < y1; ++y) {
        const std::byte* row = image.data + y * image.row_bytes;
        for (int i = x0 * image.channels; i < x1 * image.channels; ++i) {
          sum += std::to_integer<unsigned>(row[i]);
        }
      }
      const auto count = static_cast<std::uint64_t>(x1 - x0) * static_cast<std::uint64_t>(y1 - y0) *
                         static_cast<std::uint64_t>(image.channels);
      cells.push_back(static_cast<unsigned char>(sum / count));
    }
  }
  return cells;
}

std::uint64_t hash_of(Bytes bytes) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;  // FNV-1a
  for (const std::byte byte : bytes) {
    hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001B3ULL;
  }
  return hash;
}

bool suffix_fits(const Path& path, std::string_view form) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (form == "jpeg") return suffix == ".jpg" || suffix == ".jpeg" || suffix == ".jpe";
  if (form == "pnm") return suffix.size() == 4 && suffix[1] == 'p' && suffix.back() == 'm';
  return suffix == "." + std::string(form);
}

/// The TIFF structure inside an EXIF block.
std::string tiff_damage(Bytes tiff) {
  if (tiff.size() < 8) return "the block ends in its header";
  const bool little = at(tiff, 0) == 'I' && at(tiff, 1) == 'I';
  const bool big = at(tiff, 0) == 'M' && at(tiff, 1) == 'M';
  if (!little && !big) return "expected II or MM for the byte order";
  const auto number = [&](std::size_t offset, std::size_t count) {
    std::size_t value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      value = value << 8 | at(tiff, offset + (little ? count - 1 - i : i));
    }
    return value;
  };
  if (number(2, 2) != 42) return "expected 42 behind the byte order";
  const std::size_t table = number(4, 4);
  if (table > tiff.size() || tiff.size() - table < 2)
    return "the first table lies outside the block";
  const std::size_t entries = number(table, 2);
  if (table + 2 + 12 * entries > tiff.size()) return "the first table ends outside the block";
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = table + 2 + 12 * i;
    if (number(entry, 2) != 0x0112) continue;
    const std::size_t type = number(entry + 2, 2), value = number(entry + 8, type == 4 ? 4 : 2);
    if ((type != 3 && type != 4) || value < 1 || value > 8) {
      return format("expected an orientation of 1..8, found {}", value);
    }
  }
  return {};
}

}  // namespace

std::uint64_t difference_hash(ImageView image) {
  const std::vector<unsigned char> cells = grey_cells(image, 9, 8);
  std::uint64_t hash = 0;
  for (std::size_t row = 0; row < 8; ++row) {
    for (std::size_t c = 0; c < 8; ++c) {
      hash = hash << 1 | (cells[9 * row + c] < cells[9 * row + c + 1] ? 1U : 0U);
    }
  }
  return hash;
}

namespace data {

std::string exif_damage(Bytes jpeg) {
  std::size_t i = 2;
  while (i + 4 <= jpeg.size() && at(jpeg, i) == 0xFF) {
    const unsigned marker = at(jpeg, i + 1);
    if (marker == 0xDA || marker == 0xD9) break;
    const std::size_t length = at(jpeg, i + 2) << 8 | at(jpeg, i + 3);
    if (length < 2 || i + 2 + length > jpeg.size()) break;
    const Bytes body = jpeg.subspan(i + 4, length - 2);
    constexpr std::string_view kExif = "Exif";
    const bool exif = marker == 0xE1 && body.size() >= 6 &&
                      std::equal(kExif.begin(), kExif.end(), body.begin(), [](char a, std::byte b) {
                        return static_cast<unsigned char>(a) == std::to_integer<unsigned char>(b);
                      });
    if (exif) return tiff_damage(body.subspan(6));
    i += 2 + length;
  }
  return {};
}

PictureFacts look_at(const Item& item, const Limits& limits) {
  PictureFacts facts;
  const Where where = {.file = item.image.string()};
  const auto say = [&](std::string_view rule, std::string text) {
    facts.findings.push_back(found(rule, where, std::move(text)));
  };
  try {
    const auto file = MappedFile::open(item.image, limits.file_bytes);
    const ImageInfo info = image_info(file->bytes(), where.file, limits);
    facts.bytes_hash = hash_of(file->bytes());
    if (!suffix_fits(item.image, info.format)) {
      say("image-suffix", format("expected a name that ends in .{}, found {}", info.format,
                                 printable(item.image.extension().string())));
    }
    if (info.orientation != 1) {
      say("image-exif", format("EXIF orientation {}: shown as {}x{}", info.orientation,
                               info.size.width, info.size.height));
    }
    if (info.format == "jpeg") {
      const std::string damage = exif_damage(file->bytes());
      if (!damage.empty()) say("image-exif-damaged", damage);
    }
    if (std::min(info.size.width, info.size.height) < 10) {
      say("image-tiny", format("{}x{} pixels", info.size.width, info.size.height));
    }
    if (std::int64_t{info.size.width} * info.size.height > 40'000'000) {
      say("image-large", format("{}x{} pixels", info.size.width, info.size.height));
    }
    const Image image = decode_image(file->bytes(), where.file, {}, limits);
    facts.perceptual = difference_hash(image.view());
    const std::vector<unsigned char> cells = grey_cells(image.view(), 16, 16);
    std::copy(cells.begin(), cells.end(), facts.thumbnail.begin());
    const auto [low, high] = std::minmax_element(cells.begin(), cells.end());
    facts.contrast = *high - *low;
    facts.decoded = true;
  } catch (const Error& error) {
    say(error.kind() == ErrorKind::limit ? "image-huge" : "image-damaged", error.text());
  }
  return facts;
}

bool near(const PictureFacts& a, const PictureFacts& b, int bits) {
  constexpr int kLeastContrast = 24;  // flat pictures are all alike
  constexpr int kMostDifference = 6;  // grey levels, on average
  if (!a.decoded || !b.decoded || std::min(a.contrast, b.contrast) < kLeastContrast) return false;
  if (std::popcount(a.perceptual ^ b.perceptual) > bits) return false;
  int sum = 0;
  for (std::size_t i = 0; i < a.thumbnail.size(); ++i) {
    sum += std::abs(a.thumbnail[i] - b.thumbnail[i]);
  }
  return sum <= kMostDifference * static_cast<int>(a.thumbnail.size());
}

}  // namespace data
}  // namespace syolo
