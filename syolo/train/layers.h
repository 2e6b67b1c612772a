// What training's network computes, layer by layer, to be laid beside the engine's values.
#pragma once

#include <vector>

#include "syolo/weights/model.h"

namespace syolo {

/// The output of every layer for one picture, as it is when a network is measured (running
/// statistics, nothing dropped): C,H,W, f32. A head's is what it reads.
/// @param input  1,C,H,W
std::vector<Tensor> training_layers(const Model& model, const Tensor& input);

}  // namespace syolo
