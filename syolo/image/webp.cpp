// WebP through libwebp, still and animated: of an animation the first frame on its canvas.

#include <webp/decode.h>
#include <webp/demux.h>

#include <memory>

#include "syolo/image/codec_impl.h"

namespace syolo::image {
namespace {

bool matches(Bytes bytes) {
  return has_magic(bytes, "RIFF") && has_magic(bytes, "WEBP", 8);
}

WebPData data_of(Bytes bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

struct DeleteDemuxer {
  void operator()(WebPDemuxer* demuxer) const { WebPDemuxDelete(demuxer); }
};
using Demuxer = std::unique_ptr<WebPDemuxer, DeleteDemuxer>;

Demuxer open(Bytes bytes) {
  const ByteReader in(bytes);
  if (in.size() >= 8 && in.u32(4) > in.size() - 8) {
    fail_truncated(format("{} bytes", std::int64_t{in.u32(4)} + 8),
                   static_cast<std::int64_t>(in.size()));
  }
  const WebPData data = data_of(bytes);
  Demuxer demuxer(WebPDemux(&data));
  if (demuxer == nullptr) fail_damaged("expected the chunks of a WebP picture, found others");
  return demuxer;
}

Header header_of(const WebPDemuxer* demuxer) {
  Header header;
  header.stored = {static_cast<int>(WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_WIDTH)),
                   static_cast<int>(WebPDemuxGetI(demuxer, WEBP_FF_CANVAS_HEIGHT))};
  const std::uint32_t flags = WebPDemuxGetI(demuxer, WEBP_FF_FORMAT_FLAGS);
  header.channels = (flags & ALPHA_FLAG) != 0 ? 4 : 3;
  WebPChunkIterator chunk;
  if (WebPDemuxGetChunk(demuxer, "EXIF", 1, &chunk) != 0) {
    header.orientation =
        exif_orientation({reinterpret_cast<const std::byte*>(chunk.chunk.bytes), chunk.chunk.size});
  }
  WebPDemuxReleaseChunkIterator(&chunk);
  return header;
}

Header header(Bytes bytes) {
  return header_of(open(bytes).get());
}

void decode_frame(const WebPIterator& frame, const Header& header, RowSink& sink, int channels) {
  const Size canvas = header.stored;
  if (frame.width > canvas.width - frame.x_offset ||
      frame.height > canvas.height - frame.y_offset) {
    fail_damaged("expected the first frame inside the canvas, found it outside");
  }
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) fail_damaged("libwebp of another version");
  config.output.colorspace = channels == 4 ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  const auto stride = static_cast<int>(sink.row_bytes());
  const std::size_t first = static_cast<std::size_t>(stride) * frame.y_offset +
                            static_cast<std::size_t>(frame.x_offset) * channels;
  config.output.u.RGBA.rgba = reinterpret_cast<std::uint8_t*>(sink.whole()) + first;
  config.output.u.RGBA.stride = stride;
  config.output.u.RGBA.size = static_cast<std::size_t>(stride) * canvas.height - first;
  const VP8StatusCode status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  WebPFreeDecBuffer(&config.output);
  switch (status) {
    case VP8_STATUS_OK:
      return;
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      fail_truncated("more image data");
    case VP8_STATUS_OUT_OF_MEMORY:
      throw Error(ErrorKind::limit, "expected a smaller WebP, found one that fills the memory");
    default:
      fail_damaged("expected WebP image data, found damaged data");
  }
}

void decode(Bytes bytes, const Header& header, const Request& request, RowSink& sink) {
  const Demuxer demuxer = open(bytes);
  WebPIterator frame;
  if (WebPDemuxGetFrame(demuxer.get(), 1, &frame) == 0) fail_truncated("a first frame");
  const std::unique_ptr<WebPIterator, decltype(&WebPDemuxReleaseIterator)> release(
      &frame, WebPDemuxReleaseIterator);
  if (frame.complete == 0) fail_truncated("the whole first frame");
  // Around a frame that is smaller than the canvas stays what an empty picture holds: zeros.
  const int channels = request.channels == 4 ? 4 : 3;
  sink.start(header.stored, channels, 8, true);
  decode_frame(frame, header, sink, channels);
  sink.place_whole();
}

}  // namespace

Codec webp_codec() {
  return {"webp", matches, header, decode};
}

}  // namespace syolo::image
