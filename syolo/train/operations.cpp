#include "syolo/train/operations_impl.h"

#include <limits>

#include "syolo/base/error.h"
#include "syolo/train/convolve_impl.h"

namespace syolo::train {
namespace {

/// What no window takes for its largest value while it holds another.
double lowest(const torch::Tensor& values) {
  return values.scalar_type() == torch::kBFloat16
             ? static_cast<double>(std::numeric_limits<c10::BFloat16>::lowest())
             : static_cast<double>(std::numeric_limits<float>::lowest());
}

/// Windows of one axis: how far they start before the first cell and end behind the last one
/// (negative: cells that no window reaches).
struct Reach {
  std::int64_t before = 0, after = 0;
  bool even = false;  // LibTorch gives the same windows for `before` on both sides
};
Reach reach(std::int64_t in, std::int64_t out, std::int64_t extent, int stride, int pad) {
  const std::int64_t after = (out - 1) * stride + extent - in - pad;
  const std::int64_t room = in + 2 * std::int64_t{pad} - extent;
  return {pad, after, room >= 0 && room / stride + 1 == out};
}

torch::Tensor padded(const torch::Tensor& src, const Reach& y, const Reach& x, double value) {
  return torch::constant_pad_nd(src, {x.before, x.after, y.before, y.after}, value);
}

torch::Tensor pool_depth(const Pool& op, const torch::Tensor& src) {
  const std::int64_t missing = (op.depth - src.size(1) % op.depth) % op.depth;
  const torch::Tensor full = torch::constant_pad_nd(src, {0, 0, 0, 0, 0, missing}, lowest(src))
                                 .reshape({src.size(0), -1, op.depth, src.size(2), src.size(3)});
  return std::get<0>(full.max(1));
}

/// [N, C, H, W] -> [N, s*s*C, H/s, W/s], offsets before channels.
torch::Tensor space_to_depth(const torch::Tensor& src, std::int64_t s) {
  const std::int64_t n = src.size(0), c = src.size(1), h = src.size(2) / s, w = src.size(3) / s;
  return src.reshape({n, c, h, s, w, s}).permute({0, 3, 5, 1, 2, 4}).reshape({n, s * s * c, h, w});
}

torch::Tensor depth_to_space(const torch::Tensor& src, std::int64_t s) {
  const std::int64_t n = src.size(0), c = src.size(1) / (s * s), h = src.size(2), w = src.size(3);
  return src.reshape({n, s, s, c, h, w}).permute({0, 3, 4, 1, 5, 2}).reshape({n, c, h * s, w * s});
}

/// How LibTorch gets the windows of a convolution.
struct Windows {
  torch::Tensor src;  // padded where the two sides differ
  std::int64_t pad_y = 0, pad_x = 0;
};
Windows windows(const Conv& op, const torch::Tensor& src, std::int64_t height, std::int64_t width) {
  const std::int64_t tall = std::int64_t{op.dilation} * (op.kh - 1) + 1;
  const std::int64_t wide = std::int64_t{op.dilation} * (op.kw - 1) + 1;
  const Reach y = reach(src.size(2), height, tall, op.stride_y, op.pad_y);
  const Reach x = reach(src.size(3), width, wide, op.stride_x, op.pad_x);
  if (y.even && x.even) return {src, y.before, x.before};
  return {padded(src, y, x, 0), 0, 0};
}

}  // namespace

torch::Tensor convolve(const Conv& op, const torch::Tensor& src, const torch::Tensor& kernel,
                       const torch::Tensor& bias, const Shape& dst) {
  SYOLO_ASSERT(!op.norm_epsilon && op.act.is_linear() && !op.residual,
               "a convolution of a program that no pass has fused");
  if (processor::takes(src)) return processor::convolve(op, src, kernel, bias, dst);
  const Windows w = windows(op, src, dst.h, dst.w);
  return torch::conv2d(w.src, kernel.reshape({op.filters, -1, op.kh, op.kw}).to(src.scalar_type()),
                       bias.defined() ? bias.to(src.scalar_type()) : bias,
                       {op.stride_y, op.stride_x}, {w.pad_y, w.pad_x}, {op.dilation, op.dilation},
                       op.groups)
      .contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor kernel_gradient(const Conv& op, const torch::Tensor& src, const torch::Tensor& kernel,
                              const torch::Tensor& of_dst) {
  if (processor::takes(src)) {
    Conv same = op;
    same.filters = static_cast<int>(of_dst.size(1));
    return processor::kernel_gradient(same, src, of_dst);
  }
  const Windows w = windows(op, src, of_dst.size(2), of_dst.size(3));
  return std::get<1>(at::convolution_backward(
      of_dst.contiguous(), w.src.contiguous(),
      kernel.reshape({of_dst.size(1), -1, op.kh, op.kw}).contiguous(), at::nullopt,
      {op.stride_y, op.stride_x}, {w.pad_y, w.pad_x}, {op.dilation, op.dilation},
      /*transposed=*/false, {0, 0}, op.groups, {false, true, false}));
}

torch::Tensor blur_kernel(const Conv& op, const torch::TensorOptions& options) {
  const torch::Tensor row = op.kernel == Conv::Kernel::blur2
                                ? torch::full({2}, 0.5, options)
                                : torch::tensor({0.25, 0.5, 0.25}, options);
  return torch::outer(row, row).expand({op.filters, 1, row.size(0), row.size(0)});
}

torch::Tensor pool(const Pool& op, const torch::Tensor& src, const Shape& dst) {
  if (op.depth > 0) return pool_depth(op, src);
  const Reach y = reach(src.size(2), dst.h, op.kh, op.stride_y, op.pad_y);
  const Reach x = reach(src.size(3), dst.w, op.kw, op.stride_x, op.pad_x);
  const bool even = y.even && x.even && 2 * op.pad_y <= op.kh && 2 * op.pad_x <= op.kw;
  const std::int64_t size[] = {op.kh, op.kw}, stride[] = {op.stride_y, op.stride_x};
  const std::int64_t pad[] = {even ? y.before : 0, even ? x.before : 0};
  if (op.kind == Pool::Kind::max) {
    return torch::max_pool2d(even ? src : padded(src, y, x, lowest(src)), size, stride, pad);
  }
  if (even) return torch::avg_pool2d(src, size, stride, pad, false, /*count_include_pad=*/false);
  // The share of each window that lies inside; a window wholly outside holds zeros only.
  const torch::Tensor inside = torch::avg_pool2d(
      padded(torch::ones({1, 1, src.size(2), src.size(3)}, src.options()), y, x, 0), size, stride);
  return torch::avg_pool2d(padded(src, y, x, 0), size, stride) /
         inside.clamp_min(1.0 / (op.kh * op.kw));
}

torch::Tensor upsample(const Upsample& op, const torch::Tensor& src, const Shape& dst) {
  if (op.shrink) {
    return torch::avg_pool2d(src, {op.stride, op.stride}) * (op.scale * op.stride * op.stride);
  }
  const torch::Tensor large = torch::upsample_nearest2d(src, {dst.h, dst.w});
  return op.scale == 1 ? large : large * op.scale;
}

torch::Tensor combine(const Binary& op, const torch::Tensor& a, const torch::Tensor& b) {
  if (op.kind == Binary::Kind::multiply) return a * b;  // the smaller one is broadcast
  if (op.match != Binary::Match::common) return a + b;
  const std::int64_t both = std::min(a.size(1), b.size(1));
  const torch::Tensor sum = a.narrow(1, 0, both) + b.narrow(1, 0, both);
  return both == a.size(1) ? sum : torch::cat({sum, a.narrow(1, both, a.size(1) - both)}, 1);
}

torch::Tensor weighted_sum(const WeightedSum& op, std::span<const torch::Tensor> src,
                           const torch::Tensor& weights) {
  constexpr double kFloor = 1e-4;  // not rescaled with the shift: Darknet's definition
  torch::Tensor w = weights.reshape({static_cast<std::int64_t>(src.size()), -1});
  if (op.normalization == WeightedSum::Normalization::relu) w = torch::relu(w);
  if (op.normalization == WeightedSum::Normalization::softmax) w = torch::exp(w - w.amax(0, true));
  if (op.normalization != WeightedSum::Normalization::none) w = w / (w.sum(0, true) + kFloor);

  const std::int64_t channels = src[0].size(1);
  torch::Tensor sum;
  for (std::size_t i = 0; i < src.size(); ++i) {
    const std::int64_t both = std::min(channels, src[i].size(1));
    const torch::Tensor of_source = w[static_cast<std::int64_t>(i)];
    const torch::Tensor factor =
        op.per_channel ? of_source.narrow(0, 0, both).reshape({1, both, 1, 1}) : of_source;
    torch::Tensor term = src[i].narrow(1, 0, both) * factor;
    if (both < channels) term = torch::constant_pad_nd(term, {0, 0, 0, 0, 0, channels - both}, 0);
    sum = sum.defined() ? sum + term : term;
  }
  return sum.to(src[0].scalar_type());  // the weights are not in bf16
}

torch::Tensor reorg(const Reorg& op, const torch::Tensor& src, const Shape& dst) {
  const std::int64_t n = src.size(0), s = op.stride;
  switch (op.kind) {
    case Reorg::Kind::space_to_depth:
      return space_to_depth(src, s);
    case Reorg::Kind::depth_to_space:
      return depth_to_space(src, s);
    case Reorg::Kind::flat:
      return space_to_depth(
                 src.reshape({n, src.size(1) / (s * s), src.size(2) * s, src.size(3) * s}), s)
          .reshape({n, dst.c, dst.h, dst.w});
    case Reorg::Kind::flat_inverse:
      return depth_to_space(src.reshape({n, dst.c, dst.h, dst.w}), s)
          .reshape({n, dst.c, dst.h, dst.w});
  }
  return src;
}

}  // namespace syolo::train
