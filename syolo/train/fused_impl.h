// Batch normalisation and the activation behind it as one operation of autograd: two passes over
// memory forward, two back; only the input is kept. kernels/norm_impl.h has the passes.
#pragma once

#include "syolo/graph/program.h"
#include "syolo/train/torch_impl.h"

namespace syolo::train {

/// Parameters of a normalisation, one value for each channel.
struct NormTensors {
  torch::Tensor scale, bias;
  torch::Tensor mean, variance;  // running statistics
};

struct NormOptions {
  double epsilon = 1e-5;
  bool of_batch = true;  // by statistics of the batch; else by the running ones
  double rate = 0;       // how far the running statistics move to those of the batch
};

/// act((src - mean) scale / sqrt(variance + epsilon) + bias). The running variance moves to the
/// unbiased one.
/// @param src  N,C,H,W
torch::Tensor normalize(const torch::Tensor& src, const NormTensors& tensors,
                        const NormOptions& options, const Activate& act);

}  // namespace syolo::train
