// Cross-iteration normalisation: unchanged kernels make it that of all batches together, changed
// ones are corrected for, and its gradient is that of the batch's own share.
#include "syolo/train/cross_norm_impl.h"

#include <gtest/gtest.h>

#include "syolo/graph/cfg.h"
#include "syolo/train/net_impl.h"
#include "syolo/train/operations_impl.h"

namespace syolo::test {
namespace {

using train::CrossWindow;
using train::Mode;
using train::Net;
using train::NormEarlier;
using train::Pass;

const torch::TensorOptions kDouble = torch::TensorOptions(torch::kFloat64);

Graph network(const std::string& layers) {
  Findings findings;
  return read_cfg("[net]\nwidth=8\nheight=8\nchannels=2\n" + layers, "cross.cfg", findings);
}

const std::string kLayer =
    "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=1\npad=1\nactivation=";

Pass crossing() {
  Pass pass(Mode::train);
  pass.cross = true;
  return pass;
}

TEST(CrossNorm, OfUnchangedKernelsIsThatOfTheLastBatchesTogether) {
  const Graph graph = network(kLayer + "mish\n");
  const Weights weights = random_weights(graph, 1);
  Net crossed(graph, weights, {.tensors = kDouble, .cbn = 3});
  std::vector<torch::Tensor> batches;
  for (int i = 0; i < 4; ++i) {
    batches.push_back(torch::rand({2, 2, 8, 8}, kDouble) * (1 + i));
    const torch::Tensor got = crossed.forward(batches.back(), crossing())[0];
    const std::size_t first = batches.size() > 3 ? batches.size() - 3 : 0;
    const torch::Tensor last = torch::cat(
        std::vector<torch::Tensor>(batches.begin() + static_cast<long>(first), batches.end()));
    Net together(graph, weights, {.tensors = kDouble});
    const torch::Tensor want = together.forward(last, Mode::train)[0];
    EXPECT_TRUE(torch::allclose(got, want.narrow(0, want.size(0) - 2, 2), 1e-9, 1e-9)) << i;
  }
}

TEST(CrossNorm, PassesThatDoNotCrossAreOrdinary) {
  const Graph graph = network(kLayer + "leaky\n");
  Net crossed(graph, random_weights(graph, 1), {.tensors = kDouble, .cbn = 3});
  Net plain(graph, random_weights(graph, 1), {.tensors = kDouble});
  const torch::Tensor images = torch::rand({2, 2, 8, 8}, kDouble);
  for (const Mode mode : {Mode::train, Mode::eval}) {
    EXPECT_TRUE(torch::equal(crossed.forward(images, mode)[0], plain.forward(images, mode)[0]));
  }
  EXPECT_EQ(crossed.cross_iterations(), 0);
}

struct Kind {
  const char* name;
  int groups, size, stride, pad;
};
void PrintTo(const Kind& kind, std::ostream* out) {
  *out << kind.name;
}
class Correction : public testing::TestWithParam<Kind> {};

TEST_P(Correction, IsExactForMeansAndOfFirstOrderForSquares) {
  const auto [name, groups, size, stride, pad] = GetParam();
  Conv op;
  op.filters = 4, op.kh = op.kw = size, op.stride_y = op.stride_x = stride;
  op.pad_y = op.pad_x = pad, op.groups = groups;
  const int side = (8 + 2 * pad - size) / stride + 1;
  const Shape shape{1, 4, side, side};
  const torch::Tensor src = torch::rand({3, 6, 8, 8}, kDouble);
  const torch::Tensor kernel = torch::randn({4, 6 / groups, size, size}, kDouble);
  CrossWindow window = train::cross_window(op, kernel, 2);
  const auto output = [&](const torch::Tensor& k) {
    return train::convolve(op, src, k, {}, shape);
  };
  train::remember(op, src, kernel, output(kernel), 0, window);

  const torch::Tensor way = torch::randn(kernel.sizes(), kDouble);
  std::vector<double> errors;
  for (const double step : {0.0, 0.02, 0.01}) {
    const torch::Tensor moved = kernel + step * way;
    const NormEarlier got = train::earlier(window, moved, 1);
    const torch::Tensor out = output(moved);
    EXPECT_TRUE(torch::allclose(got.mean, out.mean({0, 2, 3}), 1e-10, 1e-10));
    errors.push_back((got.square - out.square().mean({0, 2, 3})).abs().max().item<double>());
  }
  EXPECT_LT(errors[0], 1e-10);
  EXPECT_NEAR(errors[1] / errors[2], 4, 0.01) << "of the second order";
}

INSTANTIATE_TEST_SUITE_P(Convolutions, Correction,
                         testing::Values(Kind{"usual", 1, 3, 1, 1}, Kind{"strided", 1, 3, 2, 1},
                                         Kind{"single", 1, 1, 1, 0}, Kind{"grouped", 2, 3, 1, 1}),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(CrossNorm, PassesGradientsThroughTheBatchsOwnShare) {
  const Graph graph = network(kLayer + "mish\n");
  Net net(graph, random_weights(graph, 1), {.tensors = kDouble, .cbn = 3});
  for (int i = 0; i < 2; ++i) net.forward(torch::rand({2, 2, 8, 8}, kDouble), crossing());
  std::map<std::string, torch::Tensor> kept;
  for (const auto& [name, tensor] : net.cross_tensors()) kept[name] = tensor.clone();
  const torch::Tensor weight = torch::randn({1, 4, 8, 8}, kDouble);
  const auto loss = [&](const torch::Tensor& images) {
    for (auto& [name, tensor] : net.cross_tensors()) torch::Tensor(tensor).copy_(kept.at(name));
    net.set_cross_iterations(2);
    return (net.forward(images, crossing())[0] * weight).sum();
  };
  const torch::Tensor images = torch::rand({1, 2, 8, 8}, kDouble).set_requires_grad(true);
  loss(images).backward();
  const torch::NoGradGuard no_grad;
  for (const std::int64_t at : {0, 17, 63, 64, 100, 127}) {
    torch::Tensor high = images.detach().clone(), low = images.detach().clone();
    high.view({-1})[at] += 1e-5, low.view({-1})[at] -= 1e-5;
    const double numeric = (loss(high) - loss(low)).item<double>() / 2e-5;
    EXPECT_NEAR(images.grad().view({-1})[at].item<double>(), numeric, 1e-6) << at;
  }
}

TEST(CrossNorm, SegmentsComputedAnewGiveTheSameBits) {
  const Graph graph = network(kLayer + "mish\n" + kLayer + "leaky\n" + kLayer + "mish\n");
  const Weights weights = random_weights(graph, 1);
  Net plain(graph, weights, {.cbn = 3}), again(graph, weights, {.cbn = 3, .recompute = true});
  for (int i = 0; i < 3; ++i) {
    const torch::Tensor images = torch::rand({2, 2, 8, 8});
    for (Net* net : {&plain, &again}) net->forward(images, crossing())[0].square().sum().backward();
  }
  EXPECT_EQ(plain.cross_iterations(), 3);
  for (const auto& [id, tensor] : plain.tensors()) {
    EXPECT_TRUE(torch::equal(tensor, again.tensors().at(id))) << to_text(id);
    if (!train::is_statistic(id.role)) {
      EXPECT_TRUE(torch::equal(tensor.grad(), again.tensors().at(id).grad())) << to_text(id);
    }
  }
  const auto kept = again.cross_tensors();
  for (const auto& [name, tensor] : plain.cross_tensors()) {
    EXPECT_TRUE(torch::equal(tensor, kept.at(name))) << name;
  }
}

}  // namespace
}  // namespace syolo::test
