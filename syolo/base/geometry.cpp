#include "syolo/base/geometry.h"

#include <algorithm>

namespace syolo {

Box clipped(Box box, Size image) {
  const auto w = static_cast<float>(image.width);
  const auto h = static_cast<float>(image.height);
  return {std::clamp(box.x1, 0.0F, w), std::clamp(box.y1, 0.0F, h), std::clamp(box.x2, 0.0F, w),
          std::clamp(box.y2, 0.0F, h)};
}

Box ImageMap::to_net(Box box) const {
  const auto x = [this](float v) { return static_cast<float>(v * sx + tx); };
  const auto y = [this](float v) { return static_cast<float>(v * sy + ty); };
  return {x(box.x1), y(box.y1), x(box.x2), y(box.y2)};
}

Box ImageMap::to_image(Box box) const {
  const auto x = [this](float v) { return static_cast<float>((v - tx) / sx); };
  const auto y = [this](float v) { return static_cast<float>((v - ty) / sy); };
  return {x(box.x1), y(box.y1), x(box.x2), y(box.y2)};
}

}  // namespace syolo
