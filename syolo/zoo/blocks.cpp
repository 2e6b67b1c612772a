#include "syolo/zoo/blocks_impl.h"

#include <algorithm>

namespace syolo::zoo {
namespace {

constexpr int kGroups = 32;  // of ResNeXt

/// A residual bottleneck. Darknet's last convolution is activated before the sum; ResNet's sum is.
NodeId bottleneck(Builder& b, NodeId x, const Stage& stage, int carry, Act act) {
  switch (stage.block) {
    case Block::darknet: {
      const int width = stage.hidden > 0 ? stage.hidden : stage.width / 2;
      const NodeId hidden = b.conv(x, {.filters = width}, act);
      return b.shortcut(b.conv(hidden, {.filters = carry, .size = 3}, act), x);
    }
    case Block::resnet:
    case Block::resnext: {
      const bool grouped = stage.block == Block::resnext;
      const int hidden = stage.width / (grouped ? 2 : 4);
      NodeId y = b.conv(x, {.filters = hidden}, act);
      y = b.conv(y, {.filters = hidden, .size = 3, .groups = grouped ? kGroups : 1}, act);
      return b.shortcut(b.conv(y, {.filters = carry}, Act::linear()), x, act);
    }
    default:
      return b.conv(x, {.filters = carry, .size = 3}, act);
  }
}

NodeId dense(Builder& b, NodeId x, const Stage& stage, Act act) {
  for (int i = 0; i < stage.depth; ++i) {
    const NodeId grown = b.conv(x, {.filters = stage.growth, .size = 3}, act);
    x = b.concat({x, grown});
  }
  return x;
}

NodeId osa(Builder& b, NodeId x, const Stage& stage, int carry, Act act) {
  std::vector<NodeId> all = {x};
  for (int i = 0; i < stage.depth; ++i) {
    all.push_back(b.conv(all.back(), {.filters = stage.growth, .size = 3}, act));
  }
  return b.conv(b.concat(all), {.filters = carry}, act);
}

Feature inverted(Builder& b, NodeId x, const Stage& stage, Act act) {
  Feature run;
  int stride = stage.down == Down::inside ? stage.stride : 1;
  for (int i = 0; i < stage.depth; ++i, stride = 1) {
    const int in = b.channels(x), wide = in * stage.expansion;
    const NodeId expanded = stage.expansion == 1 ? x : b.conv(x, {.filters = wide}, act);
    if (stride == 2) run.before = expanded;
    const NodeId depthwise =
        b.conv(expanded, {.filters = wide, .size = 3, .stride = stride, .groups = wide}, act);
    const NodeId out = b.conv(depthwise, {.filters = stage.width}, Act::linear());
    x = stride == 1 && in == stage.width ? b.shortcut(out, x) : out;
  }
  run.out = run.tap = run.inner = x;
  return run;
}

/// yolov4-tiny's block: 3x3 b; of its second half two 3x3 b/2, joined, 1x1 b; both joined.
Feature osa_pcb(Builder& b, NodeId x, const Stage& stage, Act act) {
  const int n = stage.width;
  const NodeId first = b.conv(x, {.filters = n, .size = 3}, act);
  const NodeId one = b.conv(b.second_half(first), {.filters = n / 2, .size = 3}, act);
  const NodeId two = b.conv(one, {.filters = n / 2, .size = 3}, act);
  const NodeId tap = b.conv(b.concat({two, one}), {.filters = n}, act);
  return {b.concat({first, tap}), tap, tap};
}

Feature csp_stage(Builder& b, NodeId x, const Stage& stage, Act act) {
  const int half = stage.csp == Csp::full ? stage.width : stage.width / 2;
  const NodeId bypass = b.conv(x, {.filters = half}, act);
  const NodeId entry = b.conv(x, {.filters = stage.entry > 0 ? stage.entry : half}, act);
  const Feature run = layers(b, entry, stage, half, act);
  const NodeId main =
      stage.fusion == Fusion::first ? run.out : b.conv(run.out, {.filters = half}, act);
  const NodeId joined = b.concat({main, bypass});
  const NodeId out =
      stage.fusion == Fusion::last ? joined : b.conv(joined, {.filters = stage.width}, act);
  return {out, out, run.inner};
}

}  // namespace

Feature layers(Builder& b, NodeId x, const Stage& stage, int carry, Act act) {
  if (stage.block == Block::inverted) return inverted(b, x, stage, act);
  if (stage.block == Block::dense) x = dense(b, x, stage, act);
  if (stage.block == Block::osa) x = osa(b, x, stage, carry, act);
  Feature run{x, x, x};
  if (stage.block == Block::dense || stage.block == Block::osa) return run;
  for (int i = 0; i < stage.depth; ++i) {
    run.inner = run.out;
    run.out = run.tap = bottleneck(b, run.out, stage, carry, act);
  }
  return run;
}

Feature stage(Builder& b, NodeId x, const Stage& stage, Act act) {
  if (stage.down == Down::conv)
    x = b.conv(x, {.filters = stage.width, .size = 3, .stride = stage.stride}, act);
  if (stage.down == Down::pool) x = b.maxpool(x, 2, stage.stride);
  if (stage.down == Down::narrow) {
    x = b.conv(
        x, {.filters = stage.width / 2, .size = 3, .stride = stage.stride, .groups = kGroups}, act);
  }
  if (stage.block == Block::osa_pcb) return osa_pcb(b, x, stage, act);
  if (stage.csp != Csp::none) return csp_stage(b, x, stage, act);
  return layers(b, x, stage, stage.width, act);
}

NodeId pyramid(Builder& b, NodeId x, std::array<int, 3> sizes) {
  const NodeId small = b.maxpool(x, sizes[0], 1);
  const NodeId middle = b.maxpool(x, sizes[1], 1);
  const NodeId large = b.maxpool(x, sizes[2], 1);
  return b.dialect() == Dialect::pytorch ? b.concat({x, small, middle, large})
                                         : b.concat({large, middle, small, x});
}

NodeId plain_group(Builder& b, NodeId x, int n, const Neck& neck, bool spp, Act act) {
  x = b.conv(x, {.filters = n}, act);
  for (int i = 0; i < neck.depth; ++i) {
    x = b.conv(x, {.filters = 2 * n, .size = 3}, act);
    x = b.conv(x, {.filters = n}, act);
    if (i == 0 && spp) x = b.conv(pyramid(b, x), {.filters = n}, act);
  }
  return x;
}

NodeId pairs(Builder& b, NodeId x, int n, int depth, Act act) {
  for (int i = 0; i < depth; ++i) {
    x = b.conv(b.conv(x, {.filters = n}, act), {.filters = n, .size = 3}, act);
  }
  return x;
}

NodeId join(Builder& b, NodeId main, NodeId bypass, Act act) {
  if (b.dialect() == Dialect::pytorch) main = b.normalize(main, act);
  return b.concat({main, bypass});
}

NodeId csp_group(Builder& b, NodeId x, int n, int depth, Act act) {
  x = b.conv(x, {.filters = n}, act);
  const NodeId bypass = b.conv(x, {.filters = n}, act);
  return b.conv(join(b, pairs(b, x, n, depth, act), bypass, act), {.filters = n}, act);
}

NodeId csp_spp_group(Builder& b, NodeId x, int n, const Neck& neck, Act act) {
  const NodeId bypass = b.conv(x, {.filters = n}, act);
  NodeId main = b.conv(pairs(b, x, n, neck.pairs_before, act), {.filters = n}, act);
  if (neck.spp) main = pyramid(b, main);
  main = pairs(b, main, n, neck.pairs_after, act);
  return b.conv(join(b, main, bypass, act), {.filters = n}, act);
}

}  // namespace syolo::zoo
