// Core operations on tensors N,C,H,W with gradients: one function each, defined like
// graph/program.h says.
#pragma once

#include <span>

#include "syolo/graph/program.h"
#include "syolo/train/torch_impl.h"

namespace syolo::train {

/// @param dst   C,H,W of the result
/// @param bias  undefined where the operation has none
torch::Tensor convolve(const Conv& op, const torch::Tensor& src, const torch::Tensor& kernel,
                       const torch::Tensor& bias, const Shape& dst);
/// The gradient of a kernel, of any number of filters, that convolve() had with this source.
torch::Tensor kernel_gradient(const Conv& op, const torch::Tensor& src, const torch::Tensor& kernel,
                              const torch::Tensor& of_dst);
/// The fixed kernel of a blurring convolution.
torch::Tensor blur_kernel(const Conv& op, const torch::TensorOptions& options);
torch::Tensor activate(const Activate& op, const torch::Tensor& src);
torch::Tensor pool(const Pool& op, const torch::Tensor& src, const Shape& dst);
torch::Tensor upsample(const Upsample& op, const torch::Tensor& src, const Shape& dst);
torch::Tensor combine(const Binary& op, const torch::Tensor& a, const torch::Tensor& b);
torch::Tensor weighted_sum(const WeightedSum& op, std::span<const torch::Tensor> src,
                           const torch::Tensor& weights);
torch::Tensor reorg(const Reorg& op, const torch::Tensor& src, const Shape& dst);

}  // namespace syolo::train
