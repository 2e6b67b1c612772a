// Heads -> detections in image pixels: decode, suppress, map back, clip. The only such code.
#pragma once

#include <span>
#include <vector>

#include "syolo/boxes/nms.h"

namespace syolo {

struct Detection {
  Box box;  // image pixels
  int cls = 0;
  float score = 0;
};

/// Order of results: by score descending, then class, then box.
bool sooner(const Detection& a, const Detection& b);

/// The options with `model` replaced by what the last head says (method and exponent).
NmsOptions resolved(NmsOptions options, std::span<const HeadSpec> specs);

/// Sorted by sooner(). Clipped to the image unless `raw`; boxes
/// without area inside the image are dropped then.
std::vector<Detection> postprocess(std::span<const HeadView> views, std::span<const HeadSpec> specs,
                                   Size input, const NmsOptions& options, const ImageMap& map,
                                   bool raw = false);

}  // namespace syolo
