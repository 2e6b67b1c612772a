// BMP: all header versions, palettes, bit fields, run lengths. Embedded JPEG and PNG are refused.

#include <algorithm>
#include <array>
#include <bit>

#include "syolo/image/codec_impl.h"

namespace syolo::image {
namespace {

constexpr std::size_t kDib = 14;  // offset of the second header
enum Compression : std::uint32_t {
  rgb,
  rle8,
  rle4,
  bit_fields,
  jpeg_inside,
  png_inside,
  alpha_bit_fields,
  rle24 = 100,
  fax = 101
};

using Pixel = std::array<std::uint8_t, 4>;

struct Field {
  std::uint32_t mask = 0;
  std::uint8_t value(std::uint32_t pixel, std::uint8_t missing) const {
    if (mask == 0) return missing;
    const int shift = std::countr_zero(mask);
    const std::uint64_t top = mask >> shift, raw = (pixel & mask) >> shift;
    return static_cast<std::uint8_t>((raw * 255 + top / 2) / top);
  }
};

struct Bmp {
  int width = 0, height = 0, bits = 0;
  bool top_down = false;
  std::uint32_t compression = rgb;
  std::array<Field, 4> fields{};
  std::vector<Pixel> palette;
  std::size_t pixels = 0;  // offset
  bool grey = false, alpha = false;
  bool rle() const { return compression == rle8 || compression == rle4 || compression == rle24; }
};

bool matches(Bytes bytes) {
  if (!has_magic(bytes, "BM") || bytes.size() < kDib + 4) return false;
  const std::uint32_t header = ByteReader(bytes).u32(kDib);
  return header == 12 || (header >= 16 && header <= 124);
}

void check(const Bmp& bmp, std::uint32_t planes_and_bits) {
  if (bmp.compression == jpeg_inside || bmp.compression == png_inside) {
    fail_unsupported("a BMP with a JPEG or PNG inside");
  }
  if (bmp.compression == fax) fail_unsupported("a BMP with a fax inside");
  if (bmp.width <= 0 || bmp.height <= 0) {
    fail_damaged(format("expected sides above 0, found {}x{}", bmp.width, bmp.height), kDib + 4);
  }
  const std::array<int, 7> depths = {1, 2, 4, 8, 16, 24, 32};
  if (std::find(depths.begin(), depths.end(), bmp.bits) == depths.end()) {
    fail_damaged(
        format("expected 1, 2, 4, 8, 16, 24 or 32 bits a pixel, found {}", planes_and_bits >> 16),
        kDib + 14);
  }
  const bool known = bmp.compression <= bit_fields || bmp.compression == alpha_bit_fields ||
                     bmp.compression == rle24;
  const bool fits = (bmp.compression != rle8 || bmp.bits == 8) &&
                    (bmp.compression != rle4 || bmp.bits == 4) &&
                    (bmp.compression != rle24 || bmp.bits == 24);
  if (!known || !fits) {
    fail_damaged(format("expected a compression that suits {} bits, found number {}", bmp.bits,
                        bmp.compression),
                 kDib + 16);
  }
  if (bmp.rle() && bmp.top_down) {
    fail_damaged("expected run lengths from the bottom up, found a top-down picture", kDib + 8);
  }
}

// Where the colour masks stand: inside headers of 52 bytes and more, else behind the header.
void read_fields(const ByteReader& in, std::uint32_t header_bytes, Bmp& bmp) {
  if (bmp.compression == bit_fields || bmp.compression == alpha_bit_fields) {
    const bool has_alpha = bmp.compression == alpha_bit_fields || header_bytes >= 56;
    for (std::size_t i = 0; i < (has_alpha ? 4U : 3U); ++i) {
      bmp.fields[i].mask = in.u32(kDib + 40 + 4 * i);
    }
  } else if (bmp.bits == 16) {
    bmp.fields = {Field{0x7C00}, Field{0x03E0}, Field{0x001F}, Field{0}};
  } else {
    bmp.fields = {Field{0xFF0000}, Field{0x00FF00}, Field{0x0000FF}, Field{0}};
  }
  bmp.alpha = bmp.fields[3].mask != 0;
}

void read_palette(const ByteReader& in, std::uint32_t header_bytes, std::uint32_t used, Bmp& bmp) {
  if (bmp.bits > 8) return;
  const std::size_t entry = header_bytes == 12 ? 3 : 4;
  const bool masks = header_bytes == 40 && bmp.compression == bit_fields;
  const std::size_t begin = kDib + header_bytes + (masks ? 12 : 0);
  const std::size_t most = std::size_t{1} << bmp.bits;
  std::size_t count = used == 0 ? most : std::min<std::size_t>(used, most);
  if (bmp.pixels > begin) count = std::min(count, (bmp.pixels - begin) / entry);
  bmp.palette.assign(most, Pixel{0, 0, 0, 255});
  bmp.grey = true;
  for (std::size_t i = 0; i < count; ++i) {
    const Bytes bgr = in.part(begin + entry * i, 3);
    const auto at = [bgr](int c) { return std::to_integer<std::uint8_t>(bgr[c]); };
    bmp.palette[i] = {at(2), at(1), at(0), 255};
    bmp.grey = bmp.grey && at(0) == at(1) && at(1) == at(2);
  }
}

Bmp read(Bytes bytes) {
  const ByteReader in(bytes);
  Bmp bmp;
  const std::uint32_t header_bytes = in.u32(kDib);
  bmp.pixels = in.u32(10);
  std::uint32_t planes_and_bits = 0, used = 0;
  if (header_bytes == 12) {
    bmp.width = static_cast<int>(in.u16(kDib + 4));
    bmp.height = static_cast<int>(in.u16(kDib + 6));
    planes_and_bits = in.u32(kDib + 8);
  } else {
    bmp.width = in.i32(kDib + 4);
    const std::int64_t height = in.i32(kDib + 8);
    bmp.top_down = height < 0;
    bmp.height = static_cast<int>(std::min<std::int64_t>(std::abs(height), INT32_MAX));
    planes_and_bits = in.u32(kDib + 12);
    if (header_bytes >= 20) bmp.compression = in.u32(kDib + 16);
    if (header_bytes >= 36) used = in.u32(kDib + 32);
  }
  bmp.bits = static_cast<int>(planes_and_bits >> 16);
  // OS/2 2.x, whose headers have other lengths than Windows': number 3 is its fax, 4 its RLE24.
  const bool os2 = header_bytes == 64 || (header_bytes > 12 && header_bytes < 40);
  if (os2 && bmp.compression == bit_fields) bmp.compression = fax;
  if (os2 && bmp.compression == jpeg_inside) bmp.compression = rle24;
  // Some writers of Windows headers use number 4 for RLE24 as well; JPEG pictures say 0 bits.
  if (bmp.compression == jpeg_inside && bmp.bits == 24) bmp.compression = rle24;
  check(bmp, planes_and_bits);
  read_fields(in, header_bytes, bmp);
  read_palette(in, header_bytes, used, bmp);
  return bmp;
}

Header header(Bytes bytes) {
  const Bmp bmp = read(bytes);
  Header header;
  header.stored = {bmp.width, bmp.height};
  header.channels = bmp.palette.empty() ? (bmp.alpha ? 4 : 3) : (bmp.grey ? 1 : 3);
  return header;
}

void put(std::byte* dst, const Pixel& pixel, int channels) {
  std::memcpy(dst, pixel.data(), static_cast<std::size_t>(channels));
}

void decode_plain_row(const Bmp& bmp, Bytes row, std::byte* dst, int channels) {
  const ByteReader in(row);
  if (bmp.bits == 24 || (bmp.bits == 32 && bmp.compression == rgb)) {
    const std::size_t step = static_cast<std::size_t>(bmp.bits) / 8;
    const std::byte* src = row.data();
    for (int x = 0; x < bmp.width; ++x, src += step, dst += channels) {
      dst[0] = src[2], dst[1] = src[1], dst[2] = src[0];
      if (channels == 4) dst[3] = std::byte{255};
    }
    return;
  }
  for (int x = 0; x < bmp.width; ++x, dst += channels) {
    if (bmp.bits <= 8) {
      const int bit = x * bmp.bits;
      const unsigned byte = in.u8(static_cast<std::size_t>(bit / 8));
      const unsigned index = byte >> (8 - bmp.bits - bit % 8) & ((1U << bmp.bits) - 1);
      put(dst, bmp.palette[index], channels);
    } else {
      const std::size_t at = static_cast<std::size_t>(x) * (bmp.bits / 8);
      const std::uint32_t pixel = bmp.bits == 16 ? in.u16(at) : in.u32(at);
      const auto& f = bmp.fields;
      put(dst,
          {f[0].value(pixel, 0), f[1].value(pixel, 0), f[2].value(pixel, 0),
           f[3].value(pixel, 255)},
          channels);
    }
  }
}

void decode_plain(Bytes bytes, const Bmp& bmp, RowSink& sink, int channels) {
  const std::int64_t stride = (std::int64_t{bmp.width} * bmp.bits + 31) / 32 * 4;
  const std::int64_t last = (std::int64_t{bmp.width} * bmp.bits + 7) / 8;  // may lack its filling
  const std::int64_t need = stride * (bmp.height - 1) + last;
  const auto have = static_cast<std::int64_t>(bytes.size());
  if (static_cast<std::int64_t>(bmp.pixels) > have ||
      need > have - static_cast<std::int64_t>(bmp.pixels)) {
    fail_truncated(format("{} bytes of pixels", need), have);
  }
  sink.start({bmp.width, bmp.height}, channels, 8);
  for (int i = 0; i < bmp.height; ++i) {
    const int y = bmp.top_down ? i : bmp.height - 1 - i;
    const auto at = bmp.pixels + static_cast<std::size_t>(stride * i);
    decode_plain_row(bmp, bytes.subspan(at, static_cast<std::size_t>(last)), sink.row(y), channels);
    sink.place(y);
  }
}

// The run-length machine: writes pixels from the lower left corner, row after row.
class RunLengths {
 public:
  RunLengths(const Bmp& bmp, Bytes bytes, std::byte* pixels, int channels) :
      bmp_(bmp), in_(bytes), at_(bmp.pixels), pixels_(pixels), channels_(channels) {}

  void decode() {
    const std::size_t unit = bmp_.bits == 24 ? 3 : 1;
    while (y_ < bmp_.height) {
      if (y_ == bmp_.height - 1 && x_ >= bmp_.width && at_ + 2 > in_.size()) return;
      const std::uint32_t count = in_.u8(at_);
      if (count > 0) {
        for (std::uint32_t i = 0; i < count; ++i) write(pixel(at_ + 1, i));
        at_ += 1 + unit;
        continue;
      }
      const std::uint32_t code = in_.u8(at_ + 1);
      at_ += 2;
      if (code == 0) {
        x_ = 0, ++y_;
      } else if (code == 1) {
        return;
      } else if (code == 2) {
        x_ += static_cast<int>(in_.u8(at_)), y_ += static_cast<int>(in_.u8(at_ + 1));
        at_ += 2;
      } else {
        literal(code, unit);
      }
    }
  }

 private:
  void literal(std::uint32_t count, std::size_t unit) {
    const std::size_t bytes = bmp_.bits == 4 ? (count + 1) / 2 : count * unit;
    in_.part(at_, bytes);
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::size_t at = bmp_.bits == 4 ? at_ + i / 2 : at_ + i * unit;
      write(pixel(at, i));
    }
    at_ += bytes + bytes % 2;
  }
  Pixel pixel(std::size_t at, std::uint32_t i) const {
    if (bmp_.bits == 24) {
      const auto part = [&](std::size_t c) { return static_cast<std::uint8_t>(in_.u8(at + c)); };
      return {part(2), part(1), part(0), 255};
    }
    const std::uint32_t byte = in_.u8(at);
    return bmp_.palette[bmp_.bits == 8 ? byte : i % 2 == 0 ? byte >> 4 : byte & 15U];
  }
  void write(const Pixel& pixel) {  // runs that leave their row are cut off
    if (x_ < bmp_.width && y_ < bmp_.height) {
      const std::size_t row = static_cast<std::size_t>(bmp_.height - 1 - y_) * bmp_.width;
      put(pixels_ + (row + static_cast<std::size_t>(x_)) * channels_, pixel, channels_);
    }
    x_ = std::min(x_ + 1, bmp_.width);
  }

  const Bmp& bmp_;
  ByteReader in_;
  std::size_t at_;
  std::byte* pixels_;
  int channels_;
  int x_ = 0, y_ = 0;
};

void decode(Bytes bytes, const Header& header, const Request& request, RowSink& sink) {
  const Bmp bmp = read(bytes);
  const int channels = request.channels == 4 && header.channels == 4 ? 4 : 3;
  if (!bmp.rle()) return decode_plain(bytes, bmp, sink, channels);
  ByteReader(bytes).part(bmp.pixels, 1);
  sink.start(header.stored, channels, 8, true);
  // Pixels that the code skips are of the first colour.
  const Pixel background = bmp.palette.empty() ? Pixel{0, 0, 0, 255} : bmp.palette[0];
  const std::size_t count = static_cast<std::size_t>(bmp.width) * bmp.height;
  for (std::size_t i = 0; i < count; ++i) {
    put(sink.whole() + i * channels, background, channels);
  }
  RunLengths(bmp, bytes, sink.whole(), channels).decode();
  sink.place_whole();
}

}  // namespace

Codec bmp_codec() {
  return {"bmp", matches, header, decode};
}

}  // namespace syolo::image
