// What a cfg says of training becomes what is trained: Darknet's recipe.
#include "syolo/train/recipe_impl.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "syolo/graph/cfg.h"

namespace syolo::test {
namespace {

using train::AverageStep;
using train::OptimizerKind;
using train::Recipe;

Graph network(const std::string& net, const std::string& yolo = "") {
  const std::string cfg =
      "[net]\nwidth=64\nheight=64\nchannels=3\n" + net +
      "[convolutional]\nbatch_normalize=1\nfilters=4\nsize=3\nstride=32\npad=1\nactivation=leaky\n"
      "[convolutional]\nfilters=14\nsize=1\nstride=1\nactivation=linear\n"
      "[yolo]\nmask=0,1\nanchors=20,20,40,40\nnum=2\nclasses=2\n" +
      yolo;
  Findings findings;
  return read_cfg(cfg, "net.cfg", findings);
}

TrainOptions darknet_options() {
  TrainOptions options;
  options.recipe = TrainRecipe::darknet;
  return options;
}

TEST(DarknetRecipe, TakesBatchesAndEpochsFromTheCfg) {
  const Graph graph = network("batch=64\nsubdivisions=16\nmax_batches=2000\n");
  const TrainOptions options = completed(darknet_options(), graph, 205);
  EXPECT_EQ(options.batch, 4);
  EXPECT_EQ(options.epochs, 500) << "2000 steps of 64 pictures, four to an epoch";
  TrainOptions given = darknet_options();
  given.batch = 8, given.epochs = 7;
  EXPECT_EQ(completed(given, graph, 205).batch, 8);
  EXPECT_EQ(completed(given, graph, 205).epochs, 7);
}

TEST(DarknetRecipe, TakesAugmentationFromNetAndTheLastHead) {
  const TrainOptions plain = completed(darknet_options(), network("max_batches=9\n"), 10);
  EXPECT_EQ(plain.augmentation.recipe, AugmentRecipe::darknet);
  EXPECT_EQ(plain.augmentation.hue, 0);
  EXPECT_EQ(plain.augmentation.saturation, 1);
  EXPECT_EQ(plain.augmentation.jitter, 0.2) << "Darknet's default";
  EXPECT_EQ(plain.augmentation.resize, 1);
  EXPECT_EQ(plain.augmentation.mosaic, 0);
  const TrainOptions all = completed(
      darknet_options(),
      network(
          "max_batches=9\nhue=.1\nsaturation=1.5\nexposure=1.4\nflip=0\nmosaic=1\nmosaic_bound=1\n"
          "blur=8\ngaussian_noise=20\n",
          "jitter=.3\nresize=1.5\n"),
      10);
  EXPECT_EQ(all.augmentation.hue, 0.1);
  EXPECT_EQ(all.augmentation.exposure, 1.4);
  EXPECT_EQ(all.augmentation.darknet_blur, 8);
  EXPECT_EQ(all.augmentation.darknet_noise, 20);
  EXPECT_FALSE(all.augmentation.flip);
  EXPECT_EQ(all.augmentation.mosaic, 1);
  EXPECT_TRUE(all.augmentation.mosaic_bound);
  EXPECT_EQ(all.augmentation.resize, 1.5);
}

/// 10 batches of 4 pictures an epoch, steps of 16: three steps an epoch, 30 in the run.
std::unique_ptr<Recipe> recipe_of(const Graph& graph, TrainOptions& options) {
  options = darknet_options();
  options.epochs = 10;
  options = completed(options, graph, 40);
  return train::darknet_recipe(graph, options, {.images = 40, .batches_per_epoch = 10});
}

TEST(DarknetRecipe, StepsAndRatesAreThoseOfTheCfg) {
  const Graph graph = network(
      "batch=16\nsubdivisions=4\nmax_batches=30\nlearning_rate=0.1\nmomentum=0.8\ndecay=0.002\n"
      "burn_in=2\npower=1\npolicy=steps\nsteps=20\nscales=.1\n");
  TrainOptions options;
  const auto recipe = recipe_of(graph, options);
  EXPECT_EQ(recipe->batches_per_step(0), 4);
  EXPECT_EQ(recipe->gradient_scale(16), 1.0 / 16);
  EXPECT_NEAR(recipe->rates(0).weights, 0.05, 1e-12) << "step 1 of a burn-in of 2";
  EXPECT_NEAR(recipe->rates(3).weights, 0.05, 1e-12) << "the same step";
  EXPECT_NEAR(recipe->rates(4).weights, 0.1, 1e-12);
  EXPECT_NEAR(recipe->rates(69).weights, 0.01, 1e-12) << "epoch 6: steps 19, 20, 21";
  EXPECT_NEAR(recipe->rates(63).weights, 0.1, 1e-12);
  EXPECT_EQ(recipe->rates(4).biases, recipe->rates(4).weights);
  EXPECT_EQ(recipe->rates(4).momentum, 0.8);
  EXPECT_FALSE(recipe->optimizer().nesterov);
  EXPECT_EQ(recipe->optimizer().weight_decay, 0.002);
  EXPECT_EQ(recipe->optimizer().kind, OptimizerKind::sgd);
}

TEST(DarknetRecipe, AveragesFromTheMiddleAndGoesOnFromTheAverage) {
  const Graph plain = network("max_batches=30\nbatch=16\nsubdivisions=4\n");
  const Graph averaged = network("max_batches=30\nbatch=16\nsubdivisions=4\nema_alpha=0.9\n");
  TrainOptions options;
  EXPECT_EQ(recipe_of(plain, options)->average(20).kept, 0);
  const auto recipe = recipe_of(averaged, options);
  EXPECT_EQ(recipe->average(15).kept, 0);
  EXPECT_EQ(recipe->average(16).kept, 0.9);
  EXPECT_FALSE(recipe->average(16).statistics);
  EXPECT_FALSE(recipe->average(26).replaces);
  EXPECT_TRUE(recipe->average(27).replaces) << "a tenth of 30 steps before the end";
  EXPECT_EQ(recipe->average(28).kept, 0);
}

TEST(DarknetRecipe, LossIsThatOfEachHead) {
  const Graph graph = network("max_batches=9\n", "iou_loss=ciou\niou_normalizer=0.07\n");
  TrainOptions options;
  const auto recipe = recipe_of(graph, options);
  const std::vector<torch::Tensor> logits = {torch::full({1, 14, 2, 2}, 0.3)};
  HeadSpec head;
  head.form = DecodeForm::classic, head.classes = 2;
  head.anchors = head.all_anchors = {{20, 20}, {40, 40}}, head.mask = {0, 1};
  const std::vector<HeadSpec> heads = {head};
  const std::vector<train::Target> targets = {{0, 1, 0.3F, 0.3F, 0.4F, 0.4F}};
  const train::LossInput input{logits, heads, targets, {64, 64}};
  const train::DarknetLoss loss{.iou_loss = train::Overlap::ciou, .iou_normalizer = 0.07};
  const std::vector<train::DarknetLoss> losses = {loss};
  EXPECT_EQ(recipe->loss(input).total.item<double>(),
            train::darknet_loss(input, losses).total.item<double>());
}

TEST(DarknetRecipe, ChangesTheSizeEveryTenSteps) {
  TrainOptions options;
  EXPECT_FALSE(recipe_of(network("max_batches=9\n"), options)->sizes());
  const Graph graph = network("max_batches=500\nbatch=4\n", "random=1\n");
  options = darknet_options();
  options.epochs = 50;
  options = completed(options, graph, 40);
  EXPECT_EQ(options.largest, (Size{128, 128})) << "1.4 x 2 cells of 32, rounded, and one more";
  const auto recipe =
      train::darknet_recipe(graph, options, {.images = 40, .batches_per_epoch = 10});
  const auto sizes = recipe->sizes();
  std::set<int> sides;
  for (std::int64_t epoch = 0; epoch < 50; ++epoch) {  // of ten steps each
    const Size size = sizes({epoch, 0});
    EXPECT_EQ(size.width, size.height);
    EXPECT_EQ(sizes({epoch, 9}), size) << "of one block";
    const bool largest = epoch == 0 || epoch > 40;
    EXPECT_TRUE(!largest || size == options.largest) << epoch;
    sides.insert(size.width);
  }
  // r in 1..1.4 gives 3 or 4 cells and one more; 1/r 1.43..2: 2 or 3, which is more than 2: the
  // input
  EXPECT_EQ(sides, (std::set<int>{64, 96, 128}));
  EXPECT_EQ(recipe->sizes()({7, 3}), sizes({7, 3})) << "by the place alone";
}

TEST(DarknetRecipe, RefusesWhatItWouldPassOver) {
  for (const char* net : {"max_batches=9\ncutmix=1\n", "max_batches=9\ndynamic_minibatch=1\n",
                          "max_batches=9\nequidistant_point=5\n", "batch=4\n",
                          "max_batches=9\nletter_box=1\nmosaic=1\n", "max_batches=many\n"}) {
    try {
      completed(darknet_options(), network(net), 10);
      ADD_FAILURE() << "accepted " << net;
    } catch (const Error& error) {
      EXPECT_EQ(error.where().file, "net.cfg") << error.what();
    }
  }
}

}  // namespace
}  // namespace syolo::test
