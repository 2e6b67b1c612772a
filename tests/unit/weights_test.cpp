// Random weights, folding, weighted-shortcut weights.
#include "syolo/weights/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/support/weights_testing.h"

namespace syolo {
namespace {

using namespace test;

TEST(ParamId, PrintsLayerAndRole) {
  EXPECT_EQ(to_text(ParamId{112, Role::kernel}), "112.kernel");
}

TEST(Weights, AskingForAMissingParameterIsABugOfOurs) {
  try {
    Weights().at({3, Role::bias});
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_NE(std::string(error.what()).find("3.bias"), std::string::npos);
  }
}

TEST(RandomWeights, FillEveryParameterWithItsShape) {
  const Graph graph = graph_of(kTwoLayers);
  const Weights weights = random_weights(graph, 1);
  EXPECT_EQ(weights.all().size(), 7U);  // bias, scale, mean, variance, kernel; bias, kernel
  EXPECT_EQ(weights.at({0, Role::kernel}).shape(), (Shape{4, 3, 3, 3}));
  for (const float value : weights.at({0, Role::variance}).values()) EXPECT_EQ(value, 1.0F);
  for (const float value : weights.at({0, Role::mean}).values()) EXPECT_EQ(value, 0.0F);
}

TEST(RandomWeights, DependOnSeedAndLayerOnly) {
  const Graph graph = graph_of(kTwoLayers);
  const ParamId kernel{1, Role::kernel};
  EXPECT_TRUE(
      same_values(random_weights(graph, 1).at(kernel), random_weights(graph, 1).at(kernel)));
  EXPECT_FALSE(
      same_values(random_weights(graph, 1).at(kernel), random_weights(graph, 2).at(kernel)));
  EXPECT_TRUE(
      same_values(random_weights(graph, 1).at(kernel), random_parameter(kernel, {5, 4, 1, 1}, 1)));
}

TEST(RandomWeights, KernelsAreHeUniform) {
  // Uniform in +-sqrt(6/fan_in): variance 2/fan_in. 16*9*64 = 9216 draws.
  const Tensor kernel = random_parameter({0, Role::kernel}, {64, 16, 3, 3}, 7);
  double squares = 0, greatest = 0;
  for (const float value : kernel.values()) {
    squares += double{value} * value;
    greatest = std::max(greatest, std::abs(double{value}));
  }
  const double bound = std::sqrt(6.0 / 144);
  EXPECT_LE(greatest, bound);
  EXPECT_GT(greatest, 0.99 * bound);
  EXPECT_NEAR(squares / 9216 / (2.0 / 144), 1, 0.04);  // deviation of the mean square: 0.9 %
}

TEST(FoldBatchNorm, EqualsTheFormulaInDouble) {
  Weights weights;
  weights.set({0, Role::bias}, Tensor({1, 2, 1, 1}, {0.5F, -1}));
  weights.set({0, Role::scale}, Tensor({1, 2, 1, 1}, {2, -3}));
  weights.set({0, Role::mean}, Tensor({1, 2, 1, 1}, {0.25F, 4}));
  weights.set({0, Role::variance}, Tensor({1, 2, 1, 1}, {4, 1e-4F}));
  weights.set({0, Role::kernel}, Tensor({2, 1, 1, 2}, {1, -2, 3, 0.5F}));
  std::vector<float> kernel(4), bias(2);
  fold_batch_norm(weights, 0, 1e-5, 0, kernel, bias);

  const double first = 2 / std::sqrt(4 + 1e-5);
  const double second = -3 / std::sqrt(double{1e-4F} + 1e-5);
  EXPECT_FLOAT_EQ(kernel[0], static_cast<float>(first));
  EXPECT_FLOAT_EQ(kernel[1], static_cast<float>(-2 * first));
  EXPECT_FLOAT_EQ(kernel[2], static_cast<float>(3 * second));
  EXPECT_FLOAT_EQ(kernel[3], static_cast<float>(0.5 * second));
  EXPECT_FLOAT_EQ(bias[0], static_cast<float>(0.5 - first * 0.25));
  EXPECT_FLOAT_EQ(bias[1], static_cast<float>(-1 - second * 4));
}

TEST(SumWeights, RawWithoutNormalization) {
  const Tensor raw({1, 2, 1, 1}, {-1.5F, 2});
  EXPECT_EQ(normalized_sum_weights(raw, 2, WeightedSum::Normalization::none),
            (std::vector<double>{-1.5, 2}));
}

TEST(SumWeights, ReluDividesByTheSumOfOneChannel) {
  // [source][channel]: channel 0 holds 3 and 1, channel 1 holds -2 and 4.
  const Tensor raw({1, 2, 1, 2}, {3, -2, 1, 4});
  const auto got = normalized_sum_weights(raw, 2, WeightedSum::Normalization::relu);
  EXPECT_DOUBLE_EQ(got[0], 3 / 4.0001);
  EXPECT_DOUBLE_EQ(got[1], 0);
  EXPECT_DOUBLE_EQ(got[2], 1 / 4.0001);
  EXPECT_DOUBLE_EQ(got[3], 4 / 4.0001);
}

TEST(SumWeights, SoftmaxShiftsByTheGreatestOfItsChannel) {
  // Without the shift e^1000 would overflow; the 1e-4 is not rescaled by it.
  const Tensor raw({1, 2, 1, 2}, {1000, 0, 999, 1});
  const auto got = normalized_sum_weights(raw, 2, WeightedSum::Normalization::softmax);
  const double small = std::exp(-1.0), sum = 1 + small + 1e-4;
  EXPECT_DOUBLE_EQ(got[0], 1 / sum);
  EXPECT_DOUBLE_EQ(got[1], small / sum);
  EXPECT_DOUBLE_EQ(got[2], small / sum);
  EXPECT_DOUBLE_EQ(got[3], 1 / sum);
}

TEST(SumWeights, AllNegativeUnderReluIsZeroAndNoNan) {
  const Tensor raw({1, 2, 1, 1}, {-1, -1});
  EXPECT_EQ(normalized_sum_weights(raw, 2, WeightedSum::Normalization::relu),
            (std::vector<double>{0, 0}));
}

}  // namespace
}  // namespace syolo
