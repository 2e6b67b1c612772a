// [scale_channels]: multiplies an earlier layer by one value per channel (squeeze and excite), or
// with scale_wh=1 by one value per pixel.
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

struct ScaleChannels final : Layer {
  Act activation;
  bool per_pixel = false;

  void write(CfgWriter& out) const override {
    out.layer_ref("from", 1);
    out.flag("scale_wh", per_pixel);
    out.activation(activation);
  }

  Shape infer(std::span<const Shape> src) const override {
    const Shape want =
        per_pixel ? Shape{src[1].n, 1, src[1].h, src[1].w} : Shape{src[1].n, src[1].c, 1, 1};
    require(src[0] == want, "expected factors of shape {} for a source of {}, found {}",
            to_text(want), to_text(src[1]), to_text(src[0]));
    return src[1];
  }

  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    const Binary binary{Binary::Kind::multiply,
                        per_pixel ? Binary::Match::per_pixel : Binary::Match::per_channel};
    return to.activate(to.emit(binary, src, to.shape(src[1])), activation);
  }
};

ReadLayer read(CfgSection& in) {
  auto scale = std::make_shared<ScaleChannels>();
  scale->activation = in.activation("activation", Act::linear());
  scale->per_pixel = in.flag("scale_wh");
  return {scale, {in.previous(), in.layer_ref("from")}};
}

}  // namespace

LayerType scale_channels_layer() {
  return {"scale_channels", "", read};
}

}  // namespace syolo
