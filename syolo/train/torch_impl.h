// LibTorch: the only place that includes it, and the way between its tensors and ours. Written for
// 1.13 and 2.x. It is this part's precompiled header.
#pragma once

#include <torch/torch.h>

#include "syolo/base/tensor.h"

namespace syolo::train {

/// A copy; vectors ({1, n, 1, 1}) get one dimension.
torch::Tensor to_torch(const Tensor& tensor, const torch::TensorOptions& options);
/// A copy as f32 with the dimensions of `shape`.
Tensor to_tensor(const torch::Tensor& tensor, const Shape& shape);

/// From now on the process keeps what it frees, to use it again: a batch's tensors are as large as
/// the last one's, and pages from the system come one fault each (measured: three quarters of a
/// first convolution's time). Of no effect but with glibc.
void keep_freed_memory();

}  // namespace syolo::train
