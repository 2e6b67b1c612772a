// [sam]: gates the previous layer by an earlier one, element by element.
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

struct Sam final : Layer {
  Act activation;

  void write(CfgWriter& out) const override {
    out.layer_ref("from", 1);
    out.activation(activation);
  }

  Shape infer(std::span<const Shape> src) const override {
    require(src[0] == src[1], "expected both inputs alike, found {} and {}", to_text(src[0]),
            to_text(src[1]));
    return src[0];
  }

  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    return to.activate(to.multiply(src[0], src[1]), activation);
  }
};

ReadLayer read(CfgSection& in) {
  auto sam = std::make_shared<Sam>();
  sam->activation = in.activation("activation", Act::linear());
  return {sam, {in.previous(), in.layer_ref("from")}};
}

}  // namespace

LayerType sam_layer() {
  return {"sam", "", read};
}

}  // namespace syolo
