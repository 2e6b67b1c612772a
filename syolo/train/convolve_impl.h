// Convolutions of tensors in the processor's memory, with gradients: what operations_impl.h
// declares, by kernels/convolution_impl.h.
#pragma once

#include "syolo/graph/program.h"
#include "syolo/train/torch_impl.h"

namespace syolo::train::processor {

/// Whether the functions below take such sources: f32 or bf16.
bool takes(const torch::Tensor& src);

/// @param bias  undefined where there is none
torch::Tensor convolve(const Conv& op, const torch::Tensor& src, const torch::Tensor& kernel,
                       const torch::Tensor& bias, const Shape& dst);
/// In f32. @param op  of as many filters as of_dst has channels
torch::Tensor kernel_gradient(const Conv& op, const torch::Tensor& src,
                              const torch::Tensor& of_dst);

}  // namespace syolo::train::processor
