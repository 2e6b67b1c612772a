// What several layers read and write alike: window geometry, the epsilon of batch normalisation.
#pragma once

#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"

namespace syolo::graph {

constexpr int kMaxSide = 65'535;
constexpr int kMaxChannels = 1 << 20;

/// Darknet's constant; `epsilon` is ours, for networks that were trained with another.
constexpr double kBatchNormEpsilon = 1e-5;
inline double read_epsilon(CfgSection& in) {
  return in.real("epsilon", kBatchNormEpsilon, 0, 1);
}
inline void write_epsilon(CfgWriter& out, double epsilon) {
  if (epsilon != kBatchNormEpsilon) out.real("epsilon", epsilon);
}

struct Strides {
  int x = 1, y = 1;
};
/// `stride`, and `stride_x`, `stride_y` where they are given.
inline Strides read_strides(CfgSection& in) {
  const int both = in.integer("stride", 1, 1, kMaxSide);
  return {in.integer("stride_x", both, 1, kMaxSide), in.integer("stride_y", both, 1, kMaxSide)};
}
inline void write_strides(CfgWriter& out, Strides stride) {
  if (stride.x == stride.y) return out.integer("stride", stride.x);
  out.integer("stride_x", stride.x);
  out.integer("stride_y", stride.y);
}

/// Pooling windows: `padding` cells in all, the smaller half before.
struct PoolWindow {
  int size = 1, padding = 0;
  Strides stride;
  Shape out(Shape in) const {
    in.h = windows(in.h, size, stride.y, padding);
    in.w = windows(in.w, size, stride.x, padding);
    return in;
  }
  ValueId lower(Lowering& to, ValueId src, Pool::Kind kind) const {
    const Pool pool{.kind = kind,
                    .kh = size,
                    .kw = size,
                    .stride_y = stride.y,
                    .stride_x = stride.x,
                    .pad_y = padding / 2,
                    .pad_x = padding / 2,
                    .depth = 0};
    return to.emit(pool, std::span(&src, 1), out(to.shape(src)));
  }
};
inline PoolWindow read_pool_window(CfgSection& in) {
  PoolWindow window;
  window.stride = read_strides(in);
  const int stride = in.integer("stride", 1, 1, kMaxSide);
  window.size = in.integer("size", stride, 1, kMaxSide);
  window.padding = in.integer("padding", window.size - 1, 0, 2 * kMaxSide);
  return window;
}
inline void write_pool_window(CfgWriter& out, const PoolWindow& window) {
  out.integer("size", window.size);
  write_strides(out, window.stride);
  if (window.padding != window.size - 1) out.integer("padding", window.padding);
}

/// The fixed depthwise blur of antialiasing=1 (3x3) and 2 (2x2), at the layer's own strides.
inline Conv blur(int antialiasing, int channels, Strides stride, NodeId node) {
  Conv conv{.params = node, .filters = channels};
  conv.kernel = antialiasing == 1 ? Conv::Kernel::blur3 : Conv::Kernel::blur2;
  conv.kh = conv.kw = antialiasing == 1 ? 3 : 2;
  conv.pad_y = conv.pad_x = antialiasing == 1 ? 1 : 0;
  conv.stride_y = stride.y, conv.stride_x = stride.x;
  conv.groups = channels;
  conv.bias = false;
  return conv;
}
inline Shape blurred(Shape in, int antialiasing, Strides stride) {
  const int size = antialiasing == 1 ? 3 : 2;
  const int padding = antialiasing == 1 ? 2 : 0;
  in.h = windows(in.h, size, stride.y, padding);
  in.w = windows(in.w, size, stride.x, padding);
  return in;
}

}  // namespace syolo::graph
