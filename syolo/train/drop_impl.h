// Values that are dropped while training: DropOut, DropBlock and DropConnect, and Darknet's
// [dropout]. What is dropped follows from seed, batch, picture and layer alone.
#pragma once

#include "syolo/graph/graph.h"
#include "syolo/train/torch_impl.h"

namespace syolo::train {

/// How much one pass drops.
struct DropRates {
  double out = 0, block = 0, connect = 0;  // probabilities of what every head reads
  double ramp = 1;                         // of [dropout]'s blocks: 0 at a run's start, then 1
};

/// DropRates::ramp of Darknet. @param progress  of the run, 0..1
double block_ramp(double progress);

/// Of one pass: how much, and where its random numbers come from.
struct Drops {
  DropRates rates = {};
  std::uint64_t seed = 0;
  std::int64_t batch = 0;        // of the run
  std::int64_t first_image = 0;  // the tensors' first picture, counted within the batch
};

/// What a [dropout] section says.
struct DropLayer {
  double probability = 0.2, size_relative = 0;
  int size = 0;
  bool block = false;
};
DropLayer drop_layer_of(const Graph& graph, NodeId node);

/// Of every picture's values the share p becomes 0, the others grow by 1 / (1 - p).
/// Source: arXiv:1207.0580.
torch::Tensor drop_out(const torch::Tensor& src, double p, const Drops& drops, NodeId node);
/// Squares of `side` cells in each channel become 0, about the share p of all; the rest of a
/// picture's values grow so that as much remains. Source: arXiv:1810.12890.
torch::Tensor drop_block(const torch::Tensor& src, double p, int side, const Drops& drops,
                         NodeId node);
/// Of a kernel's values the share p becomes 0, the others grow by 1 / (1 - p).
/// Source: DropConnect, ICML 2013.
torch::Tensor drop_connect(const torch::Tensor& kernel, double p, const Drops& drops, NodeId node);
/// Darknet's [dropout]: DropOut, or at most one square in each channel of a picture.
torch::Tensor drop_layer(const torch::Tensor& src, const DropLayer& layer, const Drops& drops,
                         NodeId node);

}  // namespace syolo::train
