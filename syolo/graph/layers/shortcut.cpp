// [shortcut]: the sum of the previous layer and others, plain or with learned weights (MiWRC).
#include <array>

#include "syolo/graph/layers/rows.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

enum class WeightsType { none, per_feature, per_channel };

struct Shortcut final : Layer {
  Act activation;
  WeightsType type = WeightsType::none;
  WeightedSum::Normalization normalization = WeightedSum::Normalization::none;

  void write(CfgWriter& out) const override {
    out.layer_refs("from", 1);
    out.activation(activation);
    if (type == WeightsType::none) return;
    out.text("weights_type", type == WeightsType::per_channel ? "per_channel" : "per_feature");
    if (normalization == WeightedSum::Normalization::relu)
      out.text("weights_normalization", "relu");
    if (normalization == WeightedSum::Normalization::softmax)
      out.text("weights_normalization", "softmax");
  }

  Shape infer(std::span<const Shape> src) const override {
    for (const Shape& s : src) {
      require(s.h == src[0].h && s.w == src[0].w,
              "expected sources of one size, found {}x{} and {}x{}", src[0].w, src[0].h, s.w, s.h);
    }
    return src[0];
  }

  std::vector<ParamSpec> params(std::span<const Shape> src) const override {
    if (type == WeightsType::none) return {};
    const int sources = static_cast<int>(src.size());
    return {{Role::weights, {1, sources, 1, type == WeightsType::per_channel ? src[0].c : 1}}};
  }

  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    if (type != WeightsType::none) {
      const WeightedSum sum{to.node(), type == WeightsType::per_channel, normalization};
      return to.activate(to.emit(sum, src, to.shape(src[0])), activation);
    }
    ValueId value = src[0];
    for (const ValueId other : src.subspan(1)) value = to.add(value, other);
    return to.activate(value, activation);
  }
};

ReadLayer read(CfgSection& in) {
  static constexpr std::array<std::string_view, 4> kTypes = {"none", "per_feature", "per_layer",
                                                             "per_channel"};
  static constexpr std::array<std::string_view, 4> kNormalizations = {"none", "relu", "avg_relu",
                                                                      "softmax"};
  auto shortcut = std::make_shared<Shortcut>();
  shortcut->activation = in.activation("activation", Act::linear());
  const int type = in.choice("weights_type", kTypes, 0);
  if (type > 0) shortcut->type = type == 3 ? WeightsType::per_channel : WeightsType::per_feature;
  const int normalization = in.choice("weights_normalization", kNormalizations, 0);
  if (normalization > 0) {
    shortcut->normalization =
        normalization == 3 ? WeightedSum::Normalization::softmax : WeightedSum::Normalization::relu;
  }
  std::vector<NodeId> src = {in.previous()};
  for (const NodeId from : in.layer_refs("from")) src.push_back(from);
  return {shortcut, src};
}

}  // namespace

LayerType shortcut_layer() {
  return {"shortcut", "", read};
}

}  // namespace syolo
