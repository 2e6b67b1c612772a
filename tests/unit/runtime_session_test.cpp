// What a plan refuses before any work, what it says about itself, where its memory lies, and what
// it makes of measured choices.
#include <gtest/gtest.h>

#include <set>

#include "syolo/graph/lower.h"
#include "syolo/runtime/arena.h"
#include "syolo/runtime/tune_impl.h"
#include "tests/support/engine.h"
#include "tests/support/temp_dir.h"
#include "tests/support/weights_testing.h"

namespace syolo::test {
namespace {

const std::string kNet = "[net]\nwidth=32\nheight=32\nchannels=3\n";
const std::string kConv =
    "[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\npad=1\nactivation=mish\n";

Model small_model(const std::string& body = kConv) {
  const Graph graph = graph_of(kNet + body);
  return model_of(graph, random_weights(graph, 1));
}

TEST(PlanMemory, IsRefusedAboveTheLimitAndNotAtIt) {
  const Model model = small_model(kConv + kConv);
  PlanOptions options = plain_options();
  options.max_memory = 100;
  const Error error = error_of([&] { make_plan(model, {1, 3, 32, 32}, options); });
  EXPECT_EQ(error.kind(), ErrorKind::limit);
  EXPECT_SAYS(error, "at most 100 bytes");
  EXPECT_SAYS(error, "--max-memory");
  // The smallest limit that is enough, found by halving, is at least what the plan says it needs.
  std::int64_t low = 100, high = std::int64_t{1} << 30;
  while (high - low > 1) {
    options.max_memory = low + (high - low) / 2;
    try {
      make_plan(model, {1, 3, 32, 32}, options);
      high = options.max_memory;
    } catch (const Error&) {
      low = options.max_memory;
    }
  }
  options.max_memory = high;
  const PlanSummary summary = explain(*make_plan(model, {1, 3, 32, 32}, options));
  EXPECT_GE(high, summary.arena_bytes + summary.weight_bytes);
  EXPECT_GE(summary.arena_bytes, summary.arena_lower_bound);
}

TEST(PlanInput, IsOnePicture) {
  const Error error = error_of([] { make_plan(small_model(), {2, 3, 32, 32}, plain_options()); });
  EXPECT_EQ(error.kind(), ErrorKind::input);
  EXPECT_SAYS(error, "found batch 2");
}

// The kernels are as deep as the network's own channels, whatever the caller asks for.
TEST(PlanInput, HasTheChannelsOfTheNetwork) {
  for (const int channels : {0, 1, 4, 1000}) {
    const Error error = error_of([&] {
      make_plan(small_model(), {1, channels, 32, 32}, plain_options());
    });
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_SAYS(error, format("3 channels, found {}", channels));
  }
  EXPECT_THROW(make_plan(small_model(), {1, 3, 0, 32}, plain_options()), Error);
}

TEST(PlanInput, MayHaveAnySizeThatFits) {
  const Model model = small_model();
  for (const Shape& input : {Shape{1, 3, 1, 1}, Shape{1, 3, 7, 33}, Shape{1, 3, 64, 1}}) {
    Session session(make_plan(model, input, plain_options()));
    session.run(std::vector<float>(static_cast<std::size_t>(input.elements()), 0.5F));
    EXPECT_EQ(session.node_output(0).shape(), (Shape{1, 16, input.h, input.w}));
  }
}

TEST(PlanPrecision, IsRefusedOnlyWhereTheProcessorLacksIt) {
  PlanOptions options = plain_options();
  options.precision = Precision::automatic;
  const Precision found = explain(*make_plan(small_model(), {1, 3, 32, 32}, options)).precision;
  options.precision = Precision::bf16;
  if (found == Precision::bf16) {
    EXPECT_EQ(explain(*make_plan(small_model(), {1, 3, 32, 32}, options)).precision, found);
    return;
  }
  EXPECT_EQ(found, Precision::f32);
  const Error error = error_of([&] { make_plan(small_model(), {1, 3, 32, 32}, options); });
  EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  EXPECT_SAYS(error, "--precision auto");
}

TEST(PlanSummaryText, NamesEveryStepAndTheWork) {
  const PlanSummary summary =
      explain(*make_plan(small_model(kConv + kConv), {1, 3, 32, 32}, plain_options()));
  std::int64_t macs = 0;
  for (const PlanStep& step : summary.steps) macs += step.macs;
  EXPECT_EQ(macs, 32 * 32 * 9 * (3 * 16 + 16 * 16));
  const std::string text = to_text(summary);
  for (const PlanStep& step : summary.steps) {
    EXPECT_FALSE(step.what.empty() || step.candidate.empty() || step.why.empty());
    EXPECT_NE(text.find(step.what), std::string::npos);
  }
}

TEST(SessionOutput, OfALayerThatWasJoinedIsRefused) {
  const Model model = small_model(kConv +
                                  "[convolutional]\nfilters=16\nactivation=linear\n"
                                  "[shortcut]\nfrom=-2\n");
  Session session(make_plan(model, {1, 3, 32, 32}, plain_options()));
  session.run(std::vector<float>(3 * 32 * 32, 0.5F));
  const Error error = error_of([&] { session.node_output(1); });
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_SAYS(error, "keep_nodes");
  for (const NodeId node : {-1, 3, 1000}) {
    EXPECT_EQ(error_of([&] { session.node_output(node); }).kind(), ErrorKind::input) << node;
  }
  Session kept(make_plan(model, {1, 3, 32, 32}, plain_options(true)));
  kept.run(std::vector<float>(3 * 32 * 32, 0.5F));
  for (const NodeId node : {0, 1, 2}) EXPECT_EQ(kept.node_output(node).shape().c, 16);
}

TEST(SessionTiming, IsOneNumberPerStep) {
  Session session(make_plan(small_model(), {1, 3, 32, 32}, plain_options()));
  session.set_timing(true);
  session.run(std::vector<float>(3 * 32 * 32, 0.5F));
  EXPECT_FALSE(session.step_ms().empty());
  for (const double ms : session.step_ms()) EXPECT_GE(ms, 0);
}

// The arena ---------------------------------------------------------------------------------------

class ArenaOfNetwork : public testing::TestWithParam<const char*> {};

TEST_P(ArenaOfNetwork, IsAtMostThreeTenthsAboveTheLowerBound) {
  Findings findings;
  const Graph graph =
      load_cfg(darknet_oracles() / "family" / (std::string(GetParam()) + ".cfg"), findings);
  const Model model = model_of(graph, random_weights(graph, 1));
  const PlanSummary summary = explain(*make_plan(model, {1, 3, 320, 320}, plain_options()));
  EXPECT_GE(summary.arena_bytes, summary.arena_lower_bound);
  EXPECT_LE(static_cast<double>(summary.arena_bytes),
            1.3 * static_cast<double>(summary.arena_lower_bound));
}

INSTANTIATE_TEST_SUITE_P(Networks, ArenaOfNetwork, testing::Values("yolov4-tiny", "yolov7-tiny"),
                         [](const auto& it) { return test_name(it.param); });

TEST(ArenaPlanning, OfNothingIsNothing) {
  EXPECT_EQ(plan_arena({}).bytes, 0);
  const Lifetime empty{0, 5, 0};
  EXPECT_EQ(plan_arena({&empty, 1}).bytes, 0);
}

TEST(ArenaPlanning, ReusesMemoryOfTheDead) {
  // A chain: each step reads one block and writes the next, so two are alive at a time.
  std::vector<Lifetime> chain;
  for (int i = 0; i < 50; ++i) chain.push_back({i, i + 1, 6400});
  const ArenaPlan plan = plan_arena(chain);
  EXPECT_EQ(plan.lower_bound, 2 * 6400);
  EXPECT_EQ(plan.bytes, 2 * 6400);
}

TEST(ArenaPlanning, KeepsBlocksOfOneStepApart) {
  const std::vector<Lifetime> lives(7, {3, 3, 1});
  const ArenaPlan plan = plan_arena(lives);
  EXPECT_EQ(std::set<std::int64_t>(plan.offsets.begin(), plan.offsets.end()).size(), 7U);
  EXPECT_EQ(plan.bytes, 7 * 64);
}

TEST(ArenaPlanning, CountsIn64Bits) {
  const std::vector<Lifetime> lives(3, {0, 1, std::int64_t{1} << 31});
  EXPECT_EQ(plan_arena(lives).bytes, std::int64_t{3} << 31);
}

// Measured choices --------------------------------------------------------------------------------

/// Whether any step's choice was measured.
bool measured(const PlanSummary& summary) {
  return std::any_of(summary.steps.begin(), summary.steps.end(),
                     [](const PlanStep& step) { return step.why.starts_with("measured"); });
}

class MeasuredChoices : public testing::Test {
 protected:
  PlanSummary plan(Tune tune) const { return plan(tune, folder_ / "cache"); }
  static PlanSummary plan(Tune tune, const Path& cache) {
    PlanOptions options = plain_options();
    options.tune = tune;
    options.cache = cache;
    return explain(*make_plan(small_model(kConv + kConv), {1, 3, 64, 64}, options));
  }
  Path cache_file() const {
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / "cache")) {
      return entry.path();
    }
    return {};
  }
  void SetUp() override {
    if (!measured(plan(Tune::measure))) GTEST_SKIP() << "one candidate each on this processor";
  }
  TempDir folder_;
};

TEST_F(MeasuredChoices, AreFoundAgain) {
  const PlanSummary first = plan(Tune::measure), again = plan(Tune::cached);
  EXPECT_TRUE(measured(again));
  ASSERT_EQ(first.steps.size(), again.steps.size());
  for (std::size_t i = 0; i < first.steps.size(); ++i) {
    EXPECT_EQ(first.steps[i].candidate, again.steps[i].candidate);
  }
  EXPECT_FALSE(measured(plan(Tune::heuristic)));
  EXPECT_FALSE(measured(plan(Tune::cached, folder_ / "nowhere")));
}

TEST_F(MeasuredChoices, OfAnotherMachineOrDamagedOnesAreIgnored) {
  const std::string good = read_text(cache_file(), 1 << 20);
  const std::string rows = good.substr(good.find('\n') + 1);
  for (const std::string& bad :
       {"another machine\n" + rows, std::string(), rows, good + "half a line", good + "a\tb\tnan\n",
        good + "a\tb\t-1\n", good + std::string(5 << 20, 'x'), std::string(1000, '\0'),
        std::string("\xFF\xFE\n\t\t\n")}) {
    folder_.write("cache/" + cache_file().filename().string(), bad);
    EXPECT_FALSE(measured(plan(Tune::cached))) << bad.substr(0, 80);
  }
  folder_.write("cache/" + cache_file().filename().string(), good);
  EXPECT_TRUE(measured(plan(Tune::cached)));
}

TEST_F(MeasuredChoices, OfAnUnknownNameAreIgnored) {
  std::string text = read_text(cache_file(), 1 << 20);
  std::string changed;
  for (const std::string_view line : lines(text)) {
    const auto fields = split(line, '\t');
    changed += fields.size() == 3 ? format("{}\tquantum\t{}\n", fields[0], fields[2])
                                  : std::string(line) + "\n";
  }
  folder_.write("cache/" + cache_file().filename().string(), changed);
  EXPECT_FALSE(measured(plan(Tune::cached)));
}

TEST_F(MeasuredChoices, NeedNoFolderThatCanBeWritten) {
  folder_.write("file", "x");
  EXPECT_TRUE(measured(plan(Tune::measure, folder_ / "file")));
  EXPECT_EQ(read_text(folder_ / "file", 10), "x");
}

TEST(TuneCacheFile, KeepsWhatItHadAndWhatWasAdded) {
  const TempDir folder;
  {
    runtime::TuneCache cache(folder / "deep/er", "machine");
    cache.set("a", "direct", 1);
    cache.save();
  }
  {
    runtime::TuneCache cache(folder / "deep/er", "machine");
    cache.set("b", "winograd", 0.25);
    cache.save();
  }
  const runtime::TuneCache cache(folder / "deep/er", "machine");
  EXPECT_EQ(cache.find("a"), "direct");
  EXPECT_EQ(cache.find("b"), "winograd");
  EXPECT_EQ(cache.milliseconds("b"), 0.25);
  EXPECT_EQ(cache.find("c"), std::nullopt);
}

}  // namespace
}  // namespace syolo::test
