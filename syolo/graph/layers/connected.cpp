// [connected]: a fully connected layer: a convolution whose kernel covers the whole input.
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/layers/windows.h"

namespace syolo {
namespace {

struct Connected final : Layer {
  int outputs = 1;
  bool batch_normalize = false;
  Act activation;

  void write(CfgWriter& out) const override {
    out.integer("output", outputs);
    out.flag("batch_normalize", batch_normalize);
    out.activation(activation);
  }

  Shape infer(std::span<const Shape> src) const override { return {src[0].n, outputs, 1, 1}; }

  std::vector<ParamSpec> params(std::span<const Shape> src) const override {
    const Shape vector{1, outputs, 1, 1};
    std::vector<ParamSpec> params = {{Role::bias, vector},
                                     {Role::kernel, {outputs, src[0].c, src[0].h, src[0].w}}};
    if (!batch_normalize) return params;
    params.push_back({Role::scale, vector});
    params.push_back({Role::mean, vector});
    params.push_back({Role::variance, vector});
    return params;
  }

  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    Conv conv{.params = to.node(),
              .filters = outputs,
              .kh = to.shape(src[0]).h,
              .kw = to.shape(src[0]).w};
    conv.bias = !batch_normalize;
    ValueId value = to.conv(src[0], conv);
    if (batch_normalize) value = to.batch_norm(value, 1e-5, to.node());
    return to.activate(value, activation);
  }
};

ReadLayer read(CfgSection& in) {
  auto connected = std::make_shared<Connected>();
  connected->outputs = in.integer("output", 1, 1, graph::kMaxChannels);
  connected->batch_normalize = in.flag("batch_normalize");
  connected->activation = in.activation("activation", Act::of<formula::Logistic>());
  return {connected, {in.previous()}};
}

}  // namespace

LayerType connected_layer() {
  return {"connected", "conn", read};
}

}  // namespace syolo
