// Self-adversarial training: pictures changed a little against the network, so that it no longer
// sees their objects; then it learns to find them all the same. Source: arXiv:2004.10934 and
// Darknet.
#pragma once

#include "syolo/train/net_impl.h"

namespace syolo::train {

/// How a batch's pictures are changed.
struct Hiding {
  double strength = 0;    // 0: not at all
  double objectness = 1;  // its weight beside classes and boxes
};

/// What hides every object that a head sees, as Darknet has it: the direction for its logits in
/// which objectness falls, and the classes turn to others.
/// @param logits  N,C,H,W (Net::forward), f32 or f64
torch::Tensor hiding_direction(const torch::Tensor& logits, const HeadSpec& head, Size input,
                               double objectness);

/// The pictures after one step in that direction, in 0..1. Neither parameters nor running
/// statistics change, and no gradient stays.
/// @param images  N,C,H,W in 0..1
torch::Tensor hidden(Net& net, const torch::Tensor& images, std::span<const HeadSpec> heads,
                     const Hiding& hiding);

}  // namespace syolo::train
