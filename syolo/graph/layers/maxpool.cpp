// [maxpool]: Darknet's windows; or the maximum over channels (maxpool_depth).
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/layers/windows.h"

namespace syolo {
namespace {

using namespace graph;

struct MaxPool final : Layer {
  PoolWindow window;
  int depth = 0;  // out_channels under maxpool_depth
  int antialiasing = 0;

  PoolWindow pooled() const {
    PoolWindow w = window;
    if (antialiasing) w.stride = {};
    return w;
  }

  void write(CfgWriter& out) const override {
    write_pool_window(out, window);
    out.flag("maxpool_depth", depth > 0);
    if (depth > 0) out.integer("out_channels", depth);
    if (antialiasing) out.integer("antialiasing", antialiasing);
  }

  Shape infer(std::span<const Shape> src) const override {
    if (depth > 0) {
      require(depth <= src[0].c, "expected out_channels of at most {}, found {}", src[0].c, depth);
      return {src[0].n, depth, src[0].h, src[0].w};
    }
    const Shape out = pooled().out(src[0]);
    return antialiasing ? blurred(out, antialiasing, window.stride) : out;
  }

  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    if (depth > 0) {
      Shape out = to.shape(src[0]);
      out.c = depth;
      Pool pool;
      pool.depth = depth;
      return to.emit(pool, src, out);
    }
    const ValueId value = pooled().lower(to, src[0], Pool::Kind::max);
    if (antialiasing == 0) return value;
    return to.conv(value, blur(antialiasing, to.shape(value).c, window.stride, to.node()));
  }
};

ReadLayer read(CfgSection& in) {
  auto pool = std::make_shared<MaxPool>();
  pool->window = read_pool_window(in);
  const int out_channels = in.integer("out_channels", 1, 1, kMaxChannels);
  if (in.flag("maxpool_depth")) pool->depth = out_channels;
  pool->antialiasing = in.integer("antialiasing", 0, 0, 2);
  return {pool, {in.previous()}};
}

}  // namespace

LayerType maxpool_layer() {
  return {"maxpool", "max", read};
}

}  // namespace syolo
