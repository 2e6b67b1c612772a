// Normalisation with its activation as one operation: values, gradients and running statistics are
// those of LibTorch's own operations one after the other, in double to the rounding of double.
#include "syolo/train/fused_impl.h"

#include <gtest/gtest.h>

#include <cfloat>

#include "syolo/train/operations_impl.h"

namespace syolo::test {
namespace {

using train::NormOptions;
using train::NormTensors;

struct Case {
  std::string act;
  std::vector<std::int64_t> shape;
  bool of_batch = true;
};

/// What one pass and its way back give.
struct Outcome {
  torch::Tensor dst, of_src, of_scale, of_bias, mean, variance;
  std::vector<torch::Tensor> all() const {
    return {dst, of_src, of_scale, of_bias, mean, variance};
  }
};
constexpr const char* kNames[] = {"output", "input's gradient", "scale's", "bias's",
                                  "mean",   "variance"};

Outcome outcome(const Case& test, torch::Dtype type, bool fused) {
  torch::manual_seed(1);
  const auto wide = torch::kFloat64;
  const std::int64_t channels = test.shape[1];
  // Means far from zero are what cancellation would show at.
  const torch::Tensor offset = 8 * torch::randn({1, channels, 1, 1}, wide);
  torch::Tensor src = (3 * torch::randn(test.shape, wide) + offset).to(torch::kFloat32).to(type);
  src = src.contiguous(torch::MemoryFormat::ChannelsLast).set_requires_grad(true);
  const auto parameter = [&](double from, double to) {
    return torch::empty({channels}, torch::kFloat32).uniform_(from, to).to(type);
  };
  NormTensors norm{parameter(0.5, 2).set_requires_grad(true),
                   parameter(-1, 1).set_requires_grad(true), parameter(-8, 8), parameter(4, 16)};
  const Activate act{.act = Act::find(test.act).value()};
  const torch::Tensor weights = torch::randn(test.shape, torch::kFloat32).to(type);
  const NormOptions options{.epsilon = 1e-4, .of_batch = test.of_batch, .rate = 0.25};
  const torch::Tensor dst =
      fused ? normalize(src, norm, options, act)
            : train::activate(
                  act, torch::batch_norm(src, norm.scale, norm.bias, norm.mean, norm.variance,
                                         test.of_batch, options.rate, options.epsilon, false));
  (dst * weights).sum().backward();
  return {dst.detach(), src.grad(), norm.scale.grad(), norm.bias.grad(), norm.mean, norm.variance};
}

/// Largest difference, in units of the largest value (at least 1).
double difference(const torch::Tensor& got, const torch::Tensor& want) {
  const torch::Tensor scale = want.abs().max().clamp_min(1);
  return ((got.to(torch::kFloat64) - want).abs().max() / scale).item<double>();
}

class Fused : public testing::TestWithParam<Case> {};

TEST_P(Fused, IsOneOperationAfterTheOtherInDouble) {
  const auto got = outcome(GetParam(), torch::kFloat64, true).all();
  const auto want = outcome(GetParam(), torch::kFloat64, false).all();
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_LE(difference(got[i], want[i]), 1e-12) << kNames[i];
  }
}

TEST_P(Fused, DiffersInSinglePrecisionByRounding) {
  const auto got = outcome(GetParam(), torch::kFloat32, true).all();
  const auto want = outcome(GetParam(), torch::kFloat64, false).all();
  // A part of a sum has 128 lines, four together: 32 + 2 roundings, and some of each term.
  constexpr double kBound = 48 * FLT_EPSILON;
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_LE(difference(got[i], want[i]), kBound) << kNames[i];
  }
}

TEST_P(Fused, GivesTheSameBitsForAnyNumberOfThreads) {
  const int threads = torch::get_num_threads();
  torch::set_num_threads(1);
  const auto one = outcome(GetParam(), torch::kFloat32, true).all();
  torch::set_num_threads(3);
  const auto three = outcome(GetParam(), torch::kFloat32, true).all();
  torch::set_num_threads(threads);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_TRUE(torch::equal(one[i], three[i])) << kNames[i];
  }
}

// Channels in whole vectors and not, many and few; lines in whole parts and not; activations with
// and without kernels.
INSTANTIATE_TEST_SUITE_P(
    Shapes, Fused,
    testing::Values(Case{"mish", {2, 32, 26, 26}}, Case{"mish", {3, 7, 5, 5}},
                    Case{"mish", {1, 1, 3, 2}}, Case{"mish", {2, 24, 8, 8}, false},
                    Case{"swish", {4, 48, 13, 13}}, Case{"leaky", {2, 255, 4, 4}},
                    Case{"leaky", {1, 3, 64, 96}}, Case{"relu", {2, 512, 2, 2}},
                    Case{"linear", {5, 130, 3, 3}}, Case{"logistic", {2, 16, 9, 9}},
                    Case{"elu", {2, 8, 16, 16}, false}),
    [](const auto& it) {
      return it.param.act + std::to_string(it.param.shape[1]) +
             (it.param.of_batch ? "" : "Running");
    });

TEST(Fused, HandsNanOn) {
  for (const char* act : {"mish", "swish", "leaky", "relu", "linear"}) {
    torch::Tensor src = torch::randn({2, 16, 4, 4});
    src[1][3][2][2] = NAN;
    const NormTensors norm{torch::ones({16}), torch::zeros({16}), torch::zeros({16}),
                           torch::ones({16})};
    const torch::Tensor dst =
        normalize(src, norm, {.of_batch = false}, {.act = Act::find(act).value()});
    EXPECT_TRUE(torch::equal(dst.isnan(), src.isnan())) << act;
  }
}

}  // namespace
}  // namespace syolo::test
