// Planning: memory, refusals, measured choices. That results are right: tests/parity.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "syolo/base/rng.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "syolo/graph/passes.h"
#include "syolo/runtime/arena.h"
#include "syolo/runtime/plan.h"
#include "syolo/runtime/reference.h"
#include "syolo/runtime/tune_impl.h"
#include "tests/support/temp_dir.h"

namespace syolo {
namespace {

TEST(Arena, BlocksAliveTogetherNeverOverlap) {
  for (std::uint64_t i = 0; i < 300; ++i) {
    Rng rng(3, Stream::test, 0, i);
    std::vector<Lifetime> lives;
    for (int k = rng.below(40) + 1; k > 0; --k) {
      const int first = rng.below(50);
      lives.push_back({first, first + rng.below(12), rng.below(5000)});
    }
    const ArenaPlan plan = plan_arena(lives);
    EXPECT_GE(plan.bytes, plan.lower_bound);
    for (std::size_t a = 0; a < lives.size(); ++a) {
      EXPECT_EQ(plan.offsets[a] % 64, 0);
      EXPECT_LE(plan.offsets[a] + lives[a].bytes, plan.bytes);
      for (std::size_t b = 0; b < a; ++b) {
        if (lives[a].first > lives[b].last || lives[b].first > lives[a].last) continue;
        const bool apart = plan.offsets[a] + lives[a].bytes <= plan.offsets[b] ||
                           plan.offsets[b] + lives[b].bytes <= plan.offsets[a];
        EXPECT_TRUE(apart) << "set " << i << ", blocks " << a << " and " << b;
      }
    }
  }
}

Model model_of(const std::string& text, std::uint64_t seed = 1) {
  Findings findings;
  Graph graph = read_cfg(text, "net.cfg", findings);
  Weights weights = random_weights(graph, seed);
  return {std::move(graph), std::move(weights), {}, 0, {}, {}};
}

Model family(const std::string& name) {
  Findings findings;
  Graph graph =
      load_cfg(std::string(SYOLO_TEST_DATA) + "/oracles/darknet/family/" + name + ".cfg", findings);
  Weights weights = random_weights(graph, 1);
  return {std::move(graph), std::move(weights), {}, 0, {}, {}};
}

const std::string kSmall =
    "[net]\nwidth=32\nheight=32\n[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\npad="
    "1\nactivation=mish\n";

TEST(Plan, ArenaStaysNearTheGreatestCut) {
  for (const char* name : {"yolov4-tiny", "yolov4-csp", "yolov4-p6"}) {
    const Model model = family(name);
    const auto plan =
        make_plan(model, {1, 3, 128, 128}, {.threads = 2, .tune = Tune::heuristic, .cache = {}});
    const PlanSummary summary = explain(*plan);
    EXPECT_LE(static_cast<double>(summary.arena_bytes),
              1.3 * static_cast<double>(summary.arena_lower_bound))
        << name;
  }
}

TEST(Plan, MoreMemoryThanAllowedIsRefused) {
  const Model model = model_of(kSmall);
  try {
    make_plan(model, {1, 3, 32, 32},
              {.threads = 1, .tune = Tune::heuristic, .cache = {}, .max_memory = 1000});
    FAIL() << "expected a refusal";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::limit);
    EXPECT_NE(std::string(error.what()).find("1,000"), std::string::npos) << error.what();
  }
  EXPECT_THROW(make_plan(model, {2, 3, 32, 32}), Error);
}

/// The engine's value of the last layer and the interpreter's, as the greatest relative difference.
double worst_difference(const Model& model) {
  const Shape input = model.graph.net().input;
  Tensor picture(input);
  Rng rng(5, Stream::test);
  for (float& v : picture.mutable_values()) v = static_cast<float>(rng.uniform());
  Session session(make_plan(model, input, {.threads = 2, .tune = Tune::heuristic, .cache = {}}));
  session.run(picture.values());
  const NodeId last = static_cast<NodeId>(model.graph.nodes().size()) - 1;
  const Tensor got = session.node_output(last);
  const auto want = interpret(lower(model.graph), model.weights, picture).nodes.back().values;
  EXPECT_EQ(got.values().size(), want.size());
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(got.values()[i]) - want[i]) /
                                std::max(1.0, std::abs(want[i])));
  }
  return worst;
}

TEST(Plan, NetworksThatComputeOnWithAHeadAreRight) {
  EXPECT_LT(worst_difference(model_of(
                kSmall + "[convolutional]\nfilters=14\nactivation=linear\n[yolo]\nmask=0,1\n"
                         "anchors=1,2,3,4\nnum=2\nclasses=2\n[convolutional]\nfilters=4\n")),
            1e-5);
}

TEST(Plan, ManyPixelsPerChannelAreRightToo) {
  // 3x3, stride 1, multiples of 16 channels: where the library's Winograd kernel is taken.
  std::string text =
      "[net]\nwidth=80\nheight=72\n[convolutional]\nbatch_normalize=1\nfilters=32\nsize=3\npad="
      "1\nactivation=leaky\n";
  for (const char* act : {"mish", "leaky", "swish", "logistic", "linear", "relu", "selu"}) {
    text += "[convolutional]\nbatch_normalize=1\nfilters=32\nsize=3\npad=1\nactivation=" +
            std::string(act) + "\n[shortcut]\nfrom=-2\nactivation=linear\n";
  }
  EXPECT_LT(worst_difference(model_of(text)), 2e-4);
}

TEST(Plan, JoinsAndSlicesOfAnyWidthAreRight) {
  for (const int filters : {4, 16, 20, 33, 48}) {
    const std::string f = std::to_string(filters);
    const std::string block =
        "[convolutional]\nbatch_normalize=1\nfilters=" + f + "\nsize=1\nactivation=leaky\n";
    EXPECT_LT(worst_difference(
                  model_of(kSmall + block + "[route]\nlayers=-2\n" + block +
                           "[route]\nlayers=-1,-3,0\n"
                           "[upsample]\nstride=2\n[maxpool]\nsize=2\nstride=2\n[route]\nlayers="
                           "0\ngroups=2\ngroup_id=1\n"
                           "[convolutional]\nfilters=5\nsize=3\npad=1\nactivation=linear\n")),
              1e-5)
        << f;
  }
}

TEST(Plan, ChoicesOfPassesDoNotChangeTheMeaning) {
  const Model model = family("yolov4-csp");
  const Program program = lower(model.graph, {1, 3, 64, 64});
  Tensor picture({1, 3, 64, 64});
  Rng rng(6, Stream::test);
  for (float& v : picture.mutable_values()) v = static_cast<float>(rng.uniform());
  const Outputs plain = interpret(program, model.weights, picture);
  const Outputs passed = interpret(optimized(program), model.weights, picture);
  for (const HeadNode& head : heads(program)) {
    const auto& want = plain.nodes[static_cast<std::size_t>(head.node)].values;
    const auto& got = passed.nodes[static_cast<std::size_t>(head.node)].values;
    ASSERT_EQ(want.size(), got.size());
    for (std::size_t i = 0; i < want.size(); ++i)
      ASSERT_NEAR(got[i], want[i], 1e-9 * std::max(1.0, std::abs(want[i])));
  }
}

TEST(TuneCache, ForeignAndDamagedFilesAreEmpty) {
  const test::TempDir folder;
  {
    runtime::TuneCache cache(folder.path(), "this machine");
    cache.set("conv a", "direct", 1.5);
    cache.save();
  }
  EXPECT_EQ(runtime::TuneCache(folder.path(), "this machine").find("conv a"), "direct");
  EXPECT_FALSE(runtime::TuneCache(folder.path(), "another machine").find("conv a"));
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    std::ofstream(entry.path(), std::ios::app) << "half a li";
  }
  EXPECT_FALSE(runtime::TuneCache(folder.path(), "this machine").find("conv a"));
}

TEST(TuneCache, AFolderThatCannotBeWrittenIsNoError) {
  const test::TempDir folder;
  std::ofstream(folder.path() / "file") << "x";
  runtime::TuneCache cache(folder.path() / "file", "this machine");
  cache.set("conv a", "direct", 1.5);
  EXPECT_NO_THROW(cache.save());
}

}  // namespace
}  // namespace syolo
