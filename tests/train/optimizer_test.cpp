// Steps, averages and rates against values worked out by hand and by the published formulas.
#include "syolo/train/optimizer_impl.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "syolo/graph/cfg.h"

namespace syolo::test {
namespace {

using train::Average;
using train::CosineSchedule;
using train::DarknetSchedule;
using train::Net;
using train::Optimizer;
using train::OptimizerKind;
using train::OptimizerOptions;
using train::Rates;

const torch::TensorOptions kDouble = torch::TensorOptions(torch::kFloat64);

/// One normalised 1x1 convolution of one channel: a kernel, a scale, a bias, two statistics.
Net small_net(float value = 1) {
  Findings findings;
  const Graph graph = read_cfg(
      "[net]\nwidth=4\nheight=4\nchannels=1\n[convolutional]\nbatch_normalize=1\nfilters=1\n"
      "size=1\nstride=1\nactivation=linear\n",
      "one.cfg", findings);
  Weights weights;
  for (const ParamSpec& param : graph.params(0)) {
    weights.set({0, param.role}, Tensor(param.shape, std::vector<float>{value}));
  }
  return Net(graph, weights, {.tensors = kDouble});
}

double value(const Net& net, Role role) {
  return net.tensors().at({0, role}).item<double>();
}

void set_gradients(const Net& net, double gradient) {
  for (const auto& [id, tensor] : net.tensors()) {
    if (tensor.requires_grad()) tensor.mutable_grad() = torch::full_like(tensor, gradient);
  }
}

TEST(Optimizer, StepsByNesterovWithDecayOfKernelsOnly) {
  Net net = small_net();
  Optimizer optimizer(net, {.weight_decay = 0.1});
  const Rates rates{.weights = 0.5, .biases = 0.25, .momentum = 0.9};
  set_gradients(net, 2);
  optimizer.step(rates);
  // v = G; w -= rate (G + 0.9 v)
  EXPECT_NEAR(value(net, Role::kernel), 1 - 0.5 * 1.9 * 2.1, 1e-12);
  EXPECT_NEAR(value(net, Role::scale), 1 - 0.5 * 1.9 * 2, 1e-12);
  EXPECT_NEAR(value(net, Role::bias), 1 - 0.25 * 1.9 * 2, 1e-12);
  EXPECT_EQ(value(net, Role::mean), 1) << "statistics do not learn";

  set_gradients(net, 1);
  optimizer.step(rates);
  const double v = 0.9 * 2 + 1;
  EXPECT_NEAR(value(net, Role::scale), 1 - 0.5 * 1.9 * 2 - 0.5 * (1 + 0.9 * v), 1e-12);
}

TEST(Optimizer, StepsLikeDarknetWithoutNesterov) {
  // G <- 0.9 G - decay B w + sum; w <- w + rate / B G, for B pictures.
  constexpr double kPictures = 4, kDecay = 0.1, kRate = 0.5;
  Net net = small_net();
  Optimizer optimizer(net, {.nesterov = false, .weight_decay = kDecay});
  double w = 1, g = 0;
  for (const double sum : {2.0, -1.0, 0.5}) {  // ascent directions summed over the pictures
    set_gradients(net, -sum);
    optimizer.step({kRate, kRate, 0.9}, 1 / kPictures);
    g = 0.9 * g + sum - kDecay * kPictures * w;
    w += kRate / kPictures * g;
    EXPECT_NEAR(value(net, Role::kernel), w, 1e-12);
  }
}

TEST(Optimizer, StepsByAdamAndAdamW) {
  for (const bool apart : {false, true}) {
    Net net = small_net();
    Optimizer optimizer(
        net, {.kind = apart ? OptimizerKind::adamw : OptimizerKind::adam, .weight_decay = 0.1});
    double w = 1, m = 0, s = 0;
    for (int n = 1; n <= 3; ++n) {
      set_gradients(net, n);
      optimizer.step({0.01, 0.01, 0.9});
      const double g = apart ? n : n + 0.1 * w;
      m = 0.9 * m + 0.1 * g;
      s = 0.999 * s + 0.001 * g * g;
      if (apart) w *= 1 - 0.01 * 0.1;
      w -= 0.01 * (m / (1 - std::pow(0.9, n))) / (std::sqrt(s / (1 - std::pow(0.999, n))) + 1e-8);
      EXPECT_NEAR(value(net, Role::kernel), w, 1e-12);
    }
  }
}

TEST(Optimizer, SeesGradientsThatAreNotFinite) {
  Net net = small_net();
  Optimizer optimizer(net, {});
  EXPECT_EQ(optimizer.largest_gradient(), 0) << "none yet";
  set_gradients(net, -3);
  EXPECT_EQ(optimizer.largest_gradient(), 3);
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    net.tensors().at({0, Role::scale}).mutable_grad().fill_(bad);
    EXPECT_FALSE(std::isfinite(optimizer.largest_gradient()));
  }
  optimizer.zero_gradients();
  EXPECT_EQ(optimizer.largest_gradient(), 0);
}

TEST(Average, KeepsAShareOfTheOldWeightsAndStatistics) {
  Net net = small_net(1);
  Average average(net);
  net.set_weights(small_net(3).weights());
  average.update(net, {.kept = 0.25});
  const Weights weights = average.weights(net.graph());
  for (const auto& [id, tensor] : weights.all()) {
    EXPECT_FLOAT_EQ(tensor.values()[0], 0.25F + 0.75F * 3) << to_text(id);
  }
  EXPECT_EQ(average.updates(), 1);
}

TEST(Average, LeavesStatisticsToTheNetAndReplacesItWhereAsked) {
  Net net = small_net(1);
  Average average(net);
  net.set_weights(small_net(3).weights());
  average.update(net, {.kept = 0.5, .statistics = false, .replaces = true});
  const Weights weights = net.weights();
  for (const auto& [id, tensor] : weights.all()) {
    EXPECT_EQ(tensor.values()[0], train::is_statistic(id.role) ? 3 : 2) << to_text(id);
  }
}

TEST(CosineSchedule, HasThePublishedFactors) {
  const CosineSchedule schedule;
  EXPECT_DOUBLE_EQ(schedule.factor(0), 1);
  EXPECT_NEAR(schedule.factor(75), .88284, 5e-6);
  EXPECT_NEAR(schedule.factor(150), .6, 5e-6);
  EXPECT_NEAR(schedule.factor(225), .31716, 5e-6);
  EXPECT_NEAR(schedule.factor(299), .20002, 5e-6);
}

TEST(CosineSchedule, WarmsUpWeightsBiasesMomentumAndTheBatch) {
  CosineSchedule schedule;
  schedule.batches_per_epoch = 1000;
  EXPECT_EQ(schedule.warmup_batches(), 3000);
  const Rates first = schedule.rates(0);
  EXPECT_EQ(first.weights, 0);
  EXPECT_EQ(first.biases, 0.1);
  EXPECT_EQ(first.momentum, 0.9);
  EXPECT_EQ(schedule.accumulate(0), 1);
  const Rates half = schedule.rates(1500);
  EXPECT_NEAR(half.weights, 0.005 * schedule.factor(1), 1e-12);
  EXPECT_NEAR(half.momentum, 0.9185, 1e-12);
  EXPECT_EQ(schedule.accumulate(1500), 2) << "1 + (4 - 1) / 2, to the even";
  const Rates after = schedule.rates(3000);
  EXPECT_EQ(after.weights, after.biases);
  EXPECT_EQ(after.weights, 0.01 * schedule.factor(3));
  EXPECT_EQ(schedule.accumulate(3000), 4);

  schedule.batches_per_epoch = 5;
  EXPECT_EQ(schedule.warmup_batches(), 150) << "a tenth of a short run, not its 1000";
  schedule.batch = 100;
  EXPECT_EQ(schedule.accumulate(1400), 1);
}

TEST(NominalBatch, GivesAnEpochOfASmallSetEnoughSteps) {
  EXPECT_EQ(train::nominal_batch_for(118'287, 16), 64) << "as published";
  EXPECT_EQ(train::nominal_batch_for(512, 16), 32);
  EXPECT_EQ(train::nominal_batch_for(205, 16), 16) << "not less than a batch";
  EXPECT_EQ(train::nominal_batch_for(205, 128), 128);
}

TEST(AverageShape, CoversTheLastFiftiethOfShortRunsToo) {
  EXPECT_EQ(train::average_for(555'000).decay, 0.9999) << "as published";
  EXPECT_EQ(train::average_for(555'000).ramp, 2000);
  EXPECT_DOUBLE_EQ(train::average_for(1000).decay, 1 - 1 / 20.0);
  EXPECT_DOUBLE_EQ(train::average_for(1000).ramp, 50);
  EXPECT_EQ(train::average_for(1).decay, 0) << "the newest weights alone";
  EXPECT_NEAR(train::AverageShape().kept(1), 0.0005, 1e-6) << "as published";
}

DarknetSchedule schedule_of(const std::string& keys) {
  Findings findings;
  const Graph graph = read_cfg("[net]\nwidth=4\nheight=4\nchannels=1\nlearning_rate=0.1\n" + keys +
                                   "[convolutional]\nfilters=1\nsize=1\nstride=1\n",
                               "one.cfg", findings);
  return train::darknet_schedule(graph.net().hints, {.file = "one.cfg", .item = "[net]"});
}

TEST(DarknetSchedule, BurnsInAndFollowsThePolicy) {
  const DarknetSchedule burn = schedule_of("burn_in=10\npower=1\n");
  EXPECT_NEAR(burn.rate(1), 0.01, 1e-12) << "measured: the first step has rate 0.01";
  EXPECT_NEAR(burn.rate(10), 0.1, 1e-12);

  const DarknetSchedule steps = schedule_of("policy=steps\nsteps=5,8\nscales=.1,.5\n");
  EXPECT_NEAR(steps.rate(4), 0.1, 1e-12);
  EXPECT_NEAR(steps.rate(5), 0.01, 1e-12);
  EXPECT_NEAR(steps.rate(8), 0.005, 1e-12);

  EXPECT_NEAR(schedule_of("policy=step\nstep=3\nscale=.5\n").rate(7), 0.1 * 0.25, 1e-12);
  EXPECT_NEAR(schedule_of("policy=exp\ngamma=.9\n").rate(2), 0.1 * 0.81, 1e-12);
  EXPECT_NEAR(schedule_of("policy=poly\npower=2\nmax_batches=10\n").rate(5), 0.1 * 0.25, 1e-12);
  EXPECT_NEAR(schedule_of("policy=sig\ngamma=2\nstep=4\n").rate(4), 0.05, 1e-12);

  const DarknetSchedule sgdr = schedule_of("policy=sgdr\nsgdr_cycle=4\nlearning_rate_min=0.02\n");
  EXPECT_NEAR(sgdr.rate(2), 0.02 + 0.5 * 0.08, 1e-12);
  EXPECT_NEAR(sgdr.rate(4), 0.02, 1e-12);
  EXPECT_NEAR(sgdr.rate(8), 0.02 + 0.5 * 0.08, 1e-12) << "half of the second cycle of 8";
}

TEST(DarknetSchedule, FitsARunOfAnyLength) {
  const DarknetSchedule whole =
      schedule_of("burn_in=1000\nmax_batches=10000\npolicy=steps\nsteps=8000,9000\nscales=.1,.1\n");
  const DarknetSchedule same = train::fitted(whole, 10000);
  EXPECT_EQ(same.burn_in, 1000);
  EXPECT_EQ(same.steps, whole.steps);
  const DarknetSchedule tenth = train::fitted(whole, 1000);
  EXPECT_EQ(tenth.burn_in, 200) << "a fifth, not its 1000";
  EXPECT_EQ(tenth.steps, (std::vector<std::int64_t>{800, 900}));
  EXPECT_EQ(tenth.max_batches, 1000);
}

TEST(DarknetSchedule, RefusesWhatItCannotFollow) {
  for (const char* keys : {"policy=linear\n", "policy=steps\nsteps=5,8\nscales=.1\n",
                           "policy=poly\n", "momentum=much\n"}) {
    try {
      schedule_of(keys);
      ADD_FAILURE() << "accepted " << keys;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      EXPECT_EQ(error.where().file, "one.cfg");
    }
  }
}

TEST(Optimizer, ALayersLearningRateMultipliesItsOwn) {
  Findings findings;
  const Graph graph = read_cfg(
      "[net]\nwidth=8\nheight=8\nchannels=1\n[convolutional]\nfilters=1\nsize=1\n"
      "activation=linear\n[convolutional]\nfilters=1\nsize=1\nactivation=linear\n"
      "learning_rate=0.25\n",
      "two.cfg", findings);
  train::Net net(graph, random_weights(graph, 1), {});
  train::Optimizer optimizer(net, {.nesterov = false, .weight_decay = 0});
  const Weights before = net.weights();
  for (const auto& [id, tensor] : net.tensors()) tensor.mutable_grad() = torch::ones_like(tensor);
  optimizer.step({0.5, 0.5, 0.9});
  const Weights after = net.weights();
  for (const auto& [id, tensor] : before.all()) {
    EXPECT_NEAR(after.at(id).values()[0], tensor.values()[0] - 0.5 * (id.node == 0 ? 1 : 0.25),
                1e-6)
        << to_text(id);
  }
}

TEST(Optimizer, ALayersClipBoundsItsKernels) {
  Findings findings;
  const Graph graph = read_cfg(
      "[net]\nwidth=8\nheight=8\nchannels=1\n[convolutional]\nfilters=1\nsize=1\n"
      "activation=linear\n[convolutional]\nfilters=1\nsize=1\nactivation=linear\nclip=0.25\n",
      "two.cfg", findings);
  train::Net net(graph, random_weights(graph, 1), {});
  train::Optimizer optimizer(net, {.nesterov = false, .weight_decay = 0});
  for (const auto& [id, tensor] : net.tensors()) tensor.mutable_grad() = torch::ones_like(tensor);
  optimizer.step({100, 100, 0.9});
  const Weights after = net.weights();
  EXPECT_LT(after.at({0, Role::kernel}).values()[0], -90);
  EXPECT_EQ(after.at({1, Role::kernel}).values()[0], -0.25F);
  EXPECT_LT(after.at({1, Role::bias}).values()[0], -90);
}

}  // namespace
}  // namespace syolo::test
