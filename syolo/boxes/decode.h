// Head tensors -> candidate boxes. Scans objectness first, so that cells below the threshold
// cost one comparison. Formulas: docs/decoding.md, spec of the [yolo] layers.
#pragma once

#include <span>
#include <vector>

#include "syolo/base/geometry.h"
#include "syolo/graph/head.h"

namespace syolo {

/// Raw values of one image's head: the output of the convolution before [yolo] (not its
/// activated form). Value (c, y, x) lies at ((c/block)*h*w + y*w + x)*block + c%block:
/// block 1 = planes, 16 = the engine's blocks, C = channels last.
struct HeadView {
  const float* data = nullptr;
  Shape shape;  // C,H,W
  int block = 1;
  float at(int c, int y, int x) const {
    const auto cell = static_cast<std::ptrdiff_t>(c / block) * shape.h * shape.w +
                      static_cast<std::ptrdiff_t>(y) * shape.w + x;
    return data[cell * block + c % block];
  }
};

/// One (box, class) pair above the threshold, before suppression.
struct Candidate {
  Box box;          // network-input pixels, not clipped
  int cls = 0;
  float score = 0;
  float objectness = 0;
  int head = 0, cell = 0, anchor = 0;  // where it came from; order of ties
};

/// Appends candidates of one head: objectness > threshold (strict), then every class with
/// objectness * probability > threshold. NaN never passes. At most `max_candidates` of the
/// best are kept (by score, then head, cell, anchor, class), whatever the order of arrival.
/// @param input  network-input size in pixels (anchors are in these pixels)
void decode(const HeadView& view, const HeadSpec& spec, Size input, int head, float threshold,
            std::vector<Candidate>& out);

/// Stable order of everything that follows: score descending, head, cell, anchor, class.
bool before(const Candidate& a, const Candidate& b);

}  // namespace syolo
