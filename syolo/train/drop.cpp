#include "syolo/train/drop_impl.h"

#include <algorithm>
#include <cmath>

#include "syolo/base/rng.h"
#include "syolo/train/hints_impl.h"

namespace syolo::train {
namespace {

constexpr std::uint64_t kNoImage = 0xFFFF;

/// Uniform in [0, 1), f32 on the processor, so that every device drops the same.
torch::Tensor uniform(at::IntArrayRef sizes, const Drops& drops, NodeId node, std::uint64_t image) {
  Rng rng(drops.seed, Stream::dropout, static_cast<std::uint64_t>(drops.batch),
          static_cast<std::uint64_t>(node) << 16 | image);
  return torch::rand(sizes, at::detail::createCPUGenerator(rng.next()), torch::kFloat32);
}

/// Multiplies each picture by what `factors` makes of C,H,W and its number within the batch.
template <class Factors>
torch::Tensor times(const torch::Tensor& src, const Drops& drops, const Factors& factors) {
  std::vector<torch::Tensor> all;
  for (std::int64_t i = 0; i < src.size(0); ++i) {
    all.push_back(factors(static_cast<std::uint64_t>(drops.first_image + i)));
  }
  const torch::Tensor together =
      torch::stack(all).contiguous(torch::MemoryFormat::ChannelsLast).to(src.options());
  return src * together;
}

/// 0 where `dropped` holds; elsewhere what makes up for it.
torch::Tensor kept(const torch::Tensor& dropped) {
  const torch::Tensor mask = dropped.logical_not().to(torch::kFloat32);
  return mask * (static_cast<double>(mask.numel()) / mask.sum().clamp_min(1));
}

/// Darknet's square of each channel: around the lowest of `numbers` where that is below the limit.
torch::Tensor squares(const torch::Tensor& numbers, double limit, std::int64_t side) {
  const std::int64_t h = numbers.size(1), w = numbers.size(2);
  const auto [lowest, place] = numbers.flatten(1).min(1);
  const auto begin = [&](const torch::Tensor& at, std::int64_t size) {
    return torch::where(at > size - side, at - (size - side), at).clamp(0, size - side);
  };
  const auto covers = [&](const torch::Tensor& first, std::int64_t size) {
    const torch::Tensor cells = torch::arange(size).unsqueeze(0), from = first.unsqueeze(1);
    return (cells >= from).logical_and(cells < from + side);
  };
  const torch::Tensor x = covers(begin(place.remainder(w), w), w);
  const torch::Tensor y = covers(begin(place.div(w, "floor"), h), h);
  return y.unsqueeze(2)
      .logical_and(x.unsqueeze(1))
      .logical_and((lowest < limit).reshape({-1, 1, 1}));
}

/// The side of Darknet's squares.
std::int64_t side_of(const DropLayer& layer, double ramp, std::int64_t h, std::int64_t w) {
  const auto along = [&](std::int64_t cells) {
    const double side = layer.size_relative > 0 ? layer.size_relative * static_cast<double>(cells)
                                                : static_cast<double>(layer.size);
    return std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor(ramp * side)), 1, cells);
  };
  return std::min(along(h), along(w));
}

}  // namespace

double block_ramp(double progress) {
  return std::min(1.0, progress / 0.85);
}

DropLayer drop_layer_of(const Graph& graph, NodeId node) {
  const Hints keys = layer_hints(graph, node);
  return {keys.real("probability", 0.2), keys.real("dropblock_size_rel", 0),
          keys.integer("dropblock_size_abs", 0), keys.flag("dropblock")};
}

torch::Tensor drop_out(const torch::Tensor& src, double p, const Drops& drops, NodeId node) {
  if (p <= 0) return src;
  return times(src, drops, [&](std::uint64_t image) {
    return (uniform(src.sizes().slice(1), drops, node, image) >= p).to(torch::kFloat32) / (1 - p);
  });
}

torch::Tensor drop_block(const torch::Tensor& src, double p, int side, const Drops& drops,
                         NodeId node) {
  if (p <= 0) return src;
  const std::int64_t c = src.size(1), h = src.size(2), w = src.size(3);
  const std::int64_t b = std::min<std::int64_t>({side, h, w});
  const auto places = static_cast<double>((h - b + 1) * (w - b + 1));
  const double gamma = p / static_cast<double>(b * b) * static_cast<double>(h * w) / places;
  return times(src, drops, [&](std::uint64_t image) {
    const torch::Tensor seeds =
        (uniform({c, h - b + 1, w - b + 1}, drops, node, image) < gamma).to(torch::kFloat32);
    const torch::Tensor blocks =
        torch::max_pool2d(torch::constant_pad_nd(seeds, {b - 1, b - 1, b - 1, b - 1}), {b, b}, 1);
    return kept(blocks > 0);
  });
}

torch::Tensor drop_connect(const torch::Tensor& kernel, double p, const Drops& drops, NodeId node) {
  if (p <= 0) return kernel;
  const torch::Tensor mask = uniform(kernel.sizes(), drops, node, kNoImage) >= p;
  return kernel * mask.to(kernel.options()) / (1 - p);
}

torch::Tensor drop_layer(const torch::Tensor& src, const DropLayer& layer, const Drops& drops,
                         NodeId node) {
  if (!layer.block) return drop_out(src, layer.probability, drops, node);
  const double ramp = drops.rates.ramp;
  const std::int64_t side = side_of(layer, ramp, src.size(2), src.size(3));
  const double limit = ramp * layer.probability / static_cast<double>(side * side);
  return times(src, drops, [&](std::uint64_t image) {
    return kept(squares(uniform(src.sizes().slice(1), drops, node, image), limit, side));
  });
}

}  // namespace syolo::train
