// [reorg], [reorg3d]: space to depth, in two orders; reverse=1 is the inverse of the OTHER
// section's order, as Darknet has it.
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/layers/windows.h"

namespace syolo {
namespace {

struct ReorgLayer final : Layer {
  Reorg op;

  bool down() const {
    return op.kind == Reorg::Kind::space_to_depth || op.kind == Reorg::Kind::flat;
  }

  void write(CfgWriter& out) const override {
    out.integer("stride", op.stride);
    out.flag("reverse", !down());
  }

  Shape infer(std::span<const Shape> src) const override {
    Shape out = src[0];
    const std::int64_t square = std::int64_t{op.stride} * op.stride;
    if (!down() || op.kind == Reorg::Kind::flat) {
      require(out.c % square == 0, "expected channels that {} divides, found {}", square, out.c);
    }
    if (down()) {
      require(out.h % op.stride == 0 && out.w % op.stride == 0,
              "expected sides that stride={} divides, found {}x{}", op.stride, out.w, out.h);
      require(out.c <= graph::kMaxChannels / square,
              "expected at most {} output channels, found {} times {}", graph::kMaxChannels, out.c,
              square);
      return {out.n, static_cast<int>(out.c * square), out.h / op.stride, out.w / op.stride};
    }
    require(out.h <= graph::kMaxSide / op.stride && out.w <= graph::kMaxSide / op.stride,
            "expected sides of at most {}, found {}x{} times {}", graph::kMaxSide, out.w, out.h,
            op.stride);
    return {out.n, static_cast<int>(out.c / square), out.h * op.stride, out.w * op.stride};
  }

  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    const Shape in = to.shape(src[0]);
    return to.emit(op, src, infer(std::span(&in, 1)));
  }
};

ReadLayer read(CfgSection& in, Reorg::Kind forward, Reorg::Kind reverse) {
  auto reorg = std::make_shared<ReorgLayer>();
  reorg->op.stride = in.integer("stride", 1, 1, 1024);
  reorg->op.kind = in.flag("reverse") ? reverse : forward;
  in.unsupported_unless("flatten", "0");
  in.unsupported_unless("extra", "0");
  return {reorg, {in.previous()}};
}

ReadLayer read_flat(CfgSection& in) {
  return read(in, Reorg::Kind::flat, Reorg::Kind::depth_to_space);
}
ReadLayer read_3d(CfgSection& in) {
  return read(in, Reorg::Kind::space_to_depth, Reorg::Kind::flat_inverse);
}

}  // namespace

LayerType reorg_layer() {
  return {"reorg", "", read_flat};
}
LayerType reorg3d_layer() {
  return {"reorg3d", "", read_3d};
}

}  // namespace syolo
