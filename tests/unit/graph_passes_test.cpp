// The passes change programs as they say and keep what the programs compute.
#include "syolo/graph/passes.h"

#include <gtest/gtest.h>

#include "syolo/graph/lower.h"
#include "syolo/runtime/reference.h"
#include "tests/support/compare.h"
#include "tests/support/counter_weights.h"
#include "tests/support/weights_testing.h"

namespace syolo::test {
namespace {

const std::string kNet = "[net]\nwidth=8\nheight=8\nchannels=4\n";
std::string conv(std::string_view activation, std::string_view keys = "") {
  return format("[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\npad=1\nactivation={}\n{}",
                activation, keys);
}

std::string optimized_text(const std::string& body, bool keep_nodes = false) {
  return to_text(optimized(lower(graph_of(kNet + body)), {.keep_nodes = keep_nodes}));
}

/// Both programs on one input: every node that is left in the optimised one has its values.
void expect_same_values(const Graph& graph, Shape input, bool keep_nodes, std::uint64_t seed = 11) {
  const Program plain = lower(graph, input);
  const Program fused = optimized(plain, {.keep_nodes = keep_nodes});
  const CounterWeights made = counter_weights(graph, seed, 2);
  const Tensor picture = counter_input(input, seed);
  const InterpretOptions options{.bounds = false, .threads = 1};
  const Outputs want = interpret(plain, made.weights, picture, options);
  const Outputs got = interpret(fused, made.weights, picture, options);
  ASSERT_EQ(got.nodes.size(), want.nodes.size());
  for (std::size_t i = 0; i < want.nodes.size(); ++i) {
    SCOPED_TRACE(i);
    const bool output = i + 1 == want.nodes.size() || graph.nodes()[i].section == "yolo";
    if (got.nodes[i].values.empty() && !keep_nodes && !output) continue;
    double scale = 0;
    for (const double v : want.nodes[i].values) scale = std::max(scale, std::abs(v));
    ASSERT_TRUE(all_within(got.nodes[i].values, want.nodes[i].values,
                           [&](std::size_t) { return 1e-9 * scale; }));
  }
}

TEST(Attached, AreNormalisationActivationAndResidual) {
  EXPECT_EQ(optimized_text(conv("mish") + conv("leaky") + "[shortcut]\nfrom=-2\n"),
            "-1: %0 = input -> 4x8x8\n"
            "0: %3 = conv 3x3/1 filters=4 pad=1 params=0 norm=1e-05 mish %0 -> 4x8x8\n"
            "1: %7 = conv 3x3/1 filters=4 pad=1 params=1 norm=1e-05 leaky +residual %3 %3 "
            "-> 4x8x8\n");
}

TEST(Attached, AreActivationsOfTheirOwnLayer) {
  const std::string text = optimized_text(conv("linear") + "[activation]\nactivation=mish\n");
  EXPECT_EQ(text,
            "-1: %0 = input -> 4x8x8\n"
            "0: %3 = conv 3x3/1 filters=4 pad=1 params=0 norm=1e-05 mish %0 -> 4x8x8\n");
}

// The sum's own activation acts on the sum; it cannot move into the convolution.
TEST(Attached, LeaveAnActivationBehindASumAlone) {
  const std::string text =
      optimized_text(conv("mish") + conv("linear") + "[shortcut]\nfrom=-2\nactivation=leaky\n");
  EXPECT_NE(text.find("+residual"), std::string::npos) << text;
  EXPECT_NE(text.find("activate leaky"), std::string::npos) << text;
}

TEST(Attached, AreNotWhenTheValueBetweenIsReadElsewhere) {
  const std::string text =
      optimized_text(conv("mish") + conv("leaky") + "[shortcut]\nfrom=-2\n[route]\nlayers=-1,1\n");
  EXPECT_EQ(text.find("+residual"), std::string::npos) << text;
  const std::string two =
      optimized_text(conv("linear") + "[activation]\nactivation=mish\n[route]\nlayers=-1,0\n");
  EXPECT_NE(two.find("activate mish"), std::string::npos) << two;
}

TEST(Attached, AreNotASumOfOneValueWithItselfNorOfFewerChannels) {
  EXPECT_EQ(optimized_text(conv("mish") + "[shortcut]\nfrom=-1\n").find("+residual"),
            std::string::npos);
  EXPECT_EQ(optimized_text(conv("mish") + "[convolutional]\nfilters=2\nactivation=linear\n"
                                          "[shortcut]\nfrom=-2\n")
                .find("+residual"),
            std::string::npos);
}

TEST(Cascade, TurnsParallelPoolsIntoNestedOnes) {
  const std::string text = optimized_text(
      conv("mish") +
      "[maxpool]\nsize=5\nstride=1\n[route]\nlayers=0\n[maxpool]\nsize=9\nstride=1\n"
      "[route]\nlayers=0\n[maxpool]\nsize=13\nstride=1\n[route]\nlayers=-1,-3,-5,0\n");
  // 9 = 5 + 5 - 1, 13 = 9 + 5 - 1
  EXPECT_EQ(text,
            "-1: %0 = input -> 4x8x8\n"
            "0: %3 = conv 3x3/1 filters=4 pad=1 params=0 norm=1e-05 mish %0 -> 4x8x8\n"
            "1: %4 = pool max 5x5/1 pad=2 %3 -> 4x8x8\n"
            "3: %5 = pool max 5x5/1 pad=2 %4 -> 4x8x8\n"
            "5: %6 = pool max 5x5/1 pad=2 %5 -> 4x8x8\n"
            "6: %7 = concat %6 %5 %4 %3 -> 16x8x8\n");
}

// A cascade has the very same maxima, on maps smaller than the windows too.
TEST(Cascade, IsExact) {
  for (const Shape& input : {Shape{1, 4, 8, 8}, Shape{1, 4, 1, 1}, Shape{1, 4, 3, 17}}) {
    const Graph graph =
        graph_of(kNet +
                 "[maxpool]\nsize=3\nstride=1\n[maxpool]\nsize=5\nstride=1\n[route]\nlayers=0\n"
                 "[maxpool]\nsize=9\nstride=1\n[route]\nlayers=0\n[maxpool]\nsize=13\nstride=1\n"
                 "[route]\nlayers=0\n[maxpool]\nsize=2\nstride=1\n[route]\nlayers=-1,-3,-5,-7,0\n");
    const Program plain = lower(graph, input);
    const Program fused = optimized(plain);
    EXPECT_NE(to_text(plain), to_text(fused));
    const Tensor picture = counter_input(input, 3);
    EXPECT_EQ(interpret(fused, {}, picture).nodes.back().values,
              interpret(plain, {}, picture).nodes.back().values);
  }
}

TEST(KeepNodes, KeepsEveryNodesOutput) {
  for (const std::string& body :
       {conv("mish") + conv("leaky") + "[shortcut]\nfrom=-2\n", conv("mish") + "[dropout]\n",
        conv("linear") + "[activation]\nactivation=mish\n",
        conv("mish") + conv("mish") + "[route]\nlayers=0\n"}) {
    const Graph graph = graph_of(kNet + body);
    const Program program = optimized(lower(graph), {.keep_nodes = true});
    std::vector<bool> made(program.values.size());
    for (const Instr& instr : program.code) made[static_cast<std::size_t>(instr.dst)] = true;
    ASSERT_EQ(program.node_values.size(), graph.nodes().size());
    for (const ValueId value : program.node_values) {
      ASSERT_GE(value, 0) << body;
      EXPECT_TRUE(made[static_cast<std::size_t>(value)]) << body;
    }
    expect_same_values(graph, graph.net().input, true);
  }
}

// A node without a value must say so (-1), not name a value that nothing computes.
TEST(Optimised, NamesNoValueThatIsNotComputed) {
  for (const std::string& body : {conv("linear") + "[activation]\nactivation=mish\n",
                                  conv("mish") + conv("mish") + "[route]\nlayers=0\n",
                                  conv("mish") + conv("leaky") + "[shortcut]\nfrom=-2\n",
                                  conv("mish") + "[dropout]\n" + conv("mish")}) {
    const Graph graph = graph_of(kNet + body);
    const Program program = optimized(lower(graph));
    std::vector<bool> made(program.values.size());
    for (const Instr& instr : program.code) made[static_cast<std::size_t>(instr.dst)] = true;
    for (const ValueId value : program.node_values) {
      if (value >= 0) {
        EXPECT_TRUE(made[static_cast<std::size_t>(value)]) << body;
      }
    }
    expect_same_values(graph, graph.net().input, false);
  }
}

TEST(Optimised, DropsWhatNothingReads) {
  const std::string text = optimized_text(conv("mish") + conv("mish") + "[route]\nlayers=0\n");
  EXPECT_EQ(text.find("params=1"), std::string::npos) << text;
}

TEST(LastUses, AreTheLastReaders) {
  const Program program = lower(graph_of(kNet + "[conv]\nactivation=linear\n[conv]\nactivation="
                                                "linear\n[route]\nlayers=0,1\n"));
  // 0 input, 1 conv 0, 2 conv 1, 3 concat; instruction numbers are the same here.
  EXPECT_EQ(last_uses(program), (std::vector<int>{1, 3, 3, 4}));
}

class OptimisedFamily : public testing::TestWithParam<std::string> {};

TEST_P(OptimisedFamily, ComputesTheSameOutputs) {
  Findings findings;
  const Graph graph = load_cfg(darknet_oracles() / "family" / (GetParam() + ".cfg"), findings);
  const int side = greatest_stride(graph);
  expect_same_values(graph, {1, 3, side, side}, false);
}

INSTANTIATE_TEST_SUITE_P(Networks, OptimisedFamily, testing::Values("yolov4-tiny", "yolov4-csp"),
                         [](const auto& it) { return test_name(it.param); });

}  // namespace
}  // namespace syolo::test
