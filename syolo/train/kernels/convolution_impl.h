// Convolutions with both gradients on the processor, by oneDNN. Sources, results and their
// gradients are dense in channels-last order, f32 or bf16; kernels, biases and their gradients are
// f32 in plain order: filters, channels of a group, rows, columns.
// docs/adr/0021-convolutions-of-training.md
#pragma once

#include "syolo/base/tensor.h"
#include "syolo/graph/program.h"

namespace syolo::train::convolution {

/// One convolution at one shape. Its parts of `op` that no learning changes count: sizes, strides,
/// padding, dilation, groups.
struct Form {
  Conv op;
  Shape src, dst;
  DType type = DType::f32;
};

/// Whether the library takes bf16 here.
bool has_bf16();

/// @param bias  null: none
void forward(const Form& form, const void* src, const float* kernel, const float* bias, void* dst);
/// dC/dsrc. @param of_dst  dC/ddst
void of_source(const Form& form, const void* of_dst, const float* kernel, void* of_src);
/// dC/dkernel.
void of_kernel(const Form& form, const void* src, const void* of_dst, float* kernel);

}  // namespace syolo::train::convolution
