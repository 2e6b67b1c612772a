// What the format readers share: bounds-checked bytes, and the sink that turns stored rows into
// the wanted, upright picture.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "syolo/base/error.h"
#include "syolo/base/limits.h"
#include "syolo/image/image.h"

namespace syolo::image {

using Bytes = std::span<const std::byte>;

/// What a file says before its pixels; `stored` is the size before orientation.
struct Header {
  Size stored;
  int channels = 3;
  int bits = 8;
  int orientation = 1;
};

class RowSink;

/// What a reader may do while decoding.
struct Request {
  int channels = 3;  // wanted; a reader may deliver any of 1..4, the sink converts
  int bits = 8;      // wanted; likewise
  Size at_least{};   // as stored, not upright; {} = full size
  Limits limits;
  std::int64_t max_bytes = 0;  // of all pixel memory that one decoding holds at a time
};

/// One file format. `header` and `decode` throw Error without a file name: the caller adds it.
struct Codec {
  std::string_view format;
  bool (*matches)(Bytes);
  Header (*header)(Bytes);
  void (*decode)(Bytes, const Header&, const Request&, RowSink&);
};
Codec jpeg_codec();
Codec png_codec();
Codec webp_codec();
Codec bmp_codec();
Codec gif_codec();
Codec pnm_codec();

/// @throws Error(input) unless 8 bits, 1, 3 or 4 channels and not empty
void check_encodable(ImageView image);

/// Whether the bytes begin with `magic` at `at`.
bool has_magic(Bytes bytes, std::string_view magic, std::size_t at = 0);

[[noreturn]] void fail_damaged(std::string_view text, std::int64_t byte = -1);
[[noreturn]] void fail_truncated(std::string_view missing, std::int64_t byte = -1);
[[noreturn]] void fail_unsupported(std::string_view what);

/// Numbers out of bytes; reading past the end is Error(input), "truncated".
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes, bool big_endian = false) :
      bytes_(bytes), big_endian_(big_endian) {}
  std::size_t size() const { return bytes_.size(); }
  std::uint32_t u8(std::size_t at) const { return std::to_integer<std::uint32_t>(part(at, 1)[0]); }
  std::uint32_t u16(std::size_t at) const { return number(at, 2); }
  std::uint32_t u32(std::size_t at) const { return number(at, 4); }
  std::int32_t i32(std::size_t at) const { return static_cast<std::int32_t>(u32(at)); }
  Bytes part(std::size_t at, std::size_t count) const;

 private:
  std::uint32_t number(std::size_t at, std::size_t count) const;
  Bytes bytes_;
  bool big_endian_;
};

/// Collects the rows of the stored picture, in any order, as an upright picture with the wanted
/// channels and bits. After `start` nothing here allocates or throws, so that C libraries may
/// be jumped out of between two rows.
class RowSink {
 public:
  RowSink(int orientation, int channels, int bits, std::int64_t max_bytes) :
      orientation_(orientation), image_(0, 0, channels, bits), max_bytes_(max_bytes) {}

  /// Announces rows of `stored.width` pixels with these channels (1..4) and bits (8, 16); with
  /// `whole`, the reader wants one block for all rows.
  void start(Size stored, int channels, int bits, bool whole = false);
  std::byte* row(int y);  // where stored row y is to be written ...
  void place(int y);      // ... and then handed over
  std::byte* whole() { return direct_ ? image_.pixels.data() : buffer_.data(); }
  std::ptrdiff_t row_bytes() const { return row_bytes_; }
  void place_whole();

  Image take() { return std::move(image_); }

 private:
  const std::byte* converted(const std::byte* row);
  int orientation_;
  Image image_;
  std::int64_t max_bytes_;
  Size stored_;
  int channels_ = 0, bits_ = 0;
  std::ptrdiff_t row_bytes_ = 0;
  bool direct_ = false;            // rows need neither conversion nor turning
  std::vector<std::byte> buffer_;  // one stored row, or all
  std::vector<std::byte> wanted_;  // one row with the wanted channels and bits
};

/// Orientation tag (1..8) of an EXIF block (with or without "Exif\0\0" before it); 1 when
/// absent or damaged.
int exif_orientation(Bytes exif);

}  // namespace syolo::image
