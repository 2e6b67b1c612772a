// The [net] section: input shape, how pictures become input, and hints for training.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "syolo/base/tensor.h"

namespace syolo {

enum class Fit { stretch, letterbox };
/// aligned_corners: Darknet's resize and letterbox arithmetic; half_pixel: OpenCV's and the
/// PyTorch programs'. See image/resize.h.
enum class Interpolation { aligned_corners, half_pixel };

/// How a picture becomes network input. Stored with the model, obeyed everywhere.
struct Preprocess {
  Fit fit = Fit::stretch;
  Interpolation interpolation = Interpolation::aligned_corners;
  float pad = 0.5F;   // letterbox border, in 0..1
  int channels = 3;   // 1 grey, 3 RGB, 4 RGBA
  int bits = 8;       // of one value: 8, or 16 for networks trained on such pictures
  int multiple = 32;  // the input's sides must be multiples of this (the greatest stride)
  bool operator==(const Preprocess&) const = default;
};

/// Letterboxed on grey, as the PyTorch programs of the family show pictures to a network.
constexpr Preprocess letterboxed(Preprocess how) {
  how.fit = Fit::letterbox, how.interpolation = Interpolation::half_pixel;
  how.pad = 114.0F / 255;
  return how;
}

/// Keys that only training reads, as written; in file order.
using KeyValues = std::vector<std::pair<std::string, std::string>>;

struct Net {
  Shape input{1, 3, 416, 416};
  Preprocess preprocess;
  KeyValues hints;
  bool operator==(const Net&) const = default;
};

}  // namespace syolo
