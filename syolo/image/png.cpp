// PNG through libpng. Its errors arrive by longjmp, see jpeg.cpp. Text, profiles and other
// chunks that pixels do not need are skipped unread: they cannot unpack into memory.

#include <png.h>

#include <array>
#include <bit>
#include <csetjmp>

#include "syolo/image/codec.h"
#include "syolo/image/codec_impl.h"

namespace syolo::image {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1A\n";
constexpr std::size_t kChunks = 8;  // offset of the first chunk: length, type, data, CRC
// Deflate cannot shrink further than this: a file that is shorter cannot hold its rows.
constexpr std::int64_t kMaxDeflateRatio = 1032;

bool matches(Bytes bytes) {
  return has_magic(bytes, kSignature);
}

int channels_of(std::uint32_t color_type) {
  switch (color_type) {
    case PNG_COLOR_TYPE_GRAY:
      return 1;
    case PNG_COLOR_TYPE_GRAY_ALPHA:
      return 2;
    case PNG_COLOR_TYPE_RGB:
    case PNG_COLOR_TYPE_PALETTE:
      return 3;
    case PNG_COLOR_TYPE_RGB_ALPHA:
      return 4;
    default:
      fail_damaged(format("expected colour type 0, 2, 3, 4 or 6, found {}", color_type), 25);
  }
}

// Walks the chunks for what the picture's properties need; stops quietly where the file ends.
void read_extras(const ByteReader& in, Header& header) {
  for (std::size_t at = kChunks; at + 12 <= in.size();) {
    const std::size_t length = in.u32(at);
    if (length > in.size() - at - 12) return;
    const Bytes type = in.part(at + 4, 4), data = in.part(at + 8, length);
    if (has_magic(type, "tRNS") && header.channels % 2 == 1) ++header.channels;
    if (has_magic(type, "eXIf")) header.orientation = exif_orientation(data);
    if (has_magic(type, "IEND")) return;
    at += length + 12;
  }
}

Header header(Bytes bytes) {
  const ByteReader in(bytes, true);
  if (has_magic(bytes, "CgBI", kChunks + 4)) fail_unsupported("an Apple CgBI picture");
  if (!has_magic(bytes, "IHDR", kChunks + 4)) {
    in.part(kChunks, 8);
    fail_damaged("expected the chunk IHDR first, found another", kChunks);
  }
  Header header;
  const std::uint32_t width = in.u32(kChunks + 8), height = in.u32(kChunks + 12);
  if (width == 0 || height == 0 || width > PNG_UINT_31_MAX || height > PNG_UINT_31_MAX) {
    fail_damaged(format("expected sides of 1..2147483647, found {}x{}", width, height), 16);
  }
  header.stored = {static_cast<int>(width), static_cast<int>(height)};
  header.bits = static_cast<int>(in.u8(kChunks + 16));
  if (header.bits > 16 || !std::has_single_bit(static_cast<unsigned>(header.bits))) {
    fail_damaged(format("expected 1, 2, 4, 8 or 16 bits a value, found {}", header.bits), 24);
  }
  const std::uint32_t color_type = in.u8(kChunks + 17);
  header.channels = channels_of(color_type);
  read_extras(in, header);
  const int values = color_type == PNG_COLOR_TYPE_PALETTE ? 1 : channels_of(color_type);
  const std::int64_t row = (std::int64_t{values} * header.bits * width + 7) / 8;
  if (row * height / kMaxDeflateRatio > static_cast<std::int64_t>(bytes.size())) {
    fail_truncated(format("data of {} x {} pixels", width, height),
                   static_cast<std::int64_t>(bytes.size()));
  }
  return header;
}

// What libpng's callbacks get.
struct Guarded {
  std::jmp_buf jump{};
  std::array<char, 200> text{};
  Bytes in;
  std::size_t at = 0;
  bool truncated = false;
  std::vector<std::byte> out;

  template <class Body>
  bool run(Body&& body) {
    if (setjmp(jump) != 0) return false;
    body();
    return true;
  }
};

[[noreturn]] void on_error(png_structp png, png_const_charp text) {
  auto& to = *static_cast<Guarded*>(png_get_error_ptr(png));
  const std::string_view words = text == nullptr ? "" : text;
  const std::size_t count = std::min(words.size(), to.text.size() - 1);
  std::memcpy(to.text.data(), words.data(), count);
  to.text[count] = '\0';
  std::longjmp(to.jump, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep dst, std::size_t count) {
  auto& from = *static_cast<Guarded*>(png_get_io_ptr(png));
  if (from.in.size() - from.at < count) {
    from.truncated = true;
    png_error(png, "truncated");
  }
  std::memcpy(dst, from.in.data() + from.at, count);
  from.at += count;
}

class Reader {
 public:
  Reader(Bytes bytes, const Limits& limits) {
    guard_.in = bytes;
    call([&] {
      png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, &guard_, on_error, on_warning);
      info_ = png_ == nullptr ? nullptr : png_create_info_struct(png_);
      if (info_ == nullptr) std::longjmp(guard_.jump, 1);
      png_set_read_fn(png_, &guard_, on_read);
      png_set_user_limits(png_, static_cast<png_uint_32>(limits.side),
                          static_cast<png_uint_32>(limits.side));
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
      static constexpr std::string_view kUnneeded(
          "cHRM\0gAMA\0iCCP\0sRGB\0bKGD\0hIST\0pHYs\0"
          "sPLT\0tIME\0tEXt\0zTXt\0iTXt\0oFFs\0pCAL\0"
          "sCAL\0eXIf\0sBIT\0",
          85);
      png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER,
                                  reinterpret_cast<png_const_bytep>(kUnneeded.data()),
                                  static_cast<int>(kUnneeded.size() / 5));
      png_set_benign_errors(png_, 1);
      png_read_info(png_, info_);
    });
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  png_structp png() { return png_; }
  png_infop info() { return info_; }

  template <class Body>
  void call(Body&& body) {
    if (guard_.run(body)) return;
    png_destroy_read_struct(&png_, &info_, nullptr);
    const auto at = static_cast<std::int64_t>(guard_.at);
    if (guard_.truncated) fail_truncated("more image data", at);
    fail_damaged(format("expected a PNG, found: {}", guard_.text.data()), at);
  }

 private:
  Guarded guard_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
};

// 8 or 16 bits per value in this machine's order, no palette, alpha only if somebody wants it.
void set_transforms(png_structp png, const Request& request) {
  png_set_expand(png);
  if (request.bits == 8) png_set_scale_16(png);
  if (std::endian::native == std::endian::little) png_set_swap(png);
  if (request.channels != 4) png_set_strip_alpha(png);
}

void decode(Bytes bytes, const Header& header, const Request& request, RowSink& sink) {
  Reader reader(bytes, request.limits);
  png_structp png = reader.png();
  int passes = 1, channels = 0, bits = 0;
  reader.call([&] {
    set_transforms(png, request);
    passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader.info());
    channels = png_get_channels(png, reader.info());
    bits = png_get_bit_depth(png, reader.info());
  });
  sink.start(header.stored, channels, bits, passes > 1);
  reader.call([&] {
    const int height = header.stored.height;
    if (passes == 1) {
      for (int y = 0; y < height; ++y) {
        png_read_row(png, reinterpret_cast<png_bytep>(sink.row(y)), nullptr);
        sink.place(y);
      }
    } else {
      std::byte* rows = sink.whole();
      for (int pass = 0; pass < passes; ++pass) {
        for (int y = 0; y < height; ++y) {
          png_read_row(png, reinterpret_cast<png_bytep>(rows + sink.row_bytes() * y), nullptr);
        }
      }
      sink.place_whole();
    }
    png_read_end(png, nullptr);  // checksums of the last chunk, and the end mark
  });
}

}  // namespace

Codec png_codec() {
  return {"png", matches, header, decode};
}

namespace {

void on_write(png_structp png, png_bytep src, std::size_t count) {
  auto& to = *static_cast<Guarded*>(png_get_io_ptr(png));
  bool full = false;
  try {
    const auto* from = reinterpret_cast<const std::byte*>(src);
    to.out.insert(to.out.end(), from, from + count);
  } catch (const std::bad_alloc&) {
    full = true;  // leaves by libpng's way: no exception may cross C code
  }
  if (full) png_error(png, "out of memory");
}

void on_flush(png_structp) {}

}  // namespace

}  // namespace syolo::image

namespace syolo {

std::vector<std::byte> encode_png(ImageView image) {
  image::check_encodable(image);
  image::Guarded guard;
  png_structp png = nullptr;
  png_infop info = nullptr;
  const bool done = guard.run([&] {
    png =
        png_create_write_struct(PNG_LIBPNG_VER_STRING, &guard, image::on_error, image::on_warning);
    info = png == nullptr ? nullptr : png_create_info_struct(png);
    if (info == nullptr) std::longjmp(guard.jump, 1);
    png_set_write_fn(png, &guard, image::on_write, image::on_flush);
    const int type = image.channels == 1   ? PNG_COLOR_TYPE_GRAY
                     : image.channels == 3 ? PNG_COLOR_TYPE_RGB
                                           : PNG_COLOR_TYPE_RGB_ALPHA;
    png_set_IHDR(png, info, static_cast<png_uint_32>(image.width),
                 static_cast<png_uint_32>(image.height), 8, type, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 3);  // annotated photographs: 4 x the speed, 5 % more bytes
    png_write_info(png, info);
    for (int y = 0; y < image.height; ++y) {
      png_write_row(png, reinterpret_cast<png_const_bytep>(image.data + image.row_bytes * y));
    }
    png_write_end(png, nullptr);
  });
  png_destroy_write_struct(&png, &info);
  if (!done) {
    throw Error(ErrorKind::input, format("expected a picture that PNG can hold, found {}x{}: {}",
                                         image.width, image.height, guard.text.data()));
  }
  return std::move(guard.out);
}

}  // namespace syolo
