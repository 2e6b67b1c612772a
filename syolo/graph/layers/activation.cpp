// [activation]: an activation alone.
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

struct ActivationLayer final : Layer {
  Act activation;
  void write(CfgWriter& out) const override { out.activation(activation); }
  Shape infer(std::span<const Shape> src) const override { return src[0]; }
  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    return to.activate(src[0], activation);
  }
};

ReadLayer read(CfgSection& in) {
  auto layer = std::make_shared<ActivationLayer>();
  layer->activation = in.activation("activation", Act::linear());
  return {layer, {in.previous()}};
}

}  // namespace

LayerType activation_layer() {
  return {"activation", "", read};
}

}  // namespace syolo
