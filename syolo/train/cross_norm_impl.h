// Cross-iteration batch normalisation (CBN): a convolution's statistics of earlier iterations count
// too, corrected for how its kernel has changed since. Source: arXiv:2002.05712.
#pragma once

#include "syolo/graph/program.h"
#include "syolo/train/fused_impl.h"

namespace syolo::train {

/// What earlier iterations leave, oldest overwritten first. Means of outputs are linear in the
/// kernel, means of squares nearly so; both are kept as their derivatives.
struct CrossWindow {
  torch::Tensor of_mean;    // [length, groups, inputs of a filter]: d mean / d kernel
  torch::Tensor of_square;  // [length, filters, inputs of a filter]: d mean square / d kernel
  torch::Tensor square;     // [length, filters]: mean square
};

/// Room for the iterations before one that normalises by `iterations` of them.
CrossWindow cross_window(const Conv& op, const torch::Tensor& kernel, int iterations);

/// Sums over the kept iterations, by channel, as they would be with this kernel.
/// @param count  of iterations that the window holds
NormEarlier earlier(const CrossWindow& window, const torch::Tensor& kernel, std::int64_t count);

/// Keeps an iteration.
/// @param number  of the iteration, from 0
/// @param src,dst  of the convolution
void remember(const Conv& op, const torch::Tensor& src, const torch::Tensor& kernel,
              const torch::Tensor& dst, std::int64_t number, CrossWindow& window);

}  // namespace syolo::train
