#include "syolo/runtime/tiles.h"

#include <utility>

namespace syolo {
namespace {

ImageView part_of(ImageView image, const Window& window) {
  const std::ptrdiff_t pixel = std::ptrdiff_t{image.channels} * image.bits / 8;
  image.data += window.y * image.row_bytes + window.x * pixel;
  image.width = window.width, image.height = window.height;
  return image;
}

}  // namespace

TiledDetector::TiledDetector(Detector detector, const TileOptions& tiles, NmsOptions nms) :
    detector_(std::move(detector)), options_(tiles), nms_(std::move(nms)) {
  require(options_.tile == Size{} || !detector_.classifies(),
          "expected a network with detection heads to look at tiles, found a classifier");
}

std::vector<Detection> TiledDetector::look(ImageView image) {
  std::vector<Detection> found = detector_(image);
  const StageTimes& times = detector_.times();
  times_.preprocess_ms += times.preprocess_ms;
  times_.infer_ms += times.infer_ms;
  times_.postprocess_ms += times.postprocess_ms;
  return found;
}

std::vector<Detection> TiledDetector::operator()(ImageView image) {
  times_ = {};
  tiles_ = 0;
  if (options_.tile == Size{}) return look(image);
  const std::vector<Window> parts = windows(image.size(), options_.tile, options_.overlap);
  if (parts.size() == 1) return look(image);
  tiles_ = static_cast<int>(parts.size());
  std::vector<WindowDetections> found;
  found.reserve(parts.size() + 1);
  found.push_back({{0, 0, image.width, image.height}, look(image)});
  for (const Window& window : parts) {
    found.push_back({window, look(part_of(image, window))});
    for (Detection& detection : found.back().detections) {
      Box& box = detection.box;
      box.x1 += static_cast<float>(window.x), box.x2 += static_cast<float>(window.x);
      box.y1 += static_cast<float>(window.y), box.y2 += static_cast<float>(window.y);
    }
  }
  return joined(found, image.size(), nms_);
}

}  // namespace syolo
