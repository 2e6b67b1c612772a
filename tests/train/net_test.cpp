// The trainer's network agrees with the interpreter, and its gradients with finite differences.
#include <gtest/gtest.h>

#include <algorithm>
#include <cfloat>
#include <chrono>
#include <cmath>
#include <functional>

#include "syolo/graph/lower.h"
#include "syolo/runtime/reference.h"
#include "syolo/train/net_impl.h"
#include "tests/support/compare.h"
#include "tests/support/oracle.h"

namespace syolo::test {
namespace {

using train::Mode;
using train::Net;

const torch::TensorOptions kDouble = torch::TensorOptions(torch::kFloat64);

/// One image or several equal ones of a C,H,W tensor.
torch::Tensor images(const Tensor& input, std::int64_t count = 1) {
  const Shape& shape = input.shape();
  return train::to_torch(input, torch::kFloat32)
      .reshape({1, shape.c, shape.h, shape.w})
      .repeat({count, 1, 1, 1});
}

bool is_head(const Program& program, NodeId node) {
  return std::ranges::any_of(heads(program), [node](const HeadNode& h) { return h.node == node; });
}

class NetOnSmallNetwork : public testing::TestWithParam<std::string> {};

// Each layer in double from the network's own outputs of the layers before it, so that the
// difference is the rounding of this layer alone.
TEST_P(NetOnSmallNetwork, AgreesWithTheInterpreterLayerByLayer) {
  const OracleCase test = load_oracle_case("layers", GetParam());
  Net net(test.graph, test.made.weights, {});
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> got = net.forward_all(images(test.input), Mode::eval);

  const Program program = lower(test.graph);
  std::vector<Tensor> observed;
  for (std::size_t i = 0; i < got.size(); ++i) {
    observed.push_back(train::to_tensor(got[i], program.shape(program.node_values[i])));
  }
  const Outputs want = interpret(
      program, test.made.weights, test.input, {.observed = [&](NodeId node) {
        return is_head(program, node) ? Tensor() : observed[static_cast<std::size_t>(node)];
      }});
  for (std::size_t i = 0; i < want.nodes.size(); ++i) {
    if (is_head(program, static_cast<NodeId>(i))) continue;
    SCOPED_TRACE(layer_text(test.graph, i));
    const Outputs::Node& node = want.nodes[i];
    EXPECT_TRUE(all_within(observed[i].values(), node.values, [&](std::size_t at) {
      return rounding_bound(FLT_EPSILON, node.terms, node.bound[at]);
    }));
  }
}

/// A smooth number made of every output: sum of c_i * y_i with c of the counter generator.
torch::Tensor mixed(const std::vector<torch::Tensor>& outputs) {
  torch::Tensor sum = torch::zeros({}, kDouble);
  std::uint64_t counter = 0;
  for (const torch::Tensor& output : outputs) {
    const Shape shape{1, static_cast<int>(output.numel()), 1, 1};
    const Tensor factors = counter_tensor(shape, -1, 2, 5, counter);
    sum = sum + (output.reshape({-1}) * train::to_torch(factors, kDouble)).sum();
  }
  return sum;
}

/// Value number i in the order of the dimensions, whatever the memory layout.
double& element(const torch::Tensor& tensor, std::int64_t i) {
  std::int64_t offset = 0;
  for (std::int64_t d = tensor.dim() - 1; d >= 0; --d) {
    offset += i % tensor.size(d) * tensor.stride(d);
    i /= tensor.size(d);
  }
  return tensor.data_ptr<double>()[offset];
}

/// The derivative of `loss` by some values of `at` equals central differences.
void expect_gradient(const std::function<torch::Tensor()>& loss, const torch::Tensor& at,
                     const torch::Tensor& gradient, const std::string& name) {
  ASSERT_TRUE(gradient.defined()) << name;
  const torch::NoGradGuard no_grad;
  constexpr double kStep = 1e-6;
  const std::int64_t count = at.numel(), stride = std::max<std::int64_t>(1, count / 5);
  for (std::int64_t i = stride / 2; i < count; i += stride) {
    double& x = element(at, i);
    const double value = x;
    x = value + kStep;
    const double above = loss().item<double>();
    x = value - kStep;
    const double below = loss().item<double>();
    x = value;
    const double want = (above - below) / (2 * kStep);
    EXPECT_NEAR(element(gradient, i), want, 1e-6 * std::max(1.0, std::abs(want)))
        << name << ", value " << i;
  }
}

void expect_gradients(const OracleCase& test, Mode mode) {
  Net net(test.graph, test.made.weights, {.tensors = kDouble});
  torch::Tensor input = images(test.input, mode == Mode::train ? 2 : 1).to(torch::kFloat64);
  if (mode == Mode::train) input[1] = input[1].square();  // two pictures that differ
  input.set_requires_grad(true);
  const auto loss = [&] { return mixed(net.forward_all(input, mode)); };
  loss().backward();
  expect_gradient(loss, input, input.grad(), "input");
  for (const auto& [id, tensor] : net.tensors()) {
    if (!tensor.requires_grad()) continue;
    expect_gradient(loss, tensor, tensor.grad(), to_text(id));
  }
}

TEST_P(NetOnSmallNetwork, HasTheGradientsOfFiniteDifferences) {
  expect_gradients(load_oracle_case("layers", GetParam()), Mode::eval);
}

TEST_P(NetOnSmallNetwork, HasTheGradientsOfFiniteDifferencesThroughBatchStatistics) {
  expect_gradients(load_oracle_case("layers", GetParam()), Mode::train);
}

INSTANTIATE_TEST_SUITE_P(Darknet, NetOnSmallNetwork, testing::ValuesIn(oracle_names("layers")),
                         [](const auto& it) { return test_name(it.param); });

class NetOnPublishedNetwork : public testing::TestWithParam<std::string> {};

TEST_P(NetOnPublishedNetwork, AgreesWithDarknetInSampledValues) {
  const OracleCase test = load_oracle_case("family", GetParam());
  Net net(test.graph, test.made.weights, {});
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> got = net.forward_all(images(test.input), Mode::eval);
  const Program program = lower(test.graph);
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (is_head(program, static_cast<NodeId>(i))) continue;
    SCOPED_TRACE(layer_text(test.graph, i));
    const Tensor values = train::to_tensor(got[i], program.shape(program.node_values[i]));
    ASSERT_TRUE(layer_agrees(values.values(), test.oracle.layers[i], 2e-3));
  }
}

INSTANTIATE_TEST_SUITE_P(Darknet, NetOnPublishedNetwork, testing::ValuesIn(oracle_names("family")),
                         [](const auto& it) { return test_name(it.param); });

TEST(Net, GivesBackTheWeightsItWasGiven) {
  const OracleCase test = load_oracle_case("layers", "conv-groups");
  Net net(test.graph, test.made.weights, {});
  const Weights got = net.weights();
  EXPECT_EQ(got.all().size(), test.made.weights.all().size());
  for (const auto& [id, tensor] : got.all()) {
    EXPECT_TRUE(std::ranges::equal(tensor.values(), test.made.weights.at(id).values()))
        << to_text(id);
  }
  const Weights others = random_weights(test.graph, 3);
  net.set_weights(others);
  const Weights changed = net.weights();
  for (const auto& [id, tensor] : changed.all()) {
    EXPECT_TRUE(std::ranges::equal(tensor.values(), others.at(id).values())) << to_text(id);
  }
}

/// A network of one normalised 1x1 convolution from and to `channels`.
Graph normalized_convolution(int channels) {
  const std::string count = std::to_string(channels);
  Findings findings;
  return read_cfg("[net]\nwidth=4\nheight=4\nchannels=" + count +
                      "\n[convolutional]\nbatch_normalize=1\nfilters=" + count +
                      "\nsize=1\nstride=1\nactivation=linear\n",
                  "one.cfg", findings);
}

TEST(Net, NormalizesByTheBatchAndMovesTheRunningStatistics) {
  const Graph graph = normalized_convolution(1);
  Weights weights = random_weights(graph, 1);
  const auto set = [&](Role role, float value) {
    weights.set({0, role}, Tensor({1, 1, 1, 1}, std::vector<float>{value}));
  };
  set(Role::kernel, 1), set(Role::scale, 2), set(Role::bias, 5);
  set(Role::mean, 10), set(Role::variance, 3);
  Net net(graph, weights, {.tensors = kDouble, .statistics_rate = 0.25});

  torch::Tensor input = torch::zeros({2, 1, 4, 4}, kDouble);
  input[1] = 4;  // mean 2, variance 4 of 32 values
  const torch::Tensor output = net.forward(input, Mode::train)[0];
  const double deviation = std::sqrt(4 + 1e-5);
  EXPECT_NEAR(output[0][0][0][0].item<double>(), 5 + 2 * (0 - 2) / deviation, 1e-12);
  EXPECT_NEAR(output[1][0][0][0].item<double>(), 5 + 2 * (4 - 2) / deviation, 1e-12);
  EXPECT_FLOAT_EQ(net.weights().at({0, Role::mean}).values()[0], 10 * 0.75F + 2 * 0.25F);
  EXPECT_FLOAT_EQ(net.weights().at({0, Role::variance}).values()[0],
                  3 * 0.75F + 4 * 32 / 31.0F * 0.25F);

  net.forward(input, Mode::eval);
  EXPECT_FLOAT_EQ(net.weights().at({0, Role::mean}).values()[0], 8) << "eval changes nothing";
}

TEST(Net, StandsByTheRunningStatisticsWhereABatchHasOneValue) {
  const Graph graph = normalized_convolution(3);
  Net net(graph, random_weights(graph, 1), {});
  const torch::Tensor one = torch::rand({1, 3, 1, 1});
  EXPECT_TRUE(torch::equal(net.forward(one, Mode::train)[0], net.forward(one, Mode::eval)[0]));
  const Weights weights = net.weights();
  for (const auto& [id, tensor] : weights.all()) {
    for (const float value : tensor.values()) EXPECT_TRUE(std::isfinite(value)) << to_text(id);
  }
}

TEST(Net, GathersStatisticsOverTheBatchesOfAStep) {
  const Graph graph = normalized_convolution(1);
  Weights weights = random_weights(graph, 1);
  const auto set = [&](Role role, float value) {
    weights.set({0, role}, Tensor({1, 1, 1, 1}, std::vector<float>{value}));
  };
  set(Role::kernel, 1), set(Role::scale, 1), set(Role::bias, 0);
  set(Role::mean, 0), set(Role::variance, 1);
  Net net(graph, weights, {.tensors = kDouble, .cmbn = true, .statistics_rate = 0.01});
  const auto pass = [&](double low, double high, int mini_batch) {
    torch::Tensor input = torch::full({2, 1, 4, 4}, low, kDouble);
    input[1] = high;
    train::Pass of(Mode::train);
    of.mini_batch = mini_batch;
    const torch::Tensor output = net.forward(input, of)[0];
    return std::pair{output[0][0][0][0].item<double>(), output[1][0][0][0].item<double>()};
  };
  const double share = 32 / 31.0;
  const auto normalized = [](double x, double mean, double square) {
    return (x - mean) / std::sqrt(square - mean * mean + 1e-5);
  };
  // Darknet: the mean of the means, and of the mean squares over n - 1.
  const double first = (0 + 16) / 2.0 * share, second = (16 + 64) / 2.0 * share;
  EXPECT_NEAR(pass(0, 4, 0).second, normalized(4, 2, first), 1e-9);
  EXPECT_NEAR(pass(4, 8, 1).first, normalized(4, 4, (first + second) / 2), 1e-9);
  EXPECT_NEAR(pass(4, 8, 0).first, normalized(4, 6, second), 1e-9) << "a step begins anew";
  EXPECT_NEAR(net.weights().at({0, Role::mean}).values()[0],
              (2 * 0.99 + 4) * 0.01 * 0.99 + 6 * 0.01, 1e-6)
      << "moved at every batch";
}

TEST(Net, InBf16GoesWhereF32Goes) {
  std::string cfg = "[net]\nwidth=64\nheight=64\nchannels=3\n";
  for (const char* act : {"mish", "swish", "leaky", "mish"}) {
    cfg +=
        std::string("[convolutional]\nbatch_normalize=1\nfilters=16\nsize=3\nstride=1\npad=1\n") +
        "activation=" + act + "\n";
  }
  cfg +=
      "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n[yolo]\nmask=0,1\n"
      "anchors=8,8,16,16\nnum=2\nclasses=2\n";
  Findings findings;
  const Graph graph = read_cfg(cfg, "small.cfg", findings);
  const auto gradients = [&](bool bf16) {
    Net net(graph, random_weights(graph, 1), {.bf16 = bf16});
    torch::manual_seed(1);
    const torch::Tensor logits = net.forward(torch::rand({2, 3, 64, 64}), Mode::train)[0];
    EXPECT_EQ(logits.scalar_type(), torch::kFloat32);
    // Of weights without a mean: normalisation takes the mean of what comes back away.
    (logits * torch::randn(logits.sizes())).sum().backward();
    std::vector<torch::Tensor> all = {logits.detach().flatten()};
    for (const auto& [id, tensor] : net.tensors()) {
      if (tensor.requires_grad()) all.push_back(tensor.grad().flatten());
    }
    return all;
  };
  const std::vector<torch::Tensor> half = gradients(true), full = gradients(false);
  ASSERT_EQ(half.size(), full.size());
  // Logits keep two digits. Gradients are sums of terms that nearly cancel: a change of the
  // pictures by 0.1 % changes them by 3 to 7 %, so the rounding of ten tensors on the way may by
  // some times that.
  for (std::size_t i = 0; i < half.size(); ++i) {
    const double difference = ((half[i] - full[i]).norm() / full[i].norm()).item<double>();
    EXPECT_LT(difference, i == 0 ? 0.02 : 0.25) << "tensor " << i;
  }
  EXPECT_FALSE(torch::equal(half[0], full[0])) << "bf16 rounds";
}

/// Everything that a step changes or hands on, of two batches.
std::vector<torch::Tensor> two_steps(const OracleCase& test, train::NetOptions options,
                                     int frozen) {
  Net net(test.graph, test.made.weights, options);
  net.set_learning(train::Freeze(test.graph, frozen), 1);
  const train::Drops drops{.rates = {.out = 0.2, .block = 0.2, .connect = 0.1}, .seed = 1};
  torch::manual_seed(1);
  std::vector<torch::Tensor> all;
  for (int mini_batch = 0; mini_batch < 2; ++mini_batch) {
    train::Pass pass(Mode::train);
    pass.drops = &drops, pass.mini_batch = mini_batch;
    torch::Tensor sum = torch::zeros({});
    for (const torch::Tensor& logit : net.forward(torch::rand({2, 3, 64, 64}), pass)) {
      sum = sum + logit.square().mean();
      all.push_back(logit.detach());
    }
    sum.backward();
  }
  for (const auto& [id, tensor] : net.tensors()) {
    all.push_back(tensor.grad().defined() ? tensor.grad() : tensor.detach());
  }
  return all;
}

TEST(Net, ComputesSegmentsAnewToTheSameBits) {
  for (const char* name : {"yolov4-csp-swish", "yolov4-tiny", "yolov3-spp"}) {
    for (const int frozen : {0, 20}) {
      SCOPED_TRACE(std::string(name) + (frozen > 0 ? ", frozen" : ""));
      const OracleCase test = load_oracle_case("family", name);
      train::NetOptions options{.cmbn = true};
      const std::vector<torch::Tensor> want = two_steps(test, options, frozen);
      options.recompute = true;
      const std::vector<torch::Tensor> got = two_steps(test, options, frozen);
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < want.size(); ++i) {
        EXPECT_TRUE(torch::equal(got[i], want[i])) << "tensor " << i;
      }
    }
  }
}

/// Every operation has a kernel for bf16, forward and back.
TEST(Net, TrainsEveryLayerOfTheOraclesInBf16) {
  for (const std::string& name : oracle_names("layers")) {
    SCOPED_TRACE(name);
    const OracleCase test = load_oracle_case("layers", name);
    Net net(test.graph, test.made.weights, {.bf16 = true});
    torch::Tensor sum = torch::zeros({});
    for (const torch::Tensor& output : net.forward_all(images(test.input, 2), Mode::train)) {
      sum = sum + output.to(torch::kFloat32).mean();
    }
    if (sum.requires_grad()) sum.backward();
    EXPECT_TRUE(std::isfinite(sum.item<double>()));
  }
}

TEST(Net, GivesLogitsBeforeTheLogisticOfANewCoordsHead) {
  const OracleCase test = load_oracle_case("family", "yolov4-csp-swish");
  Net net(test.graph, test.made.weights, {});
  const torch::NoGradGuard no_grad;
  const torch::Tensor input = torch::rand({1, 3, 64, 64});
  const std::vector<torch::Tensor> logits = net.forward(input, Mode::eval);
  const std::vector<torch::Tensor> all = net.forward_all(input, Mode::eval);
  const Program program = lower(test.graph);
  const std::vector<HeadNode> nodes = heads(program);
  ASSERT_EQ(logits.size(), nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    EXPECT_TRUE(
        torch::equal(torch::sigmoid(logits[i]), all[static_cast<std::size_t>(nodes[i].node)]));
  }
}

TEST(Net, SaysWhereTheTimeOfAPassAndOfItsWayBackGoes) {
  Findings findings;
  const Graph graph = read_cfg(
      "[net]\nwidth=64\nheight=64\nchannels=3\n[convolutional]\nbatch_normalize=1\nfilters=8\n"
      "size=3\nstride=1\npad=1\nactivation=mish\n[maxpool]\nsize=2\nstride=2\n",
      "small.cfg", findings);
  Net net(graph, random_weights(graph, 1), {});
  torch::Tensor input = torch::rand({2, 3, 64, 64}).set_requires_grad(true);
  const auto began = std::chrono::steady_clock::now();
  train::Profile profile;
  net.set_profile(&profile);
  net.forward(input, Mode::train)[0].sum().backward();
  const auto seconds = profile.seconds();
  const std::chrono::duration<double> all = std::chrono::steady_clock::now() - began;
  double sum = 0;
  for (const auto& [part, spent] : seconds) {
    EXPECT_GE(std::min(spent.forward, spent.backward), 0) << part;
    sum += spent.sum();
  }
  EXPECT_LE(sum, all.count());
  for (const char* part : {"convolution", "normalisation", "pool"}) {
    ASSERT_TRUE(seconds.contains(part)) << part;
    EXPECT_GT(seconds.at(part).forward, 0) << part;
    EXPECT_GT(seconds.at(part).backward, 0) << part;
  }
  EXPECT_GT(seconds.at(train::Profile::kRest).backward, 0) << "of the sum";
  EXPECT_FALSE(seconds.contains("activation")) << "computed with the normalisation";
}

TEST(Net, KeepsChannelsLast) {
  const OracleCase test = load_oracle_case("layers", "conv-odd");
  Net net(test.graph, test.made.weights, {});
  for (const torch::Tensor& output : net.forward_all(images(test.input, 2), Mode::train)) {
    EXPECT_TRUE(output.is_contiguous(torch::MemoryFormat::ChannelsLast));
  }
}

TEST(Net, TakesAnyMultipleOfTheStrideAndImagesOneByOneOrTogether) {
  Findings findings;
  const Graph graph =
      load_cfg((darknet_oracles() / "family" / "yolov4-tiny.cfg").string(), findings);
  // In double: what is asked is that pictures do not touch each other, on any processor.
  Net net(graph, random_weights(graph, 1), {.tensors = torch::TensorOptions(torch::kFloat64)});
  const torch::NoGradGuard no_grad;
  const torch::Tensor two = torch::rand({2, 3, 96, 64}, torch::kFloat64);
  const std::vector<torch::Tensor> together = net.forward(two, Mode::eval);
  ASSERT_EQ(together.size(), 2U);
  EXPECT_EQ(together[0].size(2), 3);
  EXPECT_EQ(together[0].size(3), 2);
  for (int image = 0; image < 2; ++image) {
    const std::vector<torch::Tensor> alone = net.forward(two.narrow(0, image, 1), Mode::eval);
    for (std::size_t head = 0; head < together.size(); ++head) {
      EXPECT_TRUE(torch::allclose(alone[head], together[head].narrow(0, image, 1), 1e-10, 1e-10));
    }
  }
}

}  // namespace
}  // namespace syolo::test
