// The interpreter agrees with Darknet: every value of every layer of the small networks, and the
// sampled values of the published ones. Weights and inputs come from the counter generator.
#include <gtest/gtest.h>

#include "syolo/graph/lower.h"
#include "syolo/graph/passes.h"
#include "syolo/runtime/reference.h"
#include "tests/support/compare.h"
#include "tests/support/oracle.h"

namespace syolo::test {
namespace {

/// Darknet leaves the shape of [softmax] at 0.
void expect_shape(const Shape& found, const OracleLayer& want) {
  if (want.shape.c > 0) {
    EXPECT_EQ(to_text(found), to_text(want.shape));
  }
}

class InterpreterOnSmallNetwork : public testing::TestWithParam<std::string> {};

TEST_P(InterpreterOnSmallNetwork, AgreesWithDarknetInEveryValue) {
  const OracleCase test = load_oracle_case("layers", GetParam());
  ASSERT_EQ(test.graph.nodes().size(), test.oracle.layers.size());
  EXPECT_EQ(test.made.floats, test.oracle.weight_floats);

  const Outputs got = interpret(lower(test.graph), test.made.weights, test.input);
  for (std::size_t i = 0; i < test.oracle.layers.size(); ++i) {
    SCOPED_TRACE(layer_text(test.graph, i));
    const OracleLayer& want = test.oracle.layers[i];
    expect_shape(got.nodes[i].shape, want);
    EXPECT_TRUE(all_within(got.nodes[i].values, want.output, [&](std::size_t at) {
      if (darknet_is_wrong(GetParam(), i, want, at)) return HUGE_VAL;
      return 1e-4 * std::max(1.0, std::abs(want.output[at]));
    }));
  }
}

// Folding and fusing reorder a few double operations per value; nothing else may change.
TEST_P(InterpreterOnSmallNetwork, KeepsItsMeaningWhenOptimized) {
  const OracleCase test = load_oracle_case("layers", GetParam());
  const Program plain = lower(test.graph);
  const Outputs want = interpret(plain, test.made.weights, test.input);
  for (const bool keep_nodes : {true, false}) {
    SCOPED_TRACE(keep_nodes ? "every node kept" : "only the outputs kept");
    const Program program = optimized(plain, {.keep_nodes = keep_nodes});
    const Outputs got = interpret(program, test.made.weights, test.input);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < want.nodes.size(); ++i) {
      if (program.node_values[i] < 0) continue;
      ++kept;
      SCOPED_TRACE(layer_text(test.graph, i));
      EXPECT_TRUE(all_within(got.nodes[i].values, want.nodes[i].values, [&](std::size_t at) {
        return 1e-13 * std::max(want.nodes[i].bound[at], std::abs(want.nodes[i].values[at]));
      }));
    }
    EXPECT_GE(program.node_values.back(), 0) << "the last layer is an output";
    if (keep_nodes) {
      EXPECT_EQ(kept, want.nodes.size());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Darknet, InterpreterOnSmallNetwork,
                         testing::ValuesIn(oracle_names("layers")),
                         [](const auto& it) { return test_name(it.param); });

class InterpreterOnPublishedNetwork : public testing::TestWithParam<std::string> {};

TEST_P(InterpreterOnPublishedNetwork, AgreesWithDarknetInSampledValues) {
  const OracleCase test = load_oracle_case("family", GetParam());
  ASSERT_EQ(test.graph.nodes().size(), test.oracle.layers.size());
  EXPECT_EQ(test.made.floats, test.oracle.weight_floats);
  EXPECT_EQ(test.graph.net().input, test.oracle.input);

  const Outputs got =
      interpret(lower(test.graph), test.made.weights, test.input, {.bounds = false});
  for (std::size_t i = 0; i < test.oracle.layers.size(); ++i) {
    SCOPED_TRACE(layer_text(test.graph, i));
    expect_shape(got.nodes[i].shape, test.oracle.layers[i]);
    ASSERT_TRUE(layer_agrees(got.nodes[i].values, test.oracle.layers[i], 2e-3));
  }
}

INSTANTIATE_TEST_SUITE_P(Darknet, InterpreterOnPublishedNetwork,
                         testing::ValuesIn(oracle_names("family")),
                         [](const auto& it) { return test_name(it.param); });

TEST(Interpreter, GivesTheSameBytesOnAnyNumberOfThreads) {
  const OracleCase test = load_oracle_case("layers", "conv-groups");
  const Program program = lower(test.graph);
  const Outputs one = interpret(program, test.made.weights, test.input, {.threads = 1});
  for (const int threads : {2, 3, 64}) {
    const Outputs many = interpret(program, test.made.weights, test.input, {.threads = threads});
    for (std::size_t i = 0; i < one.nodes.size(); ++i) {
      EXPECT_EQ(one.nodes[i].values, many.nodes[i].values);
      EXPECT_EQ(one.nodes[i].bound, many.nodes[i].bound);
    }
  }
}

TEST(Interpreter, LeavesOutTheBoundsOnly) {
  const OracleCase test = load_oracle_case("layers", "squeeze-excite");
  const Program program = lower(test.graph);
  const Outputs with = interpret(program, test.made.weights, test.input);
  const Outputs without = interpret(program, test.made.weights, test.input, {.bounds = false});
  for (std::size_t i = 0; i < with.nodes.size(); ++i) {
    EXPECT_EQ(with.nodes[i].values, without.nodes[i].values);
    EXPECT_EQ(with.nodes[i].bound.size(), with.nodes[i].values.size());
    EXPECT_TRUE(without.nodes[i].bound.empty());
  }
}

/// One 1x1 convolution of a 2x1x1 input: kernel (3, -2), bias 1; x = (2, 5).
struct TinyConv {
  Program program;
  Weights weights;
  Tensor input{{1, 2, 1, 1}, std::vector<float>{2, 5}};

  explicit TinyConv(const Conv& conv) {
    program.values = {{{1, 2, 1, 1}}, {{1, 1, 1, 1}}};
    program.code = {{Input{}, {}, 0, -1}, {conv, {0}, 1, 0}};
    program.node_values = {1};
    const auto set = [&](Role role, std::vector<float> values) {
      const Shape shape{1, static_cast<int>(values.size()), 1, 1};
      weights.set({0, role}, Tensor(shape, std::move(values)));
    };
    set(Role::kernel, {3, -2});
    set(Role::bias, {1});
    set(Role::scale, {0.5F});
    set(Role::mean, {4});
    set(Role::variance, {0.25F});
  }
};

TEST(Interpreter, BoundsAConvolutionByItsSumOfMagnitudes) {
  const TinyConv tiny(Conv{.filters = 1});
  const Outputs got = interpret(tiny.program, tiny.weights, tiny.input);
  EXPECT_EQ(got.nodes[0].values[0], 3 * 2 - 2 * 5 + 1);
  EXPECT_EQ(got.nodes[0].bound[0], 3 * 2 + 2 * 5 + 1);
  EXPECT_EQ(got.nodes[0].terms, 2);
}

TEST(Interpreter, ScalesTheBoundByAFoldedNormalization) {
  // factor 0.5 / sqrt(0.25) = 1; shift 1 - 4 = -3
  const TinyConv tiny(Conv{.filters = 1, .bias = false, .norm_epsilon = 0.0});
  const Outputs got = interpret(tiny.program, tiny.weights, tiny.input);
  EXPECT_EQ(got.nodes[0].values[0], (3 * 2 - 2 * 5) * 1 - 3);
  EXPECT_EQ(got.nodes[0].bound[0], (3 * 2 + 2 * 5) * 1 + 3);
}

TEST(Interpreter, LetsLaterNodesReadWhatWasObserved) {
  const OracleCase test = load_oracle_case("layers", "shortcut-same");
  const Program program = lower(test.graph);
  const Outputs plain = interpret(program, test.made.weights, test.input);
  const Outputs got =
      interpret(program, test.made.weights, test.input, {.observed = [&](NodeId node) {
                  return node == 0 ? Tensor(plain.nodes[0].shape) : Tensor();
                }});
  EXPECT_EQ(got.nodes[0].values, plain.nodes[0].values) << "its own values are reported";
  EXPECT_NE(got.nodes[1].values, plain.nodes[1].values) << "the next layer read zeros";
}

TEST(RoundingBound, GrowsWithTheLogarithmOfTheTerms) {
  EXPECT_DOUBLE_EQ(rounding_bound(0x1p-23, 1, 3), 4 * 0x1p-23 * 2 * 3);
  EXPECT_DOUBLE_EQ(rounding_bound(0x1p-23, 1024, 3), 4 * 0x1p-23 * 12 * 3);
}

}  // namespace
}  // namespace syolo::test
