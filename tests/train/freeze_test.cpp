// Layers that do not learn: by the command line and by the keys of a cfg.
#include "syolo/train/freeze_impl.h"

#include <gtest/gtest.h>

#include <map>

#include "syolo/graph/cfg.h"
#include "syolo/train/optimizer_impl.h"

namespace syolo::test {
namespace {

using train::Freeze;

/// Four convolutions with normalisation; `keys` stand in some of them.
Graph four(const std::map<int, std::string>& keys = {}) {
  std::string cfg = "[net]\nwidth=32\nheight=32\nchannels=3\nburn_in=10\n";
  for (int i = 0; i < 4; ++i) {
    cfg += "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\npad=1\nactivation=leaky\n";
    if (keys.contains(i)) cfg += keys.at(i) + "\n";
  }
  Findings findings;
  return read_cfg(cfg, "four.cfg", findings);
}

std::string learning(const Freeze& freeze, std::int64_t step) {
  std::string text;
  for (NodeId node = 0; node < 4; ++node) text += freeze.learns(node, step) ? 'x' : '.';
  return text;
}

TEST(Freeze, FirstLayersStayAsTheyAre) {
  const Freeze freeze(four(), 2);
  EXPECT_EQ(learning(freeze, 1), "..xx");
  EXPECT_EQ(freeze.still(), (std::set<NodeId>{0, 1}));
  EXPECT_EQ(learning(Freeze(four(), 0), 1), "xxxx");
  EXPECT_EQ(learning(Freeze(four(), 9), 1), "....");
}

TEST(Freeze, StopbackwardStopsThereForGoodOrForSomeSteps) {
  const Freeze always(four({{1, "stopbackward=1"}}), 0);
  EXPECT_EQ(learning(always, 1000), "..xx");
  EXPECT_EQ(always.still(), std::set<NodeId>{0}) << "layers before it";
  const Freeze first(four({{1, "stopbackward=20"}}), 0);
  EXPECT_EQ(learning(first, 20), "..xx");
  EXPECT_EQ(learning(first, 21), "xxxx");
  EXPECT_TRUE(first.still().empty());
}

TEST(Freeze, TrainOnlyBnMovesStatisticsAlone) {
  const Freeze freeze(four({{2, "train_only_bn=1"}}), 0);
  EXPECT_EQ(learning(freeze, 1), "...x");
  EXPECT_TRUE(freeze.still().empty());
}

TEST(Freeze, UpdatesWaitForTheirStep) {
  const Freeze burnin(four({{1, "burnin_update=2"}}), 0);
  EXPECT_EQ(learning(burnin, 19), "x.xx");
  EXPECT_EQ(learning(burnin, 20), "xxxx");
  const Freeze later(four({{3, "dont_update=7"}}), 0);
  EXPECT_EQ(learning(later, 7), "xxx.");
  EXPECT_EQ(learning(later, 8), "xxxx");
}

/// What one step of SGD changes, by layer: parameters 'p', running statistics 's'.
std::string changed(const Graph& graph, int layers) {
  train::Net net(graph, random_weights(graph, 1), {.statistics_rate = 0.5});
  const Weights before = net.weights();
  const Freeze freeze(graph, layers);
  train::Optimizer optimizer(net, {});
  net.set_learning(freeze, 1);
  net.forward(torch::rand({2, 3, 32, 32}), train::Mode::train)[0].square().sum().backward();
  optimizer.step({0.1, 0.1, 0.9});
  const Weights after = net.weights();
  std::string text;
  for (NodeId node = 0; node < 4; ++node) {
    const auto differs = [&](Role role) {
      const auto a = before.at({node, role}).values(), b = after.at({node, role}).values();
      return !std::equal(a.begin(), a.end(), b.begin());
    };
    text += differs(Role::kernel) && differs(Role::scale) && differs(Role::bias) ? "p" : "";
    text += differs(Role::mean) && differs(Role::variance) ? "s " : " ";
  }
  return text;
}

TEST(Freeze, StepsChangeWhatLearnsAlone) {
  EXPECT_EQ(changed(four(), 0), "ps ps ps ps ");
  EXPECT_EQ(changed(four(), 2), "  ps ps ");
  EXPECT_EQ(changed(four({{1, "stopbackward=1"}}), 0), " s ps ps ");
  EXPECT_EQ(changed(four({{1, "train_only_bn=1"}}), 0), "s s ps ps ");
  EXPECT_EQ(changed(four({{1, "onlyforward=1"}}), 0), "s s ps ps ") << "nothing goes through it";
  EXPECT_EQ(changed(four({{1, "dont_update=5"}}), 0), "ps s ps ps ");
}

}  // namespace
}  // namespace syolo::test
