// [avgpool]: the mean of each channel.
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

struct AvgPool final : Layer {
  void write(CfgWriter&) const override {}
  Shape infer(std::span<const Shape> src) const override { return {src[0].n, src[0].c, 1, 1}; }
  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    const Shape in = to.shape(src[0]);
    Pool pool{.kind = Pool::Kind::average, .kh = in.h, .kw = in.w};
    return to.emit(pool, src, {in.n, in.c, 1, 1});
  }
};

ReadLayer read(CfgSection& in) {
  return {std::make_shared<AvgPool>(), {in.previous()}};
}

}  // namespace

LayerType avgpool_layer() {
  return {"avgpool", "avg", read};
}

}  // namespace syolo
