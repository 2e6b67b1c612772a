// [upsample]: nearest neighbour; a negative stride shrinks by summing.
#include <cstdlib>

#include "syolo/graph/layers/rows.h"
#include "syolo/graph/layers/windows.h"

namespace syolo {
namespace {

struct UpsampleLayer final : Layer {
  Upsample op;

  void write(CfgWriter& out) const override {
    out.integer("stride", op.shrink ? -op.stride : op.stride);
    if (op.scale != 1) out.real("scale", op.scale);
  }

  Shape infer(std::span<const Shape> src) const override {
    Shape out = src[0];
    if (op.shrink) {
      require(out.h % op.stride == 0 && out.w % op.stride == 0,
              "expected sides that stride=-{} divides, found {}x{}", op.stride, out.w, out.h);
      out.h /= op.stride, out.w /= op.stride;
    } else {
      require(out.h <= graph::kMaxSide / op.stride && out.w <= graph::kMaxSide / op.stride,
              "expected sides of at most {} after upsampling, found {}x{} times {}",
              graph::kMaxSide, out.w, out.h, op.stride);
      out.h *= op.stride, out.w *= op.stride;
    }
    return out;
  }

  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    const Shape in = to.shape(src[0]);
    return to.emit(op, src, infer(std::span(&in, 1)));
  }
};

ReadLayer read(CfgSection& in) {
  auto up = std::make_shared<UpsampleLayer>();
  const int stride = in.integer("stride", 2, -graph::kMaxSide, graph::kMaxSide);
  if (stride == 0) in.fail("stride", "expected a stride other than 0");
  up->op = {
      .stride = std::abs(stride), .scale = in.real("scale", 1, -1e6, 1e6), .shrink = stride < 0};
  return {up, {in.previous()}};
}

}  // namespace

LayerType upsample_layer() {
  return {"upsample", "", read};
}

}  // namespace syolo
