// Picture -> network input: resize, letterbox, scale to 0..1, planes. The only such code:
// training, evaluation, detection, server and calibration call it.
#pragma once

#include <span>

#include "syolo/graph/net.h"
#include "syolo/image/image.h"

namespace syolo {

/// Fills dst (C,H,W of `input`, values 0..1) from the picture; returns the map for the boxes.
/// Fit and interpolation as `how` says; pictures with other channels or bits must have been
/// decoded for it. Uses the calling thread only; result independent of instruction set.
/// @throws Error(input) when channels or bits do not match
ImageMap preprocess(ImageView image, const Preprocess& how, Size input, std::span<float> dst);

/// The map alone (also what preprocess returns).
ImageMap image_map(Size image, const Preprocess& how, Size input);

}  // namespace syolo
