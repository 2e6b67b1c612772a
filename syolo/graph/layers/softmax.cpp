// [softmax]: over groups of all values, or with spatial=1 over the channels of each pixel.
#include <array>

#include "syolo/graph/layers/rows.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

struct Softmax final : Layer {
  int groups = 1;
  double temperature = 1;
  bool spatial = false;

  void write(CfgWriter& out) const override {
    if (groups != 1) out.integer("groups", groups);
    if (temperature != 1) out.real("temperature", temperature);
    out.flag("spatial", spatial);
  }
  Shape infer(std::span<const Shape> src) const override {
    const std::int64_t values = spatial ? src[0].c : src[0].elements();
    require(values % groups == 0, "expected values that groups={} divides, found {}", groups,
            values);
    return src[0];
  }
  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    const Activate op{.act = Act(Across::softmax),
                      .groups = groups,
                      .temperature = temperature,
                      .flat = !spatial};
    return to.emit(op, src, to.shape(src[0]));
  }
};

ReadLayer read(CfgSection& in) {
  static constexpr std::array<std::string_view, 1> kTraining = {"noloss"};
  auto softmax = std::make_shared<Softmax>();
  softmax->groups = in.integer("groups", 1, 1, 1 << 20);
  softmax->temperature = in.real("temperature", 1, 1e-6, 1e6);
  softmax->spatial = in.flag("spatial");
  in.unsupported_unless("tree", "");
  in.training_only(kTraining);
  return {softmax, {in.previous()}};
}

}  // namespace

LayerType softmax_layer() {
  return {"softmax", "soft", read};
}

}  // namespace syolo
