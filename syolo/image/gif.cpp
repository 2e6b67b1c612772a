// GIF: the first frame on its screen. What the frame leaves uncovered is black and transparent.

#include <array>

#include "syolo/image/codec_impl.h"

namespace syolo::image {
namespace {

using Pixel = std::array<std::uint8_t, 4>;
constexpr std::size_t kFirstBlock = 13;
constexpr int kMaxCodes = 4096;

struct Gif {
  Size screen;
  int left = 0, top = 0, width = 0, height = 0;
  bool interlaced = false;
  std::array<Pixel, 256> palette{};
  int transparent = -1;
  std::size_t data = 0;  // offset of the code size
};

bool matches(Bytes bytes) {
  return has_magic(bytes, "GIF87a") || has_magic(bytes, "GIF89a");
}

std::size_t read_palette(const ByteReader& in, std::size_t at, std::uint32_t flags, Gif& gif) {
  const std::size_t count = std::size_t{2} << (flags & 7U);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t c = 0; c < 3; ++c) {
      gif.palette[i][c] = static_cast<std::uint8_t>(in.u8(at + 3 * i + c));
    }
  }
  return at + 3 * count;
}

std::size_t after_blocks(const ByteReader& in, std::size_t at) {
  while (in.u8(at) != 0) at += 1 + in.u8(at);
  return at + 1;
}

std::size_t read_extension(const ByteReader& in, std::size_t at, Gif& gif) {
  constexpr std::uint32_t kControl = 0xF9;
  if (in.u8(at + 1) == kControl && in.u8(at + 2) >= 4 && (in.u8(at + 3) & 1U) != 0) {
    gif.transparent = static_cast<int>(in.u8(at + 6));
  }
  return after_blocks(in, at + 2);
}

void read_frame(const ByteReader& in, std::size_t at, Gif& gif) {
  gif.left = static_cast<int>(in.u16(at + 1)), gif.top = static_cast<int>(in.u16(at + 3));
  gif.width = static_cast<int>(in.u16(at + 5)), gif.height = static_cast<int>(in.u16(at + 7));
  const std::uint32_t flags = in.u8(at + 9);
  gif.interlaced = (flags & 0x40U) != 0;
  gif.data = (flags & 0x80U) != 0 ? read_palette(in, at + 10, flags, gif) : at + 10;
  if (gif.width == 0 || gif.height == 0) fail_damaged("expected a frame, found an empty one");
  if (gif.screen.width == 0 || gif.screen.height == 0) {
    gif.screen = {gif.left + gif.width, gif.top + gif.height};
  }
}

Gif read(Bytes bytes) {
  const ByteReader in(bytes);
  Gif gif;
  gif.screen = {static_cast<int>(in.u16(6)), static_cast<int>(in.u16(8))};
  for (std::size_t i = 0; i < 256; ++i) {  // without any palette: shades of grey
    const auto level = static_cast<std::uint8_t>(i);
    gif.palette[i] = {level, level, level, 255};
  }
  const std::uint32_t flags = in.u8(10);
  std::size_t at = kFirstBlock;
  if ((flags & 0x80U) != 0) at = read_palette(in, at, flags, gif);
  for (;;) {
    const std::uint32_t block = in.u8(at);
    if (block == 0x2C) {
      read_frame(in, at, gif);
      return gif;
    }
    if (block != 0x21) {
      fail_damaged(format("expected an image or an extension, found block {}", block),
                   static_cast<std::int64_t>(at));
    }
    at = read_extension(in, at, gif);
  }
}

Header header(Bytes bytes) {
  const Gif gif = read(bytes);
  Header header;
  header.stored = gif.screen;
  header.channels = gif.transparent >= 0 ? 4 : 3;
  return header;
}

// Codes of growing width, least significant bit first, out of blocks of up to 255 bytes.
class Codes {
 public:
  Codes(const ByteReader& in, std::size_t at) : in_(in), at_(at) {}
  int next(int width) {
    while (have_ < width) {
      if (left_ == 0) {
        left_ = in_.u8(at_++);
        if (left_ == 0) fail_truncated("more pixels", static_cast<std::int64_t>(at_));
      }
      bits_ |= in_.u8(at_++) << have_;
      have_ += 8, --left_;
    }
    const int code = static_cast<int>(bits_ & ((1U << width) - 1));
    bits_ >>= width, have_ -= width;
    return code;
  }

 private:
  const ByteReader& in_;
  std::size_t at_;
  std::uint32_t left_ = 0, bits_ = 0;
  int have_ = 0;
};

// Rows of an interlaced frame come as every 8th, 8th from 4, 4th from 2, 2nd from 1.
class RowOrder {
 public:
  explicit RowOrder(const Gif& gif) : gif_(gif) {}
  int row() const { return y_; }
  void advance() {
    if (!gif_.interlaced) {
      ++y_;
      return;
    }
    static constexpr std::array<int, 4> kStep = {8, 8, 4, 2}, kBegin = {0, 4, 2, 1};
    y_ += kStep[pass_];
    while (y_ >= gif_.height && pass_ < 3) y_ = kBegin[++pass_];
  }

 private:
  const Gif& gif_;
  std::size_t pass_ = 0;
  int y_ = 0;
};

class Painter {
 public:
  Painter(const Gif& gif, RowSink& sink) : gif_(gif), sink_(sink), order_(gif) {}
  bool done() const { return rows_ == gif_.height; }
  void paint(std::uint8_t index) {
    const int x = gif_.left + x_, y = gif_.top + order_.row();
    if (x < gif_.screen.width && y < gif_.screen.height && index != gif_.transparent) {
      std::byte* dst = sink_.whole() + sink_.row_bytes() * y + std::ptrdiff_t{4} * x;
      std::memcpy(dst, gif_.palette[index].data(), 4);
    }
    if (++x_ < gif_.width) return;
    x_ = 0, ++rows_;
    order_.advance();
  }

 private:
  const Gif& gif_;
  RowSink& sink_;
  RowOrder order_;
  int x_ = 0, rows_ = 0;
};

// LZW as GIF has it: entries are a prefix code and one more value.
class Lzw {
 public:
  explicit Lzw(int root_bits) : root_bits_(root_bits) { clear(); }
  int width() const { return width_; }
  int clear_code() const { return 1 << root_bits_; }
  void clear() { next_ = clear_code() + 2, width_ = root_bits_ + 1, last_ = -1; }
  /// The values that `code` stands for, last one first; enters the new string.
  std::span<const std::uint8_t> expand(int code) {
    if (code > next_ || (code == next_ && last_ < 0) || code >= kMaxCodes) {
      fail_damaged("expected a known code, found one that is not in the table yet");
    }
    std::size_t n = 0;
    int at = code;
    if (code == next_) string_[n++] = first_, at = last_;
    for (; at >= clear_code(); at = prefix_[at]) {
      if (at < clear_code() + 2) fail_damaged("expected a colour, found a control code");
      string_[n++] = value_[at];
    }
    first_ = string_[n++] = static_cast<std::uint8_t>(at);
    if (code == next_) string_[0] = first_;
    if (last_ >= 0 && next_ < kMaxCodes) {
      prefix_[next_] = static_cast<std::uint16_t>(last_), value_[next_] = first_;
      if (++next_ == 1 << width_ && width_ < 12) ++width_;
    }
    last_ = code;
    return {string_.data(), n};
  }

 private:
  int root_bits_, next_ = 0, width_ = 0, last_ = -1;
  std::uint8_t first_ = 0;
  std::array<std::uint16_t, kMaxCodes> prefix_{};
  std::array<std::uint8_t, kMaxCodes> value_{};
  std::array<std::uint8_t, kMaxCodes + 1> string_{};
};

void decode(Bytes bytes, const Header& header, const Request&, RowSink& sink) {
  const Gif gif = read(bytes);
  const ByteReader in(bytes);
  const std::uint32_t root_bits = in.u8(gif.data);
  if (root_bits < 1 || root_bits > 11) {  // above 8: useless, but some writers do it
    fail_damaged(format("expected a code size of 1..11, found {}", root_bits),
                 static_cast<std::int64_t>(gif.data));
  }
  sink.start(header.stored, 4, 8, true);
  Painter painter(gif, sink);
  Codes codes(in, gif.data + 1);
  Lzw lzw(static_cast<int>(root_bits));
  while (!painter.done()) {
    const int code = codes.next(lzw.width());
    if (code == lzw.clear_code()) {
      lzw.clear();
      continue;
    }
    if (code == lzw.clear_code() + 1) fail_truncated("more pixels before the end code");
    const auto values = lzw.expand(code);
    for (std::size_t i = values.size(); i-- > 0 && !painter.done();) painter.paint(values[i]);
  }
  sink.place_whole();
}

}  // namespace

Codec gif_codec() {
  return {"gif", matches, header, decode};
}

}  // namespace syolo::image
