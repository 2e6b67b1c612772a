// PBM, PGM and PPM, plain (P1 P2 P3) and raw (P4 P5 P6), up to 16 bits; the first picture only.

#include <algorithm>

#include "syolo/image/codec_impl.h"

namespace syolo::image {
namespace {

struct Pnm {
  char kind = '6';
  int width = 0, height = 0, channels = 3;
  std::uint32_t top = 1;  // the value of full brightness
  std::size_t data = 0;
  bool plain() const { return kind <= '3'; }
  bool bitmap() const { return kind == '1' || kind == '4'; }
};

bool is_space(std::uint32_t c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool matches(Bytes bytes) {
  if (bytes.size() < 3 || bytes[0] != std::byte{'P'}) return false;
  const auto kind = std::to_integer<std::uint32_t>(bytes[1]);
  const auto next = std::to_integer<std::uint32_t>(bytes[2]);
  return kind >= '1' && kind <= '6' && (is_space(next) || next == '#');
}

// Decimal numbers between white space and comments.
class Numbers {
 public:
  Numbers(const ByteReader& in, std::size_t at) : in_(in), at_(at) {}
  std::size_t at() const { return at_; }

  std::uint32_t next() {
    skip_space();
    std::uint64_t value = 0;
    const std::size_t begin = at_;
    while (at_ < in_.size() && in_.u8(at_) >= '0' && in_.u8(at_) <= '9') {
      value = std::min<std::uint64_t>(value * 10 + in_.u8(at_++) - '0', 0x7FFFFFFF);
    }
    if (at_ == begin) fail_no_number();
    return static_cast<std::uint32_t>(value);
  }
  std::uint32_t next_bit() {  // plain bitmaps need no space between their digits
    skip_space();
    const std::uint32_t digit = in_.u8(at_);
    if (digit != '0' && digit != '1') fail_no_number();
    ++at_;
    return digit - '0';
  }

 private:
  void skip_space() {
    while (at_ < in_.size() && (is_space(in_.u8(at_)) || in_.u8(at_) == '#')) {
      if (in_.u8(at_) != '#') {
        ++at_;
        continue;
      }
      while (at_ < in_.size() && in_.u8(at_) != '\n' && in_.u8(at_) != '\r') ++at_;
    }
  }
  [[noreturn]] void fail_no_number() const {
    if (at_ >= in_.size()) fail_truncated("a number", static_cast<std::int64_t>(at_));
    fail_damaged("expected a number, found other text", static_cast<std::int64_t>(at_));
  }
  const ByteReader& in_;
  std::size_t at_;
};

Pnm read(Bytes bytes) {
  const ByteReader in(bytes);
  Pnm pnm;
  pnm.kind = static_cast<char>(in.u8(1));
  Numbers numbers(in, 2);
  const std::uint32_t width = numbers.next(), height = numbers.next();
  if (width == 0 || height == 0) {
    fail_damaged(format("expected sides above 0, found {}x{}", width, height));
  }
  pnm.width = static_cast<int>(width), pnm.height = static_cast<int>(height);
  pnm.channels = pnm.kind == '3' || pnm.kind == '6' ? 3 : 1;
  if (!pnm.bitmap()) pnm.top = numbers.next();
  if (pnm.top == 0 || pnm.top > 65535) {
    fail_damaged(format("expected a greatest value of 1..65535, found {}", pnm.top));
  }
  pnm.data = numbers.at() + 1;  // exactly one white space before the values
  return pnm;
}

Header header(Bytes bytes) {
  const Pnm pnm = read(bytes);
  Header header;
  header.stored = {pnm.width, pnm.height};
  header.channels = pnm.channels;
  header.bits = pnm.bitmap() ? 1 : pnm.top > 255 ? 16 : 8;
  return header;
}

// Stores value/top of the full range; bitmaps have ink as 1.
void put(std::byte* row, int i, std::uint32_t value, const Pnm& pnm, int bits) {
  if (pnm.bitmap()) value ^= 1U;
  value = std::min(value, pnm.top);
  const std::uint64_t full = bits == 8 ? 255 : 65535;
  const std::uint64_t scaled = (value * full + pnm.top / 2) / pnm.top;
  if (bits == 8) {
    row[i] = static_cast<std::byte>(scaled);
  } else {
    const auto wide = static_cast<std::uint16_t>(scaled);
    std::memcpy(row + std::ptrdiff_t{2} * i, &wide, 2);
  }
}

void decode_raw_row(Bytes src, const Pnm& pnm, int values, int bits, std::byte* dst) {
  const ByteReader in(src, true);
  for (int i = 0; i < values; ++i) {
    const auto at = static_cast<std::size_t>(i);
    std::uint32_t value = 0;
    if (pnm.bitmap()) {
      value = in.u8(at / 8) >> (7 - at % 8) & 1U;
    } else {
      value = pnm.top > 255 ? in.u16(2 * at) : in.u8(at);
    }
    put(dst, i, value, pnm, bits);
  }
}

void decode(Bytes bytes, const Header& header, const Request&, RowSink& sink) {
  const Pnm pnm = read(bytes);
  const ByteReader in(bytes);
  const int bits = header.bits == 16 ? 16 : 8;
  const int values = pnm.width * pnm.channels;
  const std::size_t row_bytes = pnm.bitmap() ? (static_cast<std::size_t>(values) + 7) / 8
                                             : static_cast<std::size_t>(values) * (bits / 8);
  // The smallest size these values can have, so that no small file costs a large picture.
  const std::size_t least =
      pnm.plain() ? static_cast<std::size_t>(values) * pnm.height * (pnm.bitmap() ? 1 : 2) - 1
                  : row_bytes * static_cast<std::size_t>(pnm.height);
  if (pnm.data > bytes.size() || bytes.size() - pnm.data < least) {
    fail_truncated(format("{} bytes of values", least), static_cast<std::int64_t>(bytes.size()));
  }
  sink.start(header.stored, pnm.channels, bits);
  Numbers numbers(in, pnm.data - 1);
  for (int y = 0; y < pnm.height; ++y) {
    std::byte* row = sink.row(y);
    if (pnm.plain()) {
      for (int i = 0; i < values; ++i) {
        put(row, i, pnm.bitmap() ? numbers.next_bit() : numbers.next(), pnm, bits);
      }
    } else {
      decode_raw_row(in.part(pnm.data + row_bytes * static_cast<std::size_t>(y), row_bytes), pnm,
                     values, bits, row);
    }
    sink.place(y);
  }
}

}  // namespace

Codec pnm_codec() {
  return {"pnm", matches, header, decode};
}

}  // namespace syolo::image
