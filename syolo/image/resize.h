// Bilinear resizing of interleaved pixels into float planes, in the two conventions that
// trained networks know.
#pragma once

#include "syolo/graph/net.h"
#include "syolo/image/image.h"

namespace syolo {

/// Planes of floats, one per channel; `row` and `plane` are distances in floats.
struct PlaneView {
  float* data = nullptr;
  int width = 0, height = 0;
  std::ptrdiff_t row = 0, plane = 0;
};

/// Fills `dst` (one plane per channel of `src`) with `src` resized, as v/255 or v/65535.
/// Columns first, then rows, each value rounded to float after every step.
///
/// aligned_corners: output c reads c*(W_in-1)/(W_out-1), in float; the last column and row copy
/// the last ones of `src`, a single one the first.
/// half_pixel: output c reads (c+0.5)*W_in/W_out-0.5, kept inside [0, W_in-1].
/// Neither smooths when it shrinks. The result does not depend on instruction sets or threads.
void resize_to_planes(ImageView src, Interpolation interpolation, const PlaneView& dst);

}  // namespace syolo
