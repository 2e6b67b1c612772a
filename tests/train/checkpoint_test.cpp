// The state of a run survives its file bit by bit, damage is seen, and what goes on from it goes
// on as if nothing had happened.
#include "syolo/train/checkpoint_impl.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "syolo/graph/lower.h"
#include "syolo/train/losses/losses_impl.h"
#include "tests/support/oracle.h"
#include "tests/support/temp_dir.h"

namespace syolo::test {
namespace {

using train::Average;
using train::Generations;
using train::Net;
using train::Optimizer;
using train::OptimizerKind;
using train::Progress;
using train::State;

State small_state(float value = 1) {
  return {{{"epoch", "3"}, {"empty", ""}}, {{"a", {value, -0.0F}}, {"none", {}}}};
}

TEST(StateFile, GivesBackWhatWasWritten) {
  const std::string bytes = train::write_state(small_state());
  EXPECT_EQ(train::read_state(bytes, "x.state"), small_state());
  EXPECT_EQ(train::write_state(train::read_state(bytes, "x.state")), bytes);
}

TEST(StateFile, IsRefusedWhenAnyByteIsAnotherOrMissingOrTooMany) {
  const std::string bytes = train::write_state(small_state());
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x40);
    EXPECT_THROW(train::read_state(changed, "x.state"), Error) << "byte " << i;
    EXPECT_THROW(train::read_state(bytes.substr(0, i), "x.state"), Error) << "cut at " << i;
  }
  EXPECT_THROW(train::read_state(bytes + "x", "x.state"), Error);
}

TEST(Generations, KeepsTwoAndTakesTheNewestThatIsWhole) {
  const TempDir folder;
  const Generations generations(folder / "state");
  Findings findings;
  EXPECT_FALSE(generations.newest(findings));
  for (const int step : {9, 10, 100}) generations.save(step, small_state(float(step)));
  EXPECT_FALSE(std::filesystem::exists(folder / "state/000000000009.state"));
  EXPECT_EQ(generations.newest(findings), small_state(100));
  EXPECT_TRUE(findings.empty());

  folder.write("state/000000000100.state", "syolo state 1\nT");
  EXPECT_EQ(generations.newest(findings), small_state(10));
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_TRUE(findings[0].where.file.ends_with("000000000100.state"));
}

TEST(Generations, KeepsTheOldOneWhicheverOperationFails) {
  const TempDir folder;
  const Generations generations(folder / "state");
  generations.save(1, small_state(1));
  int failures = 0;
  for (int operation = 1;; ++operation) {
    fault_plan() = {operation, ENOSPC, 0};
    bool failed = false;
    try {
      generations.save(2, small_state(2));
    } catch (const Error& error) {
      failed = true;
      EXPECT_EQ(error.kind(), ErrorKind::io);
    }
    fault_plan() = {};
    if (!failed) break;
    ++failures;
    Findings findings;
    const auto state = generations.newest(findings);
    ASSERT_TRUE(state);
    EXPECT_TRUE(*state == small_state(1) || *state == small_state(2));
  }
  EXPECT_GT(failures, 2);
}

/// A run on a small network, whose batches follow from their number.
struct SmallRun {
  Graph graph;
  Net net;
  Optimizer optimizer;
  Average average;
  Progress progress;

  static Graph read() {
    Findings findings;
    return load_cfg((darknet_oracles() / "yolo-loss" / "ciou.cfg").string(), findings);
  }
  SmallRun(OptimizerKind kind, std::uint64_t seed) :
      graph(read()), net(graph, random_weights(graph, seed), {}), optimizer(net, {.kind = kind}),
      average(net) {}

  void step() {
    const Program program = lower(graph);
    const HeadSpec head = *heads(program).at(0).spec;
    std::uint64_t counter = 0;
    const auto seed = static_cast<std::uint64_t>(progress.next.batch);
    const Tensor pixels = counter_tensor({2, 3, 64, 96}, 0, 1, 100 + seed, counter);
    const std::vector<train::Target> targets = {{0, 1, 0.4F, 0.5F, 0.2F, 0.3F},
                                                {1, 0, 0.7F, 0.2F, 0.3F, 0.4F}};
    const auto logits = net.forward(train::to_torch(pixels, torch::kFloat32), train::Mode::train);
    optimizer.zero_gradients();
    train::scaled_yolo_loss({logits, std::vector{head}, targets, {96, 64}}, {}).total.backward();
    optimizer.step({0.01, 0.01, 0.9});
    average.update(net, {.kept = 0.9});
    ++progress.next.batch;
    progress.images_seen += 2;
  }
  State state() const { return train::checkpoint(net, optimizer, average, progress); }
};

class Checkpoint : public testing::TestWithParam<OptimizerKind> {};

TEST_P(Checkpoint, ResumesBitByBit) {
  SmallRun straight(GetParam(), 1);
  for (int i = 0; i < 3; ++i) straight.step();
  const std::string bytes = train::write_state(straight.state());
  for (int i = 0; i < 3; ++i) straight.step();

  SmallRun resumed(GetParam(), 2);
  resumed.progress = train::restore(train::read_state(bytes, "x.state"), resumed.net,
                                    resumed.optimizer, resumed.average);
  EXPECT_EQ(train::write_state(resumed.state()), bytes);
  for (int i = 0; i < 3; ++i) resumed.step();
  EXPECT_EQ(resumed.state(), straight.state());
  EXPECT_NE(train::write_state(resumed.state()), bytes);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Checkpoint,
                         testing::Values(OptimizerKind::sgd, OptimizerKind::adam));

TEST(Restoring, IsRefusedForAnotherNetworkOrOptimizer) {
  SmallRun sgd(OptimizerKind::sgd, 1), adam(OptimizerKind::adam, 1);
  EXPECT_THROW(train::restore(sgd.state(), adam.net, adam.optimizer, adam.average), Error);
  State other = sgd.state();
  other.texts["network"] = "another";
  EXPECT_THROW(train::restore(other, sgd.net, sgd.optimizer, sgd.average), Error);
}

}  // namespace
}  // namespace syolo::test
