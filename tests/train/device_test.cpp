// A GPU computes what the processor computes: networks, gradients and losses in double, where the
// order of sums is the only difference. Skipped where LibTorch finds no GPU.
#include <gtest/gtest.h>

#include "syolo/graph/lower.h"
#include "syolo/train/losses/losses_impl.h"
#include "syolo/train/net_impl.h"
#include "syolo/zoo/models.h"
#include "tests/support/oracle.h"

namespace syolo::test {
namespace {

using train::LossTerms;
using train::Mode;
using train::Net;

class OnGpu : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!torch::cuda::is_available()) GTEST_SKIP() << "no GPU that this LibTorch can use";
  }
};

torch::TensorOptions doubles(torch::DeviceType device) {
  return torch::TensorOptions(torch::kFloat64).device(device);
}

/// Largest difference, in units of the largest value (at least 1).
double difference(const torch::Tensor& gpu, const torch::Tensor& cpu) {
  const torch::Tensor scale = cpu.abs().max().clamp_min(1);
  return ((gpu.detach().cpu() - cpu.detach()).abs().max() / scale).item<double>();
}

TEST_P(OnGpu, LayersAndGradientsAreThoseOfTheProcessor) {
  const OracleCase test = load_oracle_case("layers", GetParam());
  const Shape& shape = test.input.shape();
  for (const Mode mode : {Mode::eval, Mode::train}) {
    std::vector<torch::Tensor> outputs[2], gradients[2];
    for (const int on_gpu : {0, 1}) {
      const torch::TensorOptions options = doubles(on_gpu != 0 ? torch::kCUDA : torch::kCPU);
      Net net(test.graph, test.made.weights, {.tensors = options});
      torch::Tensor input = train::to_torch(test.input, torch::kFloat64)
                                .reshape({1, shape.c, shape.h, shape.w})
                                .repeat({2, 1, 1, 1});
      input[1] = input[1].square();  // two pictures that differ
      input = input.to(options.device()).set_requires_grad(true);
      outputs[on_gpu] = net.forward_all(input, mode);
      torch::Tensor sum = torch::zeros({}, options);
      for (const torch::Tensor& output : outputs[on_gpu]) sum = sum + output.square().mean();
      sum.backward();
      gradients[on_gpu].push_back(input.grad());
      for (const auto& [id, tensor] : net.tensors()) {
        if (tensor.requires_grad()) gradients[on_gpu].push_back(tensor.grad());
      }
    }
    for (std::size_t i = 0; i < outputs[0].size(); ++i) {
      EXPECT_TRUE(outputs[1][i].is_cuda());
      EXPECT_LE(difference(outputs[1][i], outputs[0][i]), 1e-9) << layer_text(test.graph, i);
    }
    for (std::size_t i = 0; i < gradients[0].size(); ++i) {
      EXPECT_LE(difference(gradients[1][i], gradients[0][i]), 1e-9) << "gradient " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Darknet, OnGpu, testing::ValuesIn(oracle_names("layers")),
                         [](const auto& it) { return test_name(it.param); });

class LossOnGpu : public OnGpu {};

TEST_P(LossOnGpu, ValuesAndGradientsAreThoseOfTheProcessor) {
  const Graph graph = build(recipe("yolov4-tiny"));
  std::vector<HeadSpec> heads;
  const Program program = lower(graph);
  for (const HeadNode& head : ::syolo::heads(program)) heads.push_back(*head.spec);
  const std::vector<train::Target> targets = {{0, 16, 0.5F, 0.5F, 0.4F, 0.3F},
                                              {0, 1, 0.2F, 0.7F, 0.1F, 0.1F},
                                              {1, 7, 0.81F, 0.33F, 0.25F, 0.6F}};
  std::vector<torch::Tensor> gradients[2];
  LossTerms terms[2];
  for (const int on_gpu : {0, 1}) {
    torch::manual_seed(1);
    std::vector<torch::Tensor> logits;
    for (std::size_t i = 0; i < heads.size(); ++i) {
      const std::int64_t side = 13 << i;
      logits.push_back(torch::randn({2, 255, side, side}, doubles(torch::kCPU))
                           .to(on_gpu != 0 ? torch::kCUDA : torch::kCPU)
                           .set_requires_grad(true));
    }
    const train::LossInput input{logits, heads, targets, {416, 416}};
    terms[on_gpu] = GetParam() == "darknet"
                        ? darknet_loss(input, std::vector(heads.size(), train::DarknetLoss{}))
                        : scaled_yolo_loss(input, {});
    terms[on_gpu].total.backward();
    for (const torch::Tensor& tensor : logits) gradients[on_gpu].push_back(tensor.grad());
  }
  const double want = terms[0].total.item<double>();
  EXPECT_NEAR(terms[1].total.item<double>(), want, 1e-9 * std::abs(want));
  for (std::size_t i = 0; i < heads.size(); ++i) {
    EXPECT_GT(gradients[0][i].abs().max().item<double>(), 0);
    EXPECT_LE(difference(gradients[1][i], gradients[0][i]), 1e-9) << "head " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Recipes, LossOnGpu, testing::Values("scaled_yolov4", "darknet"),
                         [](const auto& it) { return it.param; });

}  // namespace
}  // namespace syolo::test
