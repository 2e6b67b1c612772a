#include "syolo/train/cross_norm_impl.h"

#include "syolo/train/operations_impl.h"

namespace syolo::train {

CrossWindow cross_window(const Conv& op, const torch::Tensor& kernel, int iterations) {
  const std::int64_t length = iterations - 1, inputs = kernel[0].numel();
  const torch::TensorOptions options = kernel.detach().options();
  return {torch::zeros({length, op.groups, inputs}, options),
          torch::zeros({length, op.filters, inputs}, options),
          torch::zeros({length, op.filters}, options)};
}

NormEarlier earlier(const CrossWindow& window, const torch::Tensor& kernel, std::int64_t count) {
  const torch::NoGradGuard no_grad;
  const std::int64_t filters = window.square.size(1), groups = window.of_mean.size(1);
  count = std::min(count, window.square.size(0));
  const torch::Tensor flat = kernel.detach().reshape({groups, filters / groups, -1});
  const torch::Tensor means =
      (window.of_mean.narrow(0, 0, count).unsqueeze(2) * flat).sum(-1).reshape({count, filters});
  const torch::Tensor squares =
      (window.of_square.narrow(0, 0, count) * flat.reshape({filters, -1})).sum(-1) -
      window.square.narrow(0, 0, count);
  return {means.sum(0, false, torch::kFloat64),
          torch::maximum(squares, means.square()).sum(0, false, torch::kFloat64), count};
}

void remember(const Conv& op, const torch::Tensor& src, const torch::Tensor& kernel,
              const torch::Tensor& dst, std::int64_t number, CrossWindow& window) {
  const torch::NoGradGuard no_grad;
  const std::int64_t slot = number % window.square.size(0);
  const torch::Tensor from = src.detach().to(kernel.scalar_type()),
                      to = dst.detach().to(kernel.scalar_type());
  const double rows = static_cast<double>(to.numel()) / static_cast<double>(to.size(1));
  const torch::Tensor even =
      torch::full({to.size(0), op.groups, to.size(2), to.size(3)}, 1 / rows, to.options());
  const torch::Tensor one_filter =
      kernel.detach().reshape({op.groups, op.filters / op.groups, -1, op.kh, op.kw}).select(1, 0);
  window.of_mean[slot].copy_(kernel_gradient(op, from, one_filter, even).reshape({op.groups, -1}));
  window.of_square[slot].copy_(
      kernel_gradient(op, from, kernel, to * (2 / rows)).reshape({op.filters, -1}));
  // Squares are homogeneous: their derivative times the kernel is twice their mean.
  window.square[slot].copy_(
      (window.of_square[slot] * kernel.detach().reshape({op.filters, -1})).sum(-1) / 2);
}

}  // namespace syolo::train
