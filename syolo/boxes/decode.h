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
  Box box;  // network-input pixels, not clipped
  int cls = 0;
  float score = 0;
  float objectness = 0;
  int head = 0, cell = 0, anchor = 0;  // where it came from; order of ties
  bool operator==(const Candidate&) const = default;
};

struct CandidateLimits {
  float threshold = 0.25F;
  int max_candidates = 30'000;   // the best by before()
  std::span<const int> classes;  // only these, empty = all
};

/// Candidates of all heads of one image, sorted by before(): objectness > threshold (strict),
/// then every class with objectness * probability > threshold; the gaussian form multiplies by
/// 1 - (mean deviation) as well. NaN never passes, nor does a box or score that is not finite.
/// Of more than max_candidates the best are kept; memory grows with max_candidates, not with
/// the number of pairs above the threshold.
/// @param input  network-input size in pixels (anchors are in these pixels)
/// @throws Error(usage) for max_candidates < 1, Error(limit) for 2^32 (box, class) pairs or more
std::vector<Candidate> decode(std::span<const HeadView> views, std::span<const HeadSpec> specs,
                              Size input, const CandidateLimits& options);

/// The same for one head, whose number is `head`; appends to `out`.
void decode(const HeadView& view, const HeadSpec& spec, Size input, int head, float threshold,
            std::vector<Candidate>& out);

/// Stable order of everything that follows: score descending, head, cell, anchor, class, box.
bool before(const Candidate& a, const Candidate& b);

}  // namespace syolo
