// Which reader a file belongs to, and the checks that come before every decoding.

#include "syolo/image/codec.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "syolo/image/codec_impl.h"

namespace syolo {
namespace {

using image::Bytes;
using image::Codec;
using image::has_magic;
using image::Header;

constexpr std::int64_t kSlackBytes = std::int64_t{16} << 20;
constexpr std::int64_t kBytesPerAllowedPixel = 8;

std::array<Codec, 6> codecs() {
  return {image::jpeg_codec(), image::png_codec(), image::webp_codec(),
          image::bmp_codec(),  image::gif_codec(), image::pnm_codec()};
}

// Formats that people do have, for a message that helps.
std::string_view foreign_format(Bytes bytes) {
  struct Row {
    std::string_view magic, name;
    std::size_t at = 0;
  };
  static constexpr std::array<Row, 20> kRows = {{
      {{"II*\0", 4}, "a TIFF"},
      {{"MM\0*", 4}, "a TIFF"},
      {{"II+\0", 4}, "a TIFF"},
      {{"MM\0+", 4}, "a TIFF"},
      {"ftypavif", "an AVIF", 4},
      {"ftypavis", "an AVIF", 4},
      {"ftyp", "a HEIF or MP4", 4},
      {"8BPS", "a Photoshop file"},
      {{"\0\0\1\0", 4}, "an icon"},
      {"\xFF\x4F\xFF\x51", "a JPEG 2000"},
      {"jP  ", "a JPEG 2000", 4},
      {"\xFF\x0A", "a JPEG XL"},
      {"JXL ", "a JPEG XL", 4},
      {"qoif", "a QOI"},
      {"#?RADIANCE", "a Radiance HDR"},
      {"v/1\x01", "an OpenEXR"},
      {"DDS ", "a DDS"},
      {"PF", "a PFM"},
      {"P7", "a PAM"},
      {"%PDF", "a PDF"},
  }};
  for (const Row& row : kRows) {
    if (has_magic(bytes, row.magic, row.at)) return row.name;
  }
  return {};
}

[[noreturn]] void fail_unknown(Bytes bytes, std::string_view name) {
  if (bytes.empty()) image::fail_damaged("expected a picture, found an empty file");
  const std::string_view format_name = foreign_format(bytes);
  if (!format_name.empty()) image::fail_unsupported(format("{} file", format_name));
  const std::size_t dot = name.rfind('.');
  std::string suffix(dot == std::string_view::npos ? "" : name.substr(dot));
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  if (has_magic(bytes, "PNG", 1)) {
    image::fail_damaged("expected the eight bytes that begin a PNG, found others after \"PNG\"", 4);
  }
  if (suffix == ".tga") image::fail_unsupported("a TGA file");  // the format has no mark
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()),
                              std::min<std::size_t>(bytes.size(), 16));
  throw Error(
      ErrorKind::input,
      format("expected a JPEG, PNG, WebP, BMP, GIF or PNM picture, found \"{}\"", printable(head)),
      {}, "the content decides, not the suffix");
}

Codec codec_of(Bytes bytes, std::string_view name) {
  for (const Codec& codec : codecs()) {
    if (codec.matches(bytes)) return codec;
  }
  fail_unknown(bytes, name);
}

void check_size(Size size, const Limits& limits) {
  const std::int64_t pixels = std::int64_t{size.width} * size.height;
  if (size.width > limits.side || size.height > limits.side) {
    throw Error(ErrorKind::limit, format("expected sides up to {} pixels, found {}x{}", limits.side,
                                         size.width, size.height));
  }
  if (pixels > limits.pixels) {
    throw Error(ErrorKind::limit,
                format("expected at most {} pixels, found {}x{} ({})", grouped(limits.pixels),
                       size.width, size.height, grouped(pixels)));
  }
}

Header checked_header(const Codec& codec, Bytes bytes, const Limits& limits, bool ignore_exif) {
  Header header = codec.header(bytes);
  if (ignore_exif) header.orientation = 1;
  check_size(header.stored, limits);
  return header;
}

Size turned(Size size, int orientation) {
  return orientation >= 5 ? Size{size.height, size.width} : size;
}

}  // namespace

void image::check_encodable(ImageView image) {
  const bool channels = image.channels == 1 || image.channels == 3 || image.channels == 4;
  require(image.bits == 8 && channels && image.width > 0 && image.height > 0,
          "expected a picture of 8 bits and 1, 3 or 4 channels to write, found {}x{} with {} bits "
          "and {} channels",
          image.width, image.height, image.bits, image.channels);
}

ImageInfo image_info(std::span<const std::byte> bytes, std::string_view name, const Limits& limits,
                     bool ignore_exif) {
  return with_where({.file = std::string(name), .item = {}}, [&] {
    const Codec codec = codec_of(bytes, name);
    const Header header = checked_header(codec, bytes, limits, ignore_exif);
    return ImageInfo{codec.format, turned(header.stored, header.orientation), header.channels,
                     header.bits, header.orientation};
  });
}

Image decode_image(std::span<const std::byte> bytes, std::string_view name,
                   const DecodeOptions& options, const Limits& limits) {
  SYOLO_ASSERT(options.channels == 1 || options.channels == 3 || options.channels == 4,
               "pictures are decoded to 1, 3 or 4 channels");
  SYOLO_ASSERT(options.bits == 8 || options.bits == 16, "pictures are decoded to 8 or 16 bits");
  return with_where({.file = std::string(name), .item = {}}, [&] {
    const Codec codec = codec_of(bytes, name);
    const Header header = checked_header(codec, bytes, limits, options.ignore_exif);
    image::Request request;
    request.channels = options.channels, request.bits = options.bits;
    request.at_least = turned(options.at_least, header.orientation);
    request.limits = limits;
    request.max_bytes = kBytesPerAllowedPixel * limits.pixels + kSlackBytes;
    image::RowSink sink(header.orientation, options.channels, options.bits, request.max_bytes);
    codec.decode(bytes, header, request, sink);
    return sink.take();
  });
}

Image load_image(const Path& path, const DecodeOptions& options, const Limits& limits) {
  const auto file = MappedFile::open(path, limits.file_bytes);
  return decode_image(file->bytes(), path.string(), options, limits);
}

void save_image(const Path& path, ImageView image) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  const bool jpeg = suffix == ".jpg" || suffix == ".jpeg";
  if (!jpeg && suffix != ".png") {
    throw Error(
        ErrorKind::usage,
        format("expected a name ending in .jpg, .jpeg or .png, found \"{}\"", printable(suffix)),
        {.file = path.string(), .item = {}});
  }
  write_file_atomic(path, jpeg ? encode_jpeg(image) : encode_png(image));
}

std::span<const std::string_view> image_suffixes() {
  static constexpr std::array<std::string_view, 12> kSuffixes = {".jpg", ".jpeg", ".jpe", ".jfif",
                                                                 ".png", ".webp", ".bmp", ".dib",
                                                                 ".gif", ".pbm",  ".pgm", ".ppm"};
  return kSuffixes;
}

}  // namespace syolo
