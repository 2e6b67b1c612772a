// What is dropped while training: as much as said, by seed, batch, picture and layer alone, and
// made up for.
#include "syolo/train/drop_impl.h"

#include <gtest/gtest.h>

#include "syolo/graph/cfg.h"
#include "syolo/train/net_impl.h"

namespace syolo::test {
namespace {

using train::DropLayer;
using train::Drops;

torch::Tensor ones(std::int64_t images = 4) {
  return torch::ones({images, 8, 20, 24}).contiguous(torch::MemoryFormat::ChannelsLast);
}
double zeros_share(const torch::Tensor& values) {
  return (values == 0).to(torch::kFloat64).mean().item<double>();
}

TEST(Drop, OutDropsItsShareAndMakesUpForIt) {
  const torch::Tensor dropped = train::drop_out(ones(), 0.25, {.seed = 1}, 3);
  EXPECT_NEAR(zeros_share(dropped), 0.25, 0.02);
  EXPECT_NEAR(dropped.max().item<double>(), 1 / 0.75, 1e-6);
}

TEST(Drop, BlockDropsWholeSquaresOfAboutItsShare) {
  const torch::Tensor dropped = train::drop_block(ones(), 0.1, 7, {.seed = 1}, 3);
  EXPECT_NEAR(zeros_share(dropped), 0.1, 0.03);
  EXPECT_NEAR(dropped[0].mean().item<double>(), 1, 1e-5) << "as much remains in each picture";
  // Every dropped cell lies in a square that is dropped as a whole.
  const torch::Tensor gone = (dropped == 0).to(torch::kFloat32);
  const torch::Tensor whole = torch::avg_pool2d(gone, {7, 7}, 1) > 0.999;
  const torch::Tensor again =
      torch::max_pool2d(torch::constant_pad_nd(whole.to(torch::kFloat32), {6, 6, 6, 6}), {7, 7}, 1);
  EXPECT_TRUE(torch::equal(again, gone));
}

TEST(Drop, BlocksAreNoLargerThanTheMap) {
  const torch::Tensor dropped =
      train::drop_block(torch::ones({64, 4, 3, 2}), 0.5, 7, {.seed = 1}, 3);
  EXPECT_GT(zeros_share(dropped), 0.2);
  EXPECT_LT(zeros_share(dropped), 0.8);
}

TEST(Drop, ConnectDropsOfTheKernelWhateverThePictures) {
  const torch::Tensor kernel = torch::ones({16, 32, 3, 3});
  const torch::Tensor dropped = train::drop_connect(kernel, 0.5, {.seed = 1}, 3);
  EXPECT_NEAR(zeros_share(dropped), 0.5, 0.03);
  EXPECT_TRUE(
      torch::equal(dropped, train::drop_connect(kernel, 0.5, {.seed = 1, .first_image = 4}, 3)));
}

TEST(Drop, FollowsFromSeedBatchPictureAndLayer) {
  const auto drop = [](const Drops& drops, NodeId node = 3, std::int64_t images = 4) {
    return train::drop_out(ones(images), 0.5, drops, node);
  };
  const torch::Tensor all = drop({.seed = 1});
  EXPECT_TRUE(torch::equal(all, drop({.seed = 1})));
  EXPECT_TRUE(torch::equal(all.narrow(0, 2, 2), drop({.seed = 1, .first_image = 2}, 3, 2)))
      << "the second half of a batch alone";
  EXPECT_FALSE(torch::equal(all, drop({.seed = 2})));
  EXPECT_FALSE(torch::equal(all, drop({.seed = 1, .batch = 1})));
  EXPECT_FALSE(torch::equal(all, drop({.seed = 1}, 4)));
  EXPECT_FALSE(torch::equal(all[0], all[1]));
}

TEST(Drop, DarknetsBlockIsOneSquareOfAChannelThatGrowsWithTheRun) {
  const DropLayer layer{.probability = 1, .size_relative = 0.5, .block = true};
  const auto dropped = [&](double ramp) {
    return train::drop_layer(ones(), layer, {.rates = {.ramp = ramp}, .seed = 1}, 3);
  };
  EXPECT_EQ(zeros_share(dropped(0)), 0);
  // Half of the smaller side: 10 cells; the limit 1 / 100 is below some number of 480.
  const torch::Tensor all = dropped(1);
  const torch::Tensor counts = (all == 0).to(torch::kInt64).sum({2, 3});
  EXPECT_TRUE(((counts == 100) + (counts == 0)).all().item<bool>());
  EXPECT_GT((counts == 100).to(torch::kFloat64).mean().item<double>(), 0.8);
  EXPECT_NEAR(all[0].mean().item<double>(), 1, 1e-5);
  const torch::Tensor half = (dropped(0.5) == 0).to(torch::kInt64).sum({2, 3});
  EXPECT_EQ(half.max().item<int>(), 25) << "half the side";
}

TEST(Drop, NetworksDropInTrainingPassesThatSaySo) {
  Findings findings;
  const Graph graph = read_cfg(
      "[net]\nwidth=32\nheight=32\nchannels=3\n[convolutional]\nfilters=8\nsize=3\npad=1\n"
      "activation=relu\n[dropout]\nprobability=.5\n",
      "small.cfg", findings);
  train::Net net(graph, random_weights(graph, 1), {});
  const torch::NoGradGuard no_grad;
  const torch::Tensor input = torch::rand({2, 3, 32, 32});
  const torch::Tensor plain = net.forward(input, train::Mode::eval)[0];
  EXPECT_TRUE(torch::equal(net.forward(input, train::Mode::train)[0], plain));
  const Drops drops{.seed = 1};
  train::Pass pass(train::Mode::train);
  pass.drops = &drops;
  const torch::Tensor dropped = net.forward(input, pass)[0];
  const torch::Tensor kept = dropped != 0;
  EXPECT_NEAR(zeros_share(dropped.masked_select(plain != 0)), 0.5, 0.05);
  EXPECT_TRUE(torch::allclose(dropped.masked_select(kept), 2 * plain.masked_select(kept)));
}

TEST(Drop, HeadsReadFewerValuesAndHaveFewerConnections) {
  Findings findings;
  const Graph graph = read_cfg(
      "[net]\nwidth=32\nheight=32\nchannels=3\n[convolutional]\nfilters=8\nsize=3\npad=1\n"
      "activation=relu\n[convolutional]\nfilters=6\nsize=1\nactivation=linear\n[yolo]\nmask=0\n"
      "anchors=8,8\nnum=1\nclasses=1\n",
      "small.cfg", findings);
  train::Net net(graph, random_weights(graph, 1), {});
  const torch::NoGradGuard no_grad;
  const torch::Tensor input = torch::rand({2, 3, 32, 32});
  const torch::Tensor plain = net.forward(input, train::Mode::train)[0];
  for (const train::DropRates& rates :
       {train::DropRates{.out = 0.5}, train::DropRates{.block = 0.5},
        train::DropRates{.connect = 0.5}}) {
    const Drops drops{.rates = rates, .seed = 1};
    train::Pass pass(train::Mode::train);
    pass.drops = &drops;
    EXPECT_FALSE(torch::allclose(net.forward(input, pass)[0], plain));
  }
}

}  // namespace
}  // namespace syolo::test
