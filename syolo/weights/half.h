// Floats of two bytes, for storing: IEEE half precision (binary16), and reading bf16.
#pragma once

#include <cstdint>

#include "syolo/weights/weights.h"

namespace syolo {

float half_to_float(std::uint16_t half);
float bf16_to_float(std::uint16_t bits);  // the upper half of a float
/// The nearest half, ties to even; beyond 65504 infinity.
std::uint16_t float_to_half(float value);

/// The weights with every kernel's values rounded to halves, which a model file stores in two
/// bytes. The other parameters stay: they are few, and variances exceed a half's range.
/// @throws Error(input) for a kernel beyond that range
Weights with_half_kernels(const Weights& weights);
/// All values are halves.
bool is_half(const Tensor& tensor);

}  // namespace syolo
