// Batch normalisation and the activation behind it as one operation of autograd: two passes over
// memory forward, two back; only the input is kept. kernels/norm_impl.h has the passes.
#pragma once

#include "syolo/graph/program.h"
#include "syolo/train/group_impl.h"

namespace syolo::train {

/// Parameters of a normalisation, one value for each channel.
struct NormTensors {
  torch::Tensor scale, bias;
  torch::Tensor mean, variance;  // running statistics
};

/// Statistics gathered over the mini-batches of one step (CmBN), by channel.
struct NormWindow {
  std::int64_t batches = 0;  // gathered; 0 begins anew
  std::vector<double> mean, square;
};

/// Of a batch, to normalise it again: a call that finds them moves neither statistics nor window.
struct NormMoments {
  torch::Tensor mean, variance;  // undefined until then
  double share = 1;              // of this batch in them
};

/// Statistics of earlier iterations: sums over `count` of them, by channel.
struct NormEarlier {
  torch::Tensor mean, square;
  std::int64_t count = 0;
};

struct NormOptions {
  double epsilon = 1e-5;
  bool of_batch = true;    // by statistics of the batch; else by the running ones
  double rate = 0;         // how far the running statistics move to those of the batch
  Group* group = nullptr;  // whose batches count as one; none: this one alone
  NormMoments* moments = nullptr;
  NormWindow* window = nullptr;  // by the mean of the batches gathered in it, this one as well
  const NormEarlier* earlier = nullptr;  // by their mean and this batch's, for CBN
};

/// act((src - mean) scale / sqrt(variance + epsilon) + bias). The running variance moves to the
/// unbiased one. With a window, mean and variance are Darknet's of it, and gradients are those of
/// normalisation by the batch's own. With earlier iterations gradients pass through the batch's own
/// share of the statistics.
/// @param src  N,C,H,W; bf16 is computed in f32
torch::Tensor normalize(const torch::Tensor& src, const NormTensors& tensors,
                        const NormOptions& options, const Activate& act);

}  // namespace syolo::train
