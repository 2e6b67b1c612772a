// Any bytes as a picture. The oracle: size and pixels agree, grey and RGBA readings agree with
// the RGB one, and what was decoded survives our own PNG.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "syolo/base/error.h"
#include "syolo/image/codec.h"

namespace {

using syolo::Image;

void expect(bool condition) {
  if (!condition) std::abort();
}

Image decode(std::span<const std::byte> bytes, int channels, int bits,
             const syolo::Limits& limits) {
  syolo::DecodeOptions options;
  options.channels = channels, options.bits = bits;
  return syolo::decode_image(bytes, "fuzz", options, limits);
}

void check(std::span<const std::byte> bytes, const syolo::Limits& limits) {
  const syolo::ImageInfo info = syolo::image_info(bytes, "fuzz", limits);
  const Image rgb = decode(bytes, 3, 8, limits);
  expect(rgb.size() == info.size);
  const Image rgba = decode(bytes, 4, 8, limits);
  for (std::size_t i = 0, n = rgb.pixels.size() / 3; i < n; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      expect(rgb.pixels[3 * i + c] == rgba.pixels[4 * i + c]);
    }
  }
  expect(decode(bytes, 1, 16, limits).size() == info.size);
  expect(decode(syolo::encode_png(rgba.view()), 4, 8, limits).pixels == rgba.pixels);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  syolo::Limits limits;
  limits.pixels = 65'536, limits.side = 4096, limits.jpeg_scans = 10;
  try {
    check({reinterpret_cast<const std::byte*>(data), size}, limits);
  } catch (const syolo::Error& error) {
    expect(error.kind() == syolo::ErrorKind::input || error.kind() == syolo::ErrorKind::limit ||
           error.kind() == syolo::ErrorKind::unsupported);
  }
  return 0;
}
