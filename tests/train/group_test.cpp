// Several ranks compute what one does: sums, normalisation, losses, gradients and whole runs. The
// ranks of a test are threads of its process.
#include "syolo/train/group_impl.h"

#include <gtest/gtest.h>

#include <thread>

#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "syolo/train/gradient_sums_impl.h"
#include "syolo/train/losses/losses_impl.h"
#include "syolo/train/net_impl.h"
#include "tests/support/free_port.h"

namespace syolo::test {
namespace {

using train::Group;
using train::Mode;
using train::Net;

/// Runs `work` as each rank of a group.
void as_ranks(int ranks, const std::function<void(Group& group)>& work) {
  const int port = free_port();
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      const auto group = train::group_for({rank, ranks, "127.0.0.1", port});
      work(*group);
    });
  }
}

TEST(Group, SumsGiveAllRanksTheSame) {
  std::vector<std::vector<double>> got(3);
  as_ranks(3, [&](Group& group) {
    EXPECT_EQ(group.size(), 3);
    EXPECT_EQ(group.leads(), group.rank() == 0);
    std::vector<double> values = {1.0 + group.rank(), 0.1 * group.rank()};
    group.sum(values);
    EXPECT_TRUE(group.any(group.rank() == 2));
    EXPECT_FALSE(group.any(false));
    got[static_cast<std::size_t>(group.rank())] = values;
  });
  EXPECT_EQ(got[0][0], 6);
  EXPECT_NEAR(got[0][1], 0.3, 1e-15);
  EXPECT_EQ(got[1], got[0]);
  EXPECT_EQ(got[2], got[0]);
}

TEST(Group, AnEndedRankIsAnErrorOfTheOthers) {
  as_ranks(2, [](Group& group) {
    EXPECT_FALSE(group.any(false));
    if (group.rank() == 1) return;  // leaves
    try {
      group.any(false);
      ADD_FAILURE() << "a rank that has left was not missed";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::rank_lost) << error.what();
    }
  });
}

TEST(Group, OneRankIsAGroupByItself) {
  const auto group = train::group_for({});
  std::vector<double> values = {1, 2};
  group->sum(values);
  EXPECT_EQ(values, (std::vector<double>{1, 2}));
  EXPECT_TRUE(group->leads());
}

const torch::TensorOptions kDouble = torch::TensorOptions(torch::kFloat64);

Graph small_network() {
  std::string cfg = "[net]\nwidth=64\nheight=64\nchannels=3\n";
  for (int i = 0; i < 3; ++i) {
    cfg +=
        "[convolutional]\nbatch_normalize=1\nfilters=6\nsize=3\nstride=2\npad=1\n"
        "activation=mish\n";
  }
  cfg +=
      "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n[yolo]\nmask=0,1\n"
      "anchors=12,12,30,30\nnum=2\nclasses=2\nscale_x_y=2\n";
  Findings findings;
  return read_cfg(cfg, "small.cfg", findings);
}

/// Eight pictures with one to three boxes each.
std::vector<train::Target> targets_of(int first, int end) {
  std::vector<train::Target> targets;
  for (int image = first; image < end; ++image) {
    for (int i = 0; i <= image % 3; ++i) {
      const float x = 0.2F + 0.07F * static_cast<float>((image + 3 * i) % 8);
      targets.push_back({image - first, i % 2, x, 0.9F - x, 0.3F, 0.2F + 0.05F * float(i)});
    }
  }
  return targets;
}

struct Outcome {
  std::array<double, 3> terms = {};
  std::map<std::string, torch::Tensor> tensors;  // gradients, running statistics
};

/// One pass and its way back over the pictures of a rank.
Outcome outcome(Group* group, bool darknet) {
  const Graph graph = small_network();
  Net net(graph, random_weights(graph, 1), {.tensors = kDouble, .group = group});
  torch::Tensor images = torch::empty({8, 3, 64, 64}, kDouble);
  for (int i = 0; i < 8; ++i)
    images[i] = torch::linspace(0, 1 + i, 3 * 64 * 64, kDouble).sin().view({3, 64, 64});
  const int rank = group == nullptr ? 0 : group->rank();
  const int ranks = group == nullptr ? 1 : group->size();
  const int first = rank * 8 / ranks, end = (rank + 1) * 8 / ranks;
  const auto logits = net.forward(images.narrow(0, first, end - first), Mode::train);
  std::vector<HeadSpec> specs;
  const Program program = lower(graph);
  for (const HeadNode& head : heads(program)) specs.push_back(*head.spec);
  const auto targets = targets_of(first, end);
  const train::LossInput input{logits, specs, targets, {64, 64}, group, 8, false};
  const std::vector<train::DarknetLoss> losses(1);
  const train::LossTerms terms =
      darknet ? train::darknet_loss(input, losses) : train::scaled_yolo_loss(input, {});
  const auto alone = train::group_for({});
  Group& all = group == nullptr ? *alone : *group;
  train::GradientSums sums(net, all);
  sums.begin();
  terms.total.backward();
  sums.finish();
  Outcome found{{terms.box, terms.objectness, terms.classes}, {}};
  all.sum(found.terms);
  for (const auto& [id, tensor] : net.tensors()) {
    found.tensors[to_text(id)] = train::is_statistic(id.role) ? tensor : tensor.grad();
  }
  return found;
}

class Ranks : public testing::TestWithParam<bool> {};

TEST_P(Ranks, ComputeWhatOneDoesThatHasAllPictures) {
  const Outcome want = outcome(nullptr, GetParam());
  for (const int ranks : {2, 3}) {
    SCOPED_TRACE(ranks);
    std::vector<Outcome> got(static_cast<std::size_t>(ranks));
    as_ranks(ranks, [&](Group& group) {
      got[static_cast<std::size_t>(group.rank())] = outcome(&group, GetParam());
    });
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_NEAR(got[0].terms[i], want.terms[i], 1e-5 * (1 + std::abs(want.terms[i])));
    }
    for (const auto& [name, tensor] : want.tensors) {
      const torch::Tensor& of_first = got[0].tensors.at(name);
      const double scale = std::max(1.0, tensor.abs().max().item<double>());
      // Boxes of targets are f32: everything else is double.
      EXPECT_LT((of_first - tensor).abs().max().item<double>() / scale, 1e-9) << name;
      EXPECT_TRUE(torch::equal(of_first, got[1].tensors.at(name))) << name << ": ranks differ";
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Recipes, Ranks, testing::Bool(),
                         [](const auto& it) { return it.param ? "darknet" : "scaled"; });

TEST(GradientSums, LeaveFrozenParametersAlone) {
  as_ranks(2, [](Group& group) {
    const Graph graph = small_network();
    Net net(graph, random_weights(graph, 1), {.group = &group});
    train::GradientSums sums(net, group);
    for (const int layers : {2, 0, 2}) {  // what learns may change between steps
      net.set_learning(train::Freeze(graph, layers), 1);
      sums.begin();
      net.forward(torch::rand({2, 3, 64, 64}), Mode::train)[0].sum().backward();
      sums.finish();
      for (const auto& [id, tensor] : net.tensors()) {
        if (train::is_statistic(id.role)) continue;
        EXPECT_EQ(tensor.grad().defined(), id.node >= layers) << to_text(id);
        tensor.mutable_grad().reset();
      }
    }
  });
}

}  // namespace
}  // namespace syolo::test
