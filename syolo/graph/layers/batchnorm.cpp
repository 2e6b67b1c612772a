// [batchnorm]: batch normalisation alone.
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/layers/windows.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

struct BatchNormLayer final : Layer {
  double epsilon = graph::kBatchNormEpsilon;

  void write(CfgWriter& out) const override { graph::write_epsilon(out, epsilon); }
  Shape infer(std::span<const Shape> src) const override { return src[0]; }
  std::vector<ParamSpec> params(std::span<const Shape> src) const override {
    const Shape vector{1, src[0].c, 1, 1};
    return {{Role::bias, vector},
            {Role::scale, vector},
            {Role::mean, vector},
            {Role::variance, vector}};
  }
  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    return to.batch_norm(src[0], epsilon, to.node());
  }
};

ReadLayer read(CfgSection& in) {
  auto norm = std::make_shared<BatchNormLayer>();
  norm->epsilon = graph::read_epsilon(in);
  return {norm, {in.previous()}};
}

}  // namespace

LayerType batchnorm_layer() {
  return {"batchnorm", "", read};
}

}  // namespace syolo
