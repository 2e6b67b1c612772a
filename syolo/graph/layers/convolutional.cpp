// [convolutional]: convolution, batch normalisation or bias, activation; optional blur.
#include <array>

#include "syolo/graph/layers/rows.h"
#include "syolo/graph/layers/windows.h"

namespace syolo {
namespace {

using namespace graph;

struct Convolutional final : Layer {
  int filters = 1, size = 1, padding = 0, dilation = 1, groups = 1, antialiasing = 0;
  int batch_normalize = 0;  // 2: statistics over several iterations (cbn), the same at inference
  double epsilon = kBatchNormEpsilon;
  Strides stride;
  Act activation;
  std::optional<NodeId> shared;  // share_index: the layer whose parameters are used
  std::vector<ParamSpec> shared_params;

  Strides conv_stride() const { return antialiasing ? Strides{} : stride; }

  void write(CfgWriter& out) const override {
    if (batch_normalize == 1) out.integer("batch_normalize", 1);
    if (batch_normalize == 2) out.integer("cbn", 1);
    if (batch_normalize) write_epsilon(out, epsilon);
    out.integer("filters", filters);
    out.integer("size", size);
    write_strides(out, stride);
    if (padding == size / 2 && padding > 0) out.integer("pad", 1);
    if (padding != size / 2) out.integer("padding", padding);
    if (groups != 1) out.integer("groups", groups);
    if (dilation != 1) out.integer("dilation", dilation);
    if (antialiasing != 0) out.integer("antialiasing", antialiasing);
    if (shared) out.integer("share_index", *shared);
    out.activation(activation);
  }

  std::vector<ParamSpec> own_params(int in_channels) const {
    const Shape vector{1, filters, 1, 1};
    std::vector<ParamSpec> params = {{Role::bias, vector}};
    if (batch_normalize) {
      params.push_back({Role::scale, vector});
      params.push_back({Role::mean, vector});
      params.push_back({Role::variance, vector});
    }
    params.push_back({Role::kernel, {filters, in_channels / groups, size, size}});
    return params;
  }

  std::vector<ParamSpec> params(std::span<const Shape> src) const override {
    return shared ? std::vector<ParamSpec>{} : own_params(src[0].c);
  }

  Shape infer(std::span<const Shape> src) const override {
    const Shape& in = src[0];
    require(in.c % groups == 0, "expected input channels that groups={} divides, found {}", groups,
            in.c);
    require(filters % groups == 0, "expected filters that groups={} divides, found {}", groups,
            filters);
    require(dilation == 1 || 2 * padding == size - 1,
            "expected padding={} with dilation={}, found {}", (size - 1) / 2, dilation, padding);
    if (shared) check_shared(in.c);
    Shape out{in.n, filters, windows(in.h, size, conv_stride().y, 2 * padding),
              windows(in.w, size, conv_stride().x, 2 * padding)};
    return antialiasing ? blurred(out, antialiasing, stride) : out;
  }

  void check_shared(int in_channels) const {
    const auto own = own_params(in_channels);
    bool same = own.size() == shared_params.size();
    for (std::size_t i = 0; same && i < own.size(); ++i)
      same = own[i].shape == shared_params[i].shape;
    require(same, "expected the shapes of the shared layer {}, found others", *shared);
  }

  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    Conv conv{.params = shared.value_or(to.node()), .filters = filters, .kh = size, .kw = size};
    conv.stride_y = conv_stride().y, conv.stride_x = conv_stride().x;
    conv.pad_y = conv.pad_x = padding * dilation;
    conv.dilation = dilation, conv.groups = groups;
    conv.bias = batch_normalize == 0;
    ValueId value = to.conv(src[0], conv);
    if (batch_normalize) value = to.batch_norm(value, epsilon, conv.params);
    value = to.activate(value, activation);
    if (antialiasing == 0) return value;
    return to.conv(value, blur(antialiasing, filters, stride, to.node()));
  }
};

void read_ignored(CfgSection& in) {
  static constexpr std::array<std::string_view, 11> kTraining = {
      "sway",         "rotate",         "stretch",
      "stretch_sway", "angle",          "assisted_excitation",
      "grad_centr",   "reverse",        "counters_per_class",
      "deform",       "time_normalizer"};
  in.training_only(kTraining);
  for (const std::string_view key :
       {"binary", "xnor", "bin_output", "flipped", "dot", "coordconv"}) {
    in.unsupported_unless(key, "0");
  }
}

ReadLayer read(CfgSection& in) {
  auto conv = std::make_shared<Convolutional>();
  conv->filters = in.integer("filters", 1, 1, kMaxChannels);
  conv->size = in.integer("size", 1, 1, kMaxSide);
  conv->stride = read_strides(in);
  const int padding = in.integer("padding", 0, 0, kMaxSide);
  conv->padding = in.flag("pad") ? conv->size / 2 : padding;
  conv->groups = in.integer("groups", 1, 1, kMaxChannels);
  conv->dilation = in.integer("dilation", 1, 1, kMaxSide);
  if (conv->size == 1) conv->dilation = 1;
  conv->antialiasing = in.integer("antialiasing", 0, 0, 2);
  conv->batch_normalize = in.integer("batch_normalize", 0, 0, 2);
  if (in.flag("cbn")) conv->batch_normalize = 2;
  conv->epsilon = read_epsilon(in);
  conv->activation = in.activation("activation", Act::of<formula::Logistic>());
  read_ignored(in);
  std::vector<NodeId> src = {in.previous()};
  if (in.has("share_index")) {
    conv->shared = in.layer_ref("share_index");
    const auto params = in.params_of(*conv->shared);
    if (params.size() < 2 || params.back().role != Role::kernel) {
      in.fail(
          "share_index",
          format("expected a convolution with weights of its own, found layer {}", *conv->shared));
    }
    conv->shared_params = params;
  }
  return {conv, src};
}

}  // namespace

LayerType convolutional_layer() {
  return {"convolutional", "conv", read};
}

}  // namespace syolo
