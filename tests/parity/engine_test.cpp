// The engine agrees with the interpreter to within rounding, layer by layer, and with Darknet as
// a whole. The bounds come from the interpreter's own sums of |w*x|, so no case carries one.
#include <gtest/gtest.h>

#include <array>
#include <cfloat>
#include <optional>
#include <thread>

#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "syolo/runtime/plan.h"
#include "syolo/runtime/reference.h"
#include "syolo/zoo/models.h"
#include "tests/support/compare.h"
#include "tests/support/engine.h"
#include "tests/support/temp_dir.h"
#include "tests/support/weights_testing.h"

namespace syolo::test {
namespace {

constexpr double kEpsilonBf16 = 0x1p-7;

/// A network of layers/ in the engine, judged by the interpreter and by Darknet.
struct SmallNetwork {
  std::string name;
  OracleCase test;

  explicit SmallNetwork(const std::string& of) : name(of), test(load_oracle_case("layers", of)) {}

  Session session(const PlanOptions& options) const {
    return Session(make_plan(model_of(test.graph, test.made.weights), test.oracle.input, options));
  }

  /// Each layer computed in double from the engine's own outputs of the layers before it, so that
  /// the difference is the rounding of this layer alone.
  void expect_each_layer_within_rounding(const Session& session, double epsilon) const {
    const Outputs want =
        interpret(lower(test.graph), test.made.weights, test.input,
                  {.observed = [&](NodeId node) { return session.node_output(node); }});
    for (std::size_t i = 0; i < want.nodes.size(); ++i) {
      SCOPED_TRACE(layer_text(test.graph, i));
      const Outputs::Node& node = want.nodes[i];
      const Tensor got = session.node_output(static_cast<NodeId>(i));
      EXPECT_EQ(got.shape(), node.shape);
      EXPECT_TRUE(all_within(got.values(), node.values, [&](std::size_t at) {
        return rounding_bound(epsilon, node.terms, node.bound[at]);
      }));
    }
  }

  void expect_darknets_values(const Tensor& got, std::size_t layer) const {
    SCOPED_TRACE(layer_text(test.graph, layer));
    const OracleLayer& want = test.oracle.layers[layer];
    EXPECT_TRUE(all_within(got.values(), want.output, [&](std::size_t at) {
      if (darknet_is_wrong(name, layer, want, at)) return HUGE_VAL;
      return 1e-4 * std::max(1.0, std::abs(want.output[at]));
    }));
  }
};

class EngineOnSmallNetwork : public testing::TestWithParam<std::string> {};

TEST_P(EngineOnSmallNetwork, AgreesWithTheInterpreterLayerByLayer) {
  const SmallNetwork net(GetParam());
  Session session = net.session(plain_options(true));
  session.run(net.test.input.values());
  net.expect_each_layer_within_rounding(session, FLT_EPSILON);
  for (std::size_t i = 0; i < net.test.oracle.layers.size(); ++i) {
    net.expect_darknets_values(session.node_output(static_cast<NodeId>(i)), i);
  }
}

TEST_P(EngineOnSmallNetwork, AgreesInItsOutputsWhenFused) {
  const SmallNetwork net(GetParam());
  const Program program = lower(net.test.graph);
  Session session = net.session(plain_options());
  const auto views = session.run(net.test.input.values());
  const Outputs want = interpret(program, net.test.made.weights, net.test.input);
  const std::vector<HeadNode> nodes = heads(program);
  ASSERT_EQ(views.size(), nodes.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    const NodeId src = net.test.graph.node(nodes[i].node).src[0];
    const Outputs::Node& raw = want.nodes[static_cast<std::size_t>(src)];
    EXPECT_EQ(views[i].shape, raw.shape);
    EXPECT_TRUE(all_within(plain_values<double>(views[i]), raw.values, [&](std::size_t at) {
      return 1e-4 * std::max(1.0, std::abs(raw.values[at]));
    }));
  }
  const std::size_t last = net.test.oracle.layers.size() - 1;
  net.expect_darknets_values(session.node_output(static_cast<NodeId>(last)), last);
}

/// Channels last is what AMX computes in, planar what a library without fast kernels would; both
/// must be right on any machine.
constexpr std::array kOtherLayouts = {MapLayout::channels_last, MapLayout::planar};

TEST_P(EngineOnSmallNetwork, AgreesWithTheInterpreterInOtherLayouts) {
  const SmallNetwork net(GetParam());
  for (const MapLayout layout : kOtherLayouts) {
    SCOPED_TRACE(static_cast<int>(layout));
    PlanOptions options = plain_options(true);
    options.layout = layout;
    Session session = net.session(options);
    session.run(net.test.input.values());
    net.expect_each_layer_within_rounding(session, FLT_EPSILON);
    options.keep_nodes = false;
    Session fused = net.session(options);
    fused.run(net.test.input.values());
    const std::size_t last = net.test.oracle.layers.size() - 1;
    net.expect_darknets_values(fused.node_output(static_cast<NodeId>(last)), last);
  }
}

TEST_P(EngineOnSmallNetwork, GivesTheSameBytesOnAnyNumberOfThreads) {
  const SmallNetwork net(GetParam());
  Session one = net.session(plain_options(false, 1));
  const std::vector<float> want = all_outputs(one, net.test.graph, net.test.input);
  for (const int threads : {2, 4}) {
    Session many = net.session(plain_options(false, threads));
    EXPECT_TRUE(same_bytes(all_outputs(many, net.test.graph, net.test.input), want))
        << threads << " threads";
  }
}

INSTANTIATE_TEST_SUITE_P(Darknet, EngineOnSmallNetwork, testing::ValuesIn(oracle_names("layers")),
                         [](const auto& it) { return test_name(it.param); });

/// Groups of 3 channels, which the library has no kernels of its own for, and large enough to
/// share.
TEST(EngineOnGroups, GivesTheSameBytesOnAnyNumberOfThreads) {
  for (const int groups : {1, 2, 3, 8, 32}) {
    const std::string cfg = format(
        "[net]\nwidth=40\nheight=40\nchannels=3\n"
        "[convolutional]\nfilters={0}\nsize=1\nactivation=mish\n"
        "[convolutional]\nfilters={0}\nsize=3\npad=1\ngroups={1}\nactivation=leaky\n"
        "[convolutional]\nfilters={2}\nsize=3\npad=1\nstride=2\ngroups={1}\nactivation=linear\n",
        3 * groups, groups, 5 * groups);
    Findings findings;
    const Graph graph = read_cfg(cfg, "groups.cfg", findings);
    const Model model = model_of(graph, random_weights(graph, 1));
    const Tensor input = counter_input({1, 3, 40, 40}, 1);
    const auto outputs = [&](int threads) {
      Session session(make_plan(model, {1, 3, 40, 40}, plain_options(false, threads)));
      return all_outputs(session, graph, input);
    };
    const std::vector<float> one = outputs(1);
    for (const int threads : {2, 3, 4}) {
      EXPECT_TRUE(same_bytes(outputs(threads), one)) << groups << " groups, " << threads;
    }
  }
}

// The choices are kept without the number of threads, so each of them must hold for any number.
class EngineWithMeasuredChoices : public testing::Test {
 protected:
  PlanOptions options(Tune tune, int threads) const {
    PlanOptions options = plain_options(false, threads);
    options.tune = tune;
    options.cache = folder_.path();
    return options;
  }
  std::vector<float> outputs(int threads) const {
    Session session(make_plan(model_, test_.oracle.input, options(Tune::cached, threads)));
    return all_outputs(session, test_.graph, test_.input);
  }
  void expect_same_bytes_on_any_number_of_threads() const {
    const std::vector<float> one = outputs(1);
    for (const int threads : {2, 4}) EXPECT_TRUE(same_bytes(outputs(threads), one)) << threads;
  }
  /// Rewrites every kept choice.
  void choose(std::string_view name) const {
    const Path file = std::filesystem::directory_iterator(folder_.path())->path();
    const std::string text = read_text(file, 1 << 20);
    std::string changed;
    for (const std::string_view line : lines(text)) {
      const auto fields = split(line, '\t');
      changed +=
          fields.size() == 3 ? format("{}\t{}\t{}", fields[0], name, fields[2]) : std::string(line);
      changed += '\n';
    }
    folder_.write(file.filename().string(), changed);
  }
  std::size_t steps_by(std::string_view name) const {
    const PlanSummary plan =
        explain(*make_plan(model_, test_.oracle.input, options(Tune::cached, 2)));
    return static_cast<std::size_t>(
        std::count_if(plan.steps.begin(), plan.steps.end(),
                      [&](const PlanStep& step) { return step.candidate.starts_with(name); }));
  }

  TempDir folder_;
  OracleCase test_ = load_oracle_case("family", "yolov4-tiny");
  Model model_ = model_of(test_.graph, test_.made.weights);
};

TEST_F(EngineWithMeasuredChoices, GivesTheSameBytesOnAnyNumberOfThreads) {
  make_plan(model_, test_.oracle.input, options(Tune::measure, 2));
  expect_same_bytes_on_any_number_of_threads();
  if (std::filesystem::is_empty(folder_.path())) GTEST_SKIP() << "one candidate each here";
  choose("direct");
  EXPECT_EQ(steps_by("winograd"), 0U);
  expect_same_bytes_on_any_number_of_threads();
  choose("winograd");
  EXPECT_GE(steps_by("winograd"), 5U);
  expect_same_bytes_on_any_number_of_threads();
}

/// Skipped where the processor computes no bf16; the message is the plan's own.
class EngineInBf16 : public testing::Test {
 protected:
  static PlanOptions options(bool keep_nodes, int threads = 2) {
    PlanOptions options = plain_options(keep_nodes, threads);
    options.precision = Precision::bf16;
    return options;
  }
  void SetUp() override {
    try {
      SmallNetwork("conv-odd").session(options(false));
    } catch (const Error& error) {
      ASSERT_EQ(error.kind(), ErrorKind::unsupported) << error.what();
      GTEST_SKIP() << error.what();
    }
  }
};

TEST_F(EngineInBf16, AgreesWithTheInterpreterLayerByLayer) {
  for (const std::string& name : oracle_names("layers")) {
    const SmallNetwork net(name);
    Session session = net.session(options(true));
    session.run(net.test.input.values());
    net.expect_each_layer_within_rounding(session, kEpsilonBf16);
  }
}

TEST_F(EngineInBf16, AgreesWithTheInterpreterInOtherLayouts) {
  for (const std::string& name : oracle_names("layers")) {
    const SmallNetwork net(name);
    for (const MapLayout layout : kOtherLayouts) {
      PlanOptions other = options(true);
      other.layout = layout;
      Session session = net.session(other);
      session.run(net.test.input.values());
      net.expect_each_layer_within_rounding(session, kEpsilonBf16);
    }
  }
}

TEST_F(EngineInBf16, GivesTheSameBytesOnAnyNumberOfThreadsAndNotThoseOfF32) {
  const OracleCase test = load_oracle_case("family", "yolov4-tiny");
  const Model model = model_of(test.graph, test.made.weights);
  const auto outputs = [&](const PlanOptions& options) {
    Session session(make_plan(model, test.oracle.input, options));
    return all_outputs(session, test.graph, test.input);
  };
  const std::vector<float> one = outputs(options(false, 1));
  EXPECT_TRUE(same_bytes(outputs(options(false, 2)), one));
  EXPECT_TRUE(same_bytes(outputs(options(false, 4)), one));
  EXPECT_FALSE(same_bytes(outputs(plain_options()), one));
}

class EngineOnPublishedNetwork : public testing::TestWithParam<std::string> {};

TEST_P(EngineOnPublishedNetwork, AgreesWithDarknetInEveryLayer) {
  const OracleCase test = load_oracle_case("family", GetParam());
  Session session(
      make_plan(model_of(test.graph, test.made.weights), test.oracle.input, plain_options(true)));
  session.run(test.input.values());
  for (std::size_t i = 0; i < test.oracle.layers.size(); ++i) {
    SCOPED_TRACE(layer_text(test.graph, i));
    const Tensor got = session.node_output(static_cast<NodeId>(i));
    ASSERT_TRUE(layer_agrees(got.values(), test.oracle.layers[i], 2e-3));
  }
}

void expect_darknets_outputs(const OracleCase& test, const PlanOptions& options) {
  Session session(make_plan(model_of(test.graph, test.made.weights), test.oracle.input, options));
  const auto views = session.run(test.input.values());
  const Program program = lower(test.graph);
  const std::vector<HeadNode> nodes = heads(program);
  ASSERT_EQ(views.size(), nodes.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    SCOPED_TRACE(layer_text(test.graph, static_cast<std::size_t>(nodes[i].node)));
    const std::vector<double> raw = plain_values<double>(views[i]);
    std::vector<double> activated(raw.size());
    activate_head(*nodes[i].spec, views[i].shape, raw.data(), activated.data());
    EXPECT_TRUE(
        layer_agrees(activated, test.oracle.layers[static_cast<std::size_t>(nodes[i].node)], 2e-3));
  }
  const std::size_t last = test.oracle.layers.size() - 1;
  EXPECT_TRUE(layer_agrees(session.node_output(static_cast<NodeId>(last)).values(),
                           test.oracle.layers[last], 2e-3));
}

TEST_P(EngineOnPublishedNetwork, AgreesWithDarknetInItsOutputsWhenFused) {
  expect_darknets_outputs(load_oracle_case("family", GetParam()), plain_options());
}

TEST_P(EngineOnPublishedNetwork, AgreesWithDarknetInItsOutputsWithChannelsLast) {
  PlanOptions options = plain_options();
  options.layout = MapLayout::channels_last;
  expect_darknets_outputs(load_oracle_case("family", GetParam()), options);
}

INSTANTIATE_TEST_SUITE_P(Darknet, EngineOnPublishedNetwork,
                         testing::ValuesIn(oracle_names("family")),
                         [](const auto& it) { return test_name(it.param); });

/// Networks that between them have every activation, join and head of the family.
class EngineEquality : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    test_ = load_oracle_case("family", GetParam());
    model_ = model_of(test_->graph, test_->made.weights);
  }
  std::shared_ptr<const Plan> plan(int threads = 2) const {
    return make_plan(*model_, test_->oracle.input, plain_options(false, threads));
  }
  Tensor input(std::uint64_t number) const { return counter_input(test_->oracle.input, number); }

  std::optional<OracleCase> test_;
  std::optional<Model> model_;
};

TEST_P(EngineEquality, OneThreadEqualsTwoAndFour) {
  Session one(plan(1)), two(plan(2)), four(plan(4));
  const std::vector<float> want = all_outputs(one, test_->graph, test_->input);
  EXPECT_TRUE(same_bytes(all_outputs(two, test_->graph, test_->input), want));
  EXPECT_TRUE(same_bytes(all_outputs(four, test_->graph, test_->input), want));
}

TEST_P(EngineEquality, ASecondRunEqualsTheFirst) {
  Session session(plan());
  const std::vector<float> first = all_outputs(session, test_->graph, input(1));
  const std::vector<float> other = all_outputs(session, test_->graph, input(2));
  EXPECT_FALSE(same_bytes(first, other)) << "the input does not matter";
  EXPECT_TRUE(same_bytes(all_outputs(session, test_->graph, input(1)), first));
}

TEST_P(EngineEquality, TwoSessionsOnTwoThreadsEqualOne) {
  constexpr std::size_t kInputs = 6;
  const auto shared = plan();
  std::vector<std::vector<float>> serial(kInputs), parallel(kInputs);
  Session session(shared);
  for (std::size_t i = 0; i < kInputs; ++i) {
    serial[i] = all_outputs(session, test_->graph, input(i));
  }
  const auto run_every_second = [&](std::size_t first) {
    Session own(shared);
    for (std::size_t i = first; i < kInputs; i += 2) {
      parallel[i] = all_outputs(own, test_->graph, input(i));
    }
  };
  {
    const std::jthread odd(run_every_second, 1);
    run_every_second(0);
  }
  for (std::size_t i = 0; i < kInputs; ++i) EXPECT_TRUE(same_bytes(serial[i], parallel[i])) << i;
}

INSTANTIATE_TEST_SUITE_P(Darknet, EngineEquality,
                         testing::Values("yolov4-tiny", "yolov3-tiny-prn", "yolov4-csp-s-mish",
                                         "yolov7-tiny", "yolov2-tiny", "csdarknet53-omega"),
                         [](const auto& it) { return test_name(it.param); });

TEST(EngineMemory, OfTheLargestPictureIsPlannedNearTheLowerBound) {
  const Graph graph = build(recipe("yolov4-p6"));
  const Model model = model_of(graph, random_weights(graph, 1));
  const PlanSummary summary = explain(*make_plan(model, {1, 3, 1280, 1280}, plain_options()));
  EXPECT_GE(summary.arena_bytes, summary.arena_lower_bound);
  EXPECT_LE(static_cast<double>(summary.arena_bytes),
            1.3 * static_cast<double>(summary.arena_lower_bound));
  RecordProperty("arena_bytes", format("{} of {}", summary.arena_bytes, summary.arena_lower_bound));
}

}  // namespace
}  // namespace syolo::test
