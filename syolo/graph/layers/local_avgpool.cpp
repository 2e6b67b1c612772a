// [local_avgpool]: the mean of the cells inside each window.
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/layers/windows.h"

namespace syolo {
namespace {

using namespace graph;

struct LocalAvgPool final : Layer {
  PoolWindow window;

  void write(CfgWriter& out) const override { write_pool_window(out, window); }
  Shape infer(std::span<const Shape> src) const override { return window.out(src[0]); }
  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    return window.lower(to, src[0], Pool::Kind::average);
  }
};

ReadLayer read(CfgSection& in) {
  auto pool = std::make_shared<LocalAvgPool>();
  pool->window = read_pool_window(in);
  return {pool, {in.previous()}};
}

}  // namespace

LayerType local_avgpool_layer() {
  return {"local_avgpool", "local_avg", read};
}

}  // namespace syolo
