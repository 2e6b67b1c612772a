// EXIF: only the orientation of the main picture is of interest. A damaged block never makes a
// picture unreadable.

#include "syolo/image/codec_impl.h"

namespace syolo::image {
namespace {

constexpr std::uint32_t kOrientation = 0x0112;
constexpr std::uint32_t kShort = 3, kLong = 4;

int orientation_of_ifd(const ByteReader& tiff, std::size_t ifd) {
  if (ifd > tiff.size() || tiff.size() - ifd < 2) return 1;
  const std::size_t count = tiff.u16(ifd);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t entry = ifd + 2 + 12 * i;
    if (entry + 12 > tiff.size()) return 1;
    if (tiff.u16(entry) != kOrientation) continue;
    const std::uint32_t type = tiff.u16(entry + 2);
    std::uint32_t value = 0;
    if (type == kShort) value = tiff.u16(entry + 8);
    if (type == kLong) value = tiff.u32(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace

int exif_orientation(Bytes exif) {
  if (has_magic(exif, {"Exif\0", 5}) && exif.size() >= 6) exif = exif.subspan(6);
  if (exif.size() < 8) return 1;
  const bool little = has_magic(exif, "II"), big = has_magic(exif, "MM");
  if (!little && !big) return 1;
  const ByteReader tiff(exif, big);
  if (tiff.u16(2) != 42) return 1;
  return orientation_of_ifd(tiff, tiff.u32(4));
}

}  // namespace syolo::image
