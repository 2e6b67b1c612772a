// [cost], [empty], [silence]: pass the previous layer on. [cost] matters to training only.
#include <array>

#include "syolo/graph/layers/rows.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

struct Identity final : Layer {
  void write(CfgWriter&) const override {}
  Shape infer(std::span<const Shape> src) const override { return src[0]; }
  ValueId lower(Lowering&, std::span<const ValueId> src) const override { return src[0]; }
};

ReadLayer read(CfgSection& in) {
  return {std::make_shared<Identity>(), {in.previous()}};
}

ReadLayer read_cost(CfgSection& in) {
  static constexpr std::array<std::string_view, 6> kTraining = {"type",  "scale",  "ratio",
                                                                "noobj", "thresh", "smooth"};
  in.training_only(kTraining);
  return read(in);
}

}  // namespace

LayerType cost_layer() {
  return {"cost", "", read_cost};
}
LayerType empty_layer() {
  return {"empty", "", read};
}
LayerType silence_layer() {
  return {"silence", "", read};
}

}  // namespace syolo
