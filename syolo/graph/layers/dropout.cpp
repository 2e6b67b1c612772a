// [dropout]: DropOut or DropBlock while training; nothing at inference.
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

struct DropoutLayer final : Layer {
  double probability = 0.2, size_relative = 0;
  int size = 0;
  bool block = false;

  void write(CfgWriter& out) const override {
    out.real("probability", probability);
    out.flag("dropblock", block);
    if (size_relative > 0) out.real("dropblock_size_rel", size_relative);
    if (size > 0) out.integer("dropblock_size_abs", size);
  }
  Shape infer(std::span<const Shape> src) const override { return src[0]; }
  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    return to.emit(Drop{}, src, to.shape(src[0]));
  }
};

ReadLayer read(CfgSection& in) {
  auto drop = std::make_shared<DropoutLayer>();
  drop->probability = in.real("probability", 0.2, 0, 1);
  drop->block = in.flag("dropblock");
  drop->size_relative = in.real("dropblock_size_rel", 0, 0, 1);
  drop->size = in.integer("dropblock_size_abs", 0, 0, 65'535);
  return {drop, {in.previous()}};
}

}  // namespace

LayerType dropout_layer() {
  return {"dropout", "", read};
}

}  // namespace syolo
