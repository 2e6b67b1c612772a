// Pictures that hide their objects: the direction slot by slot as Darknet defines it, and what it
// does to a network's answers.
#include "syolo/train/adversarial_impl.h"

#include <gtest/gtest.h>

#include <cmath>

#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"

namespace syolo::test {
namespace {

double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

HeadSpec head_of(DecodeForm form) {
  HeadSpec head;
  head.form = form, head.classes = 3, head.scale_xy = 1.2;
  head.anchors = {{12, 16}, {40, 28}};
  return head;
}

class Hiding : public testing::TestWithParam<DecodeForm> {};

TEST_P(Hiding, IsDarknetsDirectionInEverySlot) {
  const HeadSpec head = head_of(GetParam());
  const bool new_coords = head.form == DecodeForm::new_coords;
  const double kWeight = 0.7;
  torch::manual_seed(1);
  const torch::Tensor logits = 2 * torch::randn({2, 16, 3, 4}, torch::kFloat64);
  const torch::Tensor got = train::hiding_direction(logits, head, {128, 96}, kWeight);
  int seen = 0;
  for (int image = 0; image < 2; ++image) {
    for (int slot = 0; slot < 24; ++slot) {
      const int anchor = slot / 12, row = slot / 4 % 3, column = slot % 4;
      double raw[8], v[8], want[8] = {};
      for (int e = 0; e < 8; ++e) {
        raw[e] = logits[image][8 * anchor + e][row][column].item<double>();
        v[e] = e == 2 || e == 3 ? (new_coords ? logistic(raw[e]) : raw[e]) : logistic(raw[e]);
        if (e < 2) v[e] = 1.2 * v[e] - 0.1;
      }
      const auto side = [&](int e, double of_anchor) {
        return (new_coords ? 4 * v[e] * v[e] : std::exp(v[e])) * of_anchor;
      };
      const Anchor& a = head.anchors[static_cast<std::size_t>(anchor)];
      const double q = std::sqrt(side(2, double{a.w} / 128) * side(3, double{a.h} / 96));
      want[4] = -q * kWeight * v[4];
      bool any = false;
      for (int e = 5; e < 8; ++e) any = any || v[e] * v[4] > 0.25;
      for (int e = 5; e < 8 && any; ++e) want[e] = v[e] * v[4] > 0.25 ? -q * v[e] : q * (1 - v[e]);
      for (int e = 0; e < 4 && any; ++e) want[e] = -q * v[e];
      seen += any ? 1 : 0;
      for (int e = 0; e < 8; ++e) {
        const double slope = new_coords ? logistic(raw[e]) * (1 - logistic(raw[e])) : 1;
        EXPECT_NEAR(got[image][8 * anchor + e][row][column].item<double>(), want[e] * slope, 1e-12)
            << "slot " << slot << ", entry " << e;
      }
    }
  }
  EXPECT_GT(seen, 5);
  EXPECT_LT(seen, 43);
}
INSTANTIATE_TEST_SUITE_P(Forms, Hiding,
                         testing::Values(DecodeForm::classic, DecodeForm::new_coords),
                         [](const auto& it) {
                           return it.param == DecodeForm::classic ? "classic" : "new_coords";
                         });

TEST(Hidden, PicturesShowTheNetworkFewerObjectsAndChangeNothingElse) {
  Findings findings;
  const Graph graph = read_cfg(
      "[net]\nwidth=64\nheight=64\nchannels=3\n[convolutional]\nbatch_normalize=1\nfilters=8\n"
      "size=3\nstride=2\npad=1\nactivation=mish\n[convolutional]\nfilters=14\nsize=1\n"
      "activation=linear\n[yolo]\nmask=0,1\nanchors=12,12,30,30\nnum=2\nclasses=2\n",
      "small.cfg", findings);
  train::Net net(graph, random_weights(graph, 3), {});
  std::vector<HeadSpec> heads_;
  const Program program = lower(graph);
  for (const HeadNode& head : heads(program)) heads_.push_back(*head.spec);
  torch::manual_seed(1);
  const torch::Tensor images = torch::rand({2, 3, 64, 64});
  const Weights before = net.weights();
  const torch::Tensor changed = train::hidden(net, images, heads_, {.strength = 0.1});

  EXPECT_GE(changed.min().item<float>(), 0);
  EXPECT_LE(changed.max().item<float>(), 1);
  EXPECT_FALSE(changed.requires_grad());
  const torch::NoGradGuard no_grad;
  const auto objectness = [&](const torch::Tensor& pictures) {
    return torch::sigmoid(net.forward(pictures, train::Mode::eval)[0].select(1, 4))
        .mean()
        .item<double>();
  };
  EXPECT_LT(objectness(changed), objectness(images) - 1e-3);
  EXPECT_TRUE(torch::equal(train::hidden(net, images, heads_, {.strength = 0}), images));
  const Weights after = net.weights();
  for (const auto& [id, tensor] : before.all()) {
    const auto values = after.at(id).values();
    EXPECT_TRUE(std::equal(values.begin(), values.end(), tensor.values().begin())) << to_text(id);
    EXPECT_FALSE(net.tensors().at(id).grad().defined()) << to_text(id);
  }
}

}  // namespace
}  // namespace syolo::test
