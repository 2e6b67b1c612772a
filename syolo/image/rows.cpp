// Shared parts of the format readers: byte access, row conversion, orientation.

#include <algorithm>

#include "syolo/image/codec_impl.h"

namespace syolo::image {
namespace {

// Luma of ITU-R BT.601 in 16-bit fixed point; the weights add up to 65536.
constexpr std::uint32_t kRed = 19595, kGreen = 38470, kBlue = 7471;

template <class T>
T load(const std::byte* at) {
  T value;
  std::memcpy(&value, at, sizeof(T));
  return value;
}

template <class T>
void store(std::byte* at, T value) {
  std::memcpy(at, &value, sizeof(T));
}

std::uint8_t changed_depth(std::uint16_t value, std::uint8_t) {  // 65535 -> 255, rounded
  return static_cast<std::uint8_t>((value * 255U + 32895U) >> 16);
}
std::uint16_t changed_depth(std::uint8_t value, std::uint16_t) {
  return static_cast<std::uint16_t>(value * 257U);
}
template <class T>
T changed_depth(T value, T) {
  return value;
}

template <class Src, class Dst>
void convert_row(const std::byte* src, int src_channels, std::byte* dst, int dst_channels,
                 int width) {
  const bool color = src_channels >= 3;
  const std::size_t src_step = sizeof(Src) * static_cast<std::size_t>(src_channels);
  const std::size_t dst_step = sizeof(Dst) * static_cast<std::size_t>(dst_channels);
  for (int x = 0; x < width; ++x, src += src_step, dst += dst_step) {
    const auto sample = [src](int c) { return load<Src>(src + sizeof(Src) * c); };
    const auto put = [dst](int c, Src value) {
      store<Dst>(dst + sizeof(Dst) * c, changed_depth(value, Dst{}));
    };
    const Src r = sample(0), g = color ? sample(1) : r, b = color ? sample(2) : r;
    if (dst_channels == 1) {
      put(0, color ? static_cast<Src>((kRed * r + kGreen * g + kBlue * b + 32768U) >> 16) : r);
      continue;
    }
    put(0, r), put(1, g), put(2, b);
    const bool alpha = src_channels == 2 || src_channels == 4;
    if (dst_channels == 4) put(3, alpha ? sample(src_channels - 1) : static_cast<Src>(~Src{0}));
  }
}

void convert_row(const std::byte* src, int src_channels, int src_bits, std::byte* dst,
                 int dst_channels, int dst_bits, int width) {
  using U8 = std::uint8_t;
  using U16 = std::uint16_t;
  const auto convert = src_bits == 8
                           ? (dst_bits == 8 ? convert_row<U8, U8> : convert_row<U8, U16>)
                           : (dst_bits == 8 ? convert_row<U16, U8> : convert_row<U16, U16>);
  convert(src, src_channels, dst, dst_channels, width);
}

// Where the first pixel of stored row y goes, and how far apart its pixels are, in pixels of the
// upright picture. The EXIF numbers name the corner that the stored row 0, column 0 stands for.
struct PixelPath {
  std::ptrdiff_t start, step;
};
PixelPath upright_path(int orientation, Size stored, int y) {
  const std::ptrdiff_t w = stored.width, h = stored.height;
  switch (orientation) {
    case 2:
      return {y * w + w - 1, -1};
    case 3:
      return {(h - 1 - y) * w + w - 1, -1};
    case 4:
      return {(h - 1 - y) * w, 1};
    case 5:
      return {y, h};
    case 6:
      return {h - 1 - y, h};
    case 7:
      return {(w - 1) * h + h - 1 - y, -h};
    case 8:
      return {(w - 1) * h + y, -h};
    default:
      return {y * w, 1};
  }
}

template <std::size_t N>
void scatter(const std::byte* src, std::byte* dst, std::ptrdiff_t step_bytes, int width) {
  for (int x = 0; x < width; ++x, src += N, dst += step_bytes) std::memcpy(dst, src, N);
}

void scatter(const std::byte* src, std::byte* dst, std::ptrdiff_t step_bytes, int width,
             int pixel_bytes) {
  switch (pixel_bytes) {
    case 1:
      return scatter<1>(src, dst, step_bytes, width);
    case 2:
      return scatter<2>(src, dst, step_bytes, width);
    case 3:
      return scatter<3>(src, dst, step_bytes, width);
    case 4:
      return scatter<4>(src, dst, step_bytes, width);
    case 6:
      return scatter<6>(src, dst, step_bytes, width);
    default:
      return scatter<8>(src, dst, step_bytes, width);
  }
}

}  // namespace

bool has_magic(Bytes bytes, std::string_view magic, std::size_t at) {
  return bytes.size() >= at + magic.size() &&
         std::memcmp(bytes.data() + at, magic.data(), magic.size()) == 0;
}

void fail_damaged(std::string_view text, std::int64_t byte) {
  throw Error(ErrorKind::input, std::string(text), {.file = {}, .byte = byte, .item = {}},
              "the file is damaged");
}

void fail_truncated(std::string_view missing, std::int64_t byte) {
  throw Error(ErrorKind::input, format("expected {}, found the end of the file", missing),
              {.file = {}, .byte = byte, .item = {}}, "the file is truncated");
}

void fail_unsupported(std::string_view what) {
  throw Error(ErrorKind::unsupported,
              format("expected a JPEG, PNG, WebP, BMP, GIF or PNM picture, found {}", what), {},
              "convert the picture to PNG or JPEG");
}

Bytes ByteReader::part(std::size_t at, std::size_t count) const {
  if (at > bytes_.size() || bytes_.size() - at < count) {
    fail_truncated(format("{} bytes at {}", count, at), static_cast<std::int64_t>(bytes_.size()));
  }
  return bytes_.subspan(at, count);
}

std::uint32_t ByteReader::number(std::size_t at, std::size_t count) const {
  const Bytes digits = part(at, count);
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t from = big_endian_ ? i : count - 1 - i;
    value = value << 8 | std::to_integer<std::uint32_t>(digits[from]);
  }
  return value;
}

void RowSink::start(Size stored, int channels, int bits, bool whole) {
  stored_ = stored, channels_ = channels, bits_ = bits;
  row_bytes_ = static_cast<std::ptrdiff_t>(stored.width) * channels * (bits / 8);
  const bool same = channels == image_.channels && bits == image_.bits;
  direct_ = same && orientation_ == 1;
  const bool turned = orientation_ >= 5;
  const std::int64_t pixels = std::int64_t{stored.width} * stored.height;
  const std::int64_t own = pixels * image_.channels * (image_.bits / 8);
  const std::int64_t more = direct_ ? 0 : row_bytes_ * (whole ? stored.height : 1);
  if (own + more > max_bytes_) {
    throw Error(ErrorKind::limit,
                format("expected at most {} bytes for decoding, found a picture of {}x{} that "
                       "needs {}",
                       grouped(max_bytes_), stored.width, stored.height, grouped(own + more)),
                {}, "raise the limit on pixels");
  }
  image_ = Image(turned ? stored.height : stored.width, turned ? stored.width : stored.height,
                 image_.channels, image_.bits);
  buffer_.resize(static_cast<std::size_t>(more));
  if (!same) wanted_.resize(static_cast<std::size_t>(own / std::max(1, stored.height)));
}

std::byte* RowSink::row(int y) {
  return direct_ ? image_.pixels.data() + row_bytes_ * y : buffer_.data();
}

const std::byte* RowSink::converted(const std::byte* row) {
  if (wanted_.empty()) return row;
  convert_row(row, channels_, bits_, wanted_.data(), image_.channels, image_.bits, stored_.width);
  return wanted_.data();
}

void RowSink::place(int y) {
  if (direct_) return;
  const int pixel_bytes = image_.channels * (image_.bits / 8);
  const std::byte* src = converted(buffer_.data());
  const auto [start, step] = upright_path(orientation_, stored_, y);
  std::byte* dst = image_.pixels.data() + start * pixel_bytes;
  if (step == 1) {
    std::memcpy(dst, src, static_cast<std::size_t>(stored_.width) * pixel_bytes);
  } else {
    scatter(src, dst, step * pixel_bytes, stored_.width, pixel_bytes);
  }
}

void RowSink::place_whole() {
  if (direct_) return;
  const int pixel_bytes = image_.channels * (image_.bits / 8);
  for (int y = 0; y < stored_.height; ++y) {
    const std::byte* src = converted(buffer_.data() + row_bytes_ * y);
    const auto [start, step] = upright_path(orientation_, stored_, y);
    scatter(src, image_.pixels.data() + start * pixel_bytes, step * pixel_bytes, stored_.width,
            pixel_bytes);
  }
}

}  // namespace syolo::image

namespace syolo {

Image converted(ImageView image, int channels, int bits) {
  Image out(image.width, image.height, channels, bits);
  const std::ptrdiff_t row_bytes = out.view().row_bytes;
  for (int y = 0; y < image.height; ++y) {
    image::convert_row(image.data + y * image.row_bytes, image.channels, image.bits,
                       out.pixels.data() + y * row_bytes, channels, bits, image.width);
  }
  return out;
}

}  // namespace syolo
