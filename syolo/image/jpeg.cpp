// JPEG through libjpeg-turbo. Its errors arrive by longjmp: everything that can fail runs inside
// `Guarded::run`, in functions without destructors, and becomes an Error outside.

#include <csetjmp>
#include <cstdio>  // jpeglib.h needs FILE

#include <jpeglib.h>

#include <jerror.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>

#include "syolo/image/codec.h"
#include "syolo/image/codec_impl.h"

namespace syolo::image {
namespace {

constexpr int kTooManyScans = -1;  // our own failures, beside libjpeg's message numbers
constexpr int kMissingComponent = -2;

// The error manager, as libjpeg wants it: the first member of what the callbacks get.
struct Guarded {
  jpeg_error_mgr manager{};
  std::jmp_buf jump{};
  int code = 0;  // libjpeg's message number
  bool end_of_file = false;
  std::array<char, JMSG_LENGTH_MAX> text{};

  template <class Body>
  bool run(Body&& body) {
    if (setjmp(jump) != 0) return false;
    body();
    return true;
  }
};

Guarded& guarded(j_common_ptr info) {
  return *reinterpret_cast<Guarded*>(info->err);
}

[[noreturn]] void on_error(j_common_ptr info) {
  Guarded& to = guarded(info);
  to.code = info->err->msg_code;
  info->err->format_message(info, to.text.data());
  std::longjmp(to.jump, 1);
}

// libjpeg only warns when it invents pixels for missing or unreadable data. Warnings about
// stray bytes between segments, unknown versions and profiles leave all pixels intact.
bool loses_pixels(int code) {
  switch (code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
      return true;
    default:
      return false;
  }
}

void on_message(j_common_ptr info, int level) {
  if (level >= 0) return;
  Guarded& to = guarded(info);
  if (info->err->msg_code == JWRN_JPEG_EOF) to.end_of_file = true;
  if (loses_pixels(info->err->msg_code)) on_error(info);
}

void on_output(j_common_ptr) {}

void install(Guarded& to) {
  jpeg_std_error(&to.manager);
  to.manager.error_exit = on_error;
  to.manager.emit_message = on_message;
  to.manager.output_message = on_output;
}

[[noreturn]] void fail(const Guarded& at) {
  const std::string_view text = at.text.data();
  switch (at.code) {
    case kTooManyScans:
      throw Error(ErrorKind::limit, "expected fewer scans, found a JPEG with too many", {},
                  "save it again as a baseline JPEG");
    case kMissingComponent:
      fail_damaged("expected data for every component, found none for one");
    case JERR_SOF_UNSUPPORTED:
      fail_unsupported("a lossless or hierarchical JPEG");
    case JERR_BAD_PRECISION:
      fail_unsupported("a JPEG of other than 8 bits");
    case JERR_NO_BACKING_STORE:
    case JERR_IMAGE_TOO_BIG:
    case JERR_WIDTH_OVERFLOW:
    case JERR_OUT_OF_MEMORY:
      throw Error(ErrorKind::limit, format("expected a smaller JPEG: {}", text), {},
                  "raise the limit on pixels");
    case JERR_INPUT_EMPTY:
    case JERR_INPUT_EOF:
    case JWRN_HIT_MARKER:
      fail_truncated("more image data");
    default:
      fail_damaged(format("expected a JPEG, found: {}", text));
  }
}

class Reader {
 public:
  explicit Reader(Bytes bytes) {
    install(guard_);
    info_.err = &guard_.manager;
    call([&] {
      jpeg_create_decompress(&info_);
      jpeg_mem_src(&info_, reinterpret_cast<const unsigned char*>(bytes.data()),
                   static_cast<unsigned long>(bytes.size()));
      jpeg_save_markers(&info_, JPEG_APP0 + 1, 0xFFFF);
      if (jpeg_read_header(&info_, TRUE) != JPEG_HEADER_OK) ERREXIT(&info_, JERR_INPUT_EOF);
    });
  }
  ~Reader() { jpeg_destroy_decompress(&info_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  jpeg_decompress_struct& info() { return info_; }
  Guarded& guard() { return guard_; }

  template <class Body>
  void call(Body&& body) {
    if (guard_.run(body)) return;
    jpeg_destroy_decompress(&info_);  // may run twice: it leaves nothing to destroy
    fail(guard_);
  }

  Header header(std::size_t file_bytes) const {
    const int components = info_.num_components;
    if (components != 1 && components != 3 && components != 4) {
      fail_unsupported(format("a JPEG of {} components", components));
    }
    Header header;
    header.stored = {static_cast<int>(info_.image_width), static_cast<int>(info_.image_height)};
    header.channels = components == 1 ? 1 : 3;
    // Huffman codes spend at least a bit on every block of 8x8: less cannot hold the picture.
    const std::int64_t blocks =
        ((std::int64_t{info_.image_width} + 7) / 8) * ((std::int64_t{info_.image_height} + 7) / 8);
    if (info_.arith_code == FALSE && blocks / 8 > static_cast<std::int64_t>(file_bytes)) {
      fail_truncated(format("data of {}x{} pixels", info_.image_width, info_.image_height),
                     static_cast<std::int64_t>(file_bytes));
    }
    for (auto* marker = info_.marker_list; marker != nullptr; marker = marker->next) {
      const Bytes data{reinterpret_cast<const std::byte*>(marker->data), marker->data_length};
      if (has_magic(data, {"Exif\0", 5})) {
        header.orientation = exif_orientation(data);
        break;
      }
    }
    return header;
  }

 private:
  Guarded guard_;
  jpeg_decompress_struct info_{};
};

// Counts scans and notes whose components they carry; called between pieces of work.
struct Watch {
  jpeg_progress_mgr manager{};
  int max_scans = 0;
  unsigned components = 0;  // bit i: component i has had a scan
};

void on_progress(j_common_ptr common) {
  auto* info = reinterpret_cast<j_decompress_ptr>(common);
  auto& watch = *reinterpret_cast<Watch*>(common->progress);
  if (info->input_scan_number > watch.max_scans) {
    guarded(common).code = kTooManyScans;
    std::longjmp(guarded(common).jump, 1);
  }
  for (int i = 0; i < info->comps_in_scan; ++i) {
    watch.components |= 1U << info->cur_comp_info[i]->component_index;
  }
}

bool matches(Bytes bytes) {
  return has_magic(bytes, "\xFF\xD8");
}

Header header(Bytes bytes) {
  return Reader(bytes).header(bytes.size());
}

// The smallest of 1, 1/2, 1/4, 1/8 that keeps both sides at least as long as wanted.
unsigned shrink(Size stored, Size at_least) {
  unsigned by = 1;
  if (at_least.width <= 0 || at_least.height <= 0) return by;
  const auto fits = [](int side, unsigned part, int wanted) {
    return (static_cast<unsigned>(side) + part - 1) / part >= static_cast<unsigned>(wanted);
  };
  while (by < 8 && fits(stored.width, 2 * by, at_least.width) &&
         fits(stored.height, 2 * by, at_least.height)) {
    by *= 2;
  }
  return by;
}

// Adobe writes CMYK inverted, so that each ink times black is the light that remains.
void cmyk_to_rgb(std::byte* row, int width, bool inverted) {
  const unsigned flip = inverted ? 0 : 255;
  const std::byte* src = row;
  for (int x = 0; x < width; ++x, src += 4, row += 3) {
    const unsigned k = std::to_integer<unsigned>(src[3]) ^ flip;
    for (int c = 0; c < 3; ++c) {
      const unsigned light = std::to_integer<unsigned>(src[c]) ^ flip;
      row[c] = static_cast<std::byte>((light * k + 127) / 255);
    }
  }
}

void choose_output(jpeg_decompress_struct& info, const Header& header, const Request& request) {
  const bool four = info.num_components == 4;
  const bool grey = header.channels == 1 || (request.channels == 1 && !four);
  info.out_color_space = four ? JCS_CMYK : grey ? JCS_GRAYSCALE : JCS_RGB;
  info.scale_num = 1;
  info.scale_denom = shrink(header.stored, request.at_least);
}

void decode(Bytes bytes, const Header& header, const Request& request, RowSink& sink) {
  Reader reader(bytes);
  jpeg_decompress_struct& info = reader.info();
  Watch watch;
  watch.manager.progress_monitor = on_progress;
  watch.max_scans = request.limits.jpeg_scans;
  info.progress = &watch.manager;
  const std::int64_t pixels = std::int64_t{header.stored.width} * header.stored.height;
  info.mem->max_memory_to_use =
      static_cast<long>(std::max<std::int64_t>(1, request.max_bytes - pixels * request.channels));
  reader.call([&] {
    choose_output(info, header, request);
    jpeg_start_decompress(&info);
    if (watch.components != 0 && watch.components != (1U << info.num_components) - 1) {
      reader.guard().code = kMissingComponent;
      std::longjmp(reader.guard().jump, 1);
    }
  });

  const Size size{static_cast<int>(info.output_width), static_cast<int>(info.output_height)};
  const bool cmyk = info.out_color_space == JCS_CMYK;
  const int row_channels = cmyk ? 3 : info.output_components;
  sink.start(size, row_channels, 8);
  std::vector<std::byte> inks(cmyk ? static_cast<std::size_t>(size.width) * 4 : 0);
  std::byte* ink_row = inks.data();
  reader.call([&] {
    for (int y = 0; y < size.height; ++y) {
      std::byte* target = sink.row(y);
      auto* row = reinterpret_cast<JSAMPROW>(cmyk ? ink_row : target);
      jpeg_read_scanlines(&info, &row, 1);
      if (cmyk) {
        cmyk_to_rgb(ink_row, size.width, info.saw_Adobe_marker != FALSE);
        std::memcpy(target, ink_row, static_cast<std::size_t>(size.width) * 3);
      }
      sink.place(y);
    }
  });
  // A missing end marker alone costs nothing where there is one scan: a scan that ends early
  // has been reported. Of several scans, whole ones may be missing.
  if (reader.guard().end_of_file && jpeg_has_multiple_scans(&info)) fail_truncated("more scans");
}

}  // namespace

Codec jpeg_codec() {
  return {"jpeg", matches, header, decode};
}

namespace {

class Writer {
 public:
  Writer() {
    install(guard_);
    info_.err = &guard_.manager;
  }
  ~Writer() {
    jpeg_destroy_compress(&info_);
    std::free(bytes_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  std::vector<std::byte> write(ImageView image, int quality) {
    const int channels = image.channels == 1 ? 1 : 3;
    std::vector<std::byte> line(static_cast<std::size_t>(image.width) * channels);
    std::byte* row = line.data();
    const bool done = guard_.run([&] {
      begin(image, channels, quality);
      for (int y = 0; y < image.height; ++y) {
        const std::byte* src = image.data + image.row_bytes * y;
        std::byte* dst = row;
        for (int x = 0; x < image.width; ++x, src += image.channels, dst += channels) {
          std::memcpy(dst, src, static_cast<std::size_t>(channels));
        }
        auto* pointer = reinterpret_cast<JSAMPROW>(row);
        jpeg_write_scanlines(&info_, &pointer, 1);
      }
      jpeg_finish_compress(&info_);
    });
    if (!done) {
      throw Error(ErrorKind::input, format("expected a picture that JPEG can hold, found {}x{}: {}",
                                           image.width, image.height, guard_.text.data()));
    }
    const auto* begin_bytes = reinterpret_cast<const std::byte*>(bytes_);
    return {begin_bytes, begin_bytes + size_};
  }

 private:
  void begin(ImageView image, int channels, int quality) {
    jpeg_create_compress(&info_);
    jpeg_mem_dest(&info_, &bytes_, &size_);
    info_.image_width = static_cast<JDIMENSION>(image.width);
    info_.image_height = static_cast<JDIMENSION>(image.height);
    info_.input_components = channels;
    info_.in_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info_);
    jpeg_set_quality(&info_, quality, TRUE);
    for (int c = 0; c < info_.num_components; ++c) {
      info_.comp_info[c].h_samp_factor = info_.comp_info[c].v_samp_factor = 1;
    }
    jpeg_start_compress(&info_, TRUE);
  }

  Guarded guard_;
  jpeg_compress_struct info_{};
  unsigned char* bytes_ = nullptr;
  unsigned long size_ = 0;
};

}  // namespace

}  // namespace syolo::image

namespace syolo {

std::vector<std::byte> encode_jpeg(ImageView image, int quality) {
  image::check_encodable(image);
  return image::Writer().write(image, std::clamp(quality, 1, 100));
}

}  // namespace syolo
