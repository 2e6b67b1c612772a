// Any small network: the engine agrees with the interpreter to within rounding, layer by layer and
// fused. A failure prints the number of the network and its cfg.
#include <gtest/gtest.h>

#include <cfloat>

#include "syolo/graph/lower.h"
#include "syolo/graph/passes.h"
#include "syolo/runtime/reference.h"
#include "tests/support/compare.h"
#include "tests/support/engine.h"

namespace syolo::test {
namespace {

constexpr double kEpsilonBf16 = 0x1p-7;

/// Draws a cfg layer by layer; a layer that does not fit what is there is drawn again.
class CfgMaker {
 public:
  explicit CfgMaker(std::uint64_t number) : rng_(17, Stream::test, 0, number) {
    const int channels = pick({1, 3, 4, 16});
    text_ = format("[net]\nwidth={}\nheight={}\nchannels={}\n", 1 + rng_.below(24),
                   1 + rng_.below(24), channels);
  }

  std::string make() {
    while (!add(conv())) {
    }
    for (int layers = 2 + rng_.below(7); layers > 0; --layers) {
      for (int tries = 0; tries < 10 && !add(section()); ++tries) {
      }
    }
    if (rng_.chance(0.3)) {
      add("[convolutional]\nfilters=14\nsize=1\nactivation=linear\n");
      add("[yolo]\nmask=0,1\nnum=2\nclasses=2\nanchors=3,4, 5,6\n");
    }
    return text_;
  }

 private:
  int pick(std::initializer_list<int> values) {
    return values.begin()[rng_.below(static_cast<int>(values.size()))];
  }
  std::string_view activation() {
    static const std::vector<std::string_view> kNames = Act::names();
    if (rng_.chance(0.5)) {
      constexpr std::string_view kCommon[] = {"mish", "leaky", "swish", "linear", "logistic"};
      return kCommon[rng_.below(5)];
    }
    for (;;) {
      const auto name = kNames[static_cast<std::size_t>(rng_.below(int(kNames.size())))];
      // e^x of any input leaves the floats; its own case is among the oracles.
      if (Act::find(name)->across() != Across::exp_sum) return name;
    }
  }

  bool add(const std::string& section) {
    Findings findings;
    try {
      const Graph graph = read_cfg(text_ + section, "random.cfg", findings);
      if (graph.nodes().back().shape.elements() > 20'000) return false;
      shapes_.clear();
      for (const Node& node : graph.nodes()) shapes_.push_back(node.shape);
    } catch (const Error&) {
      return false;
    }
    text_ += section;
    return true;
  }

  std::string conv() {
    const int size = pick({1, 1, 2, 3, 3, 3, 5, 7});
    std::string keys = format("[convolutional]\nfilters={}\nsize={}\nactivation={}\n",
                              pick({1, 3, 7, 8, 16, 17, 24, 32}), size, activation());
    if (rng_.chance(0.7)) keys += "batch_normalize=1\n";
    if (rng_.chance(0.8)) keys += "pad=1\n";
    if (rng_.chance(0.1)) keys += format("padding={}\n", rng_.below(4));
    if (rng_.chance(0.3)) keys += format("stride={}\n", pick({2, 2, 3}));
    if (rng_.chance(0.1)) keys += format("stride_x={}\n", 1 + rng_.below(2));
    if (rng_.chance(0.25)) keys += format("groups={}\n", pick({2, 4, 8, 16}));
    if (rng_.chance(0.1)) keys += "dilation=2\n";
    if (rng_.chance(0.05)) keys += format("antialiasing={}\n", 1 + rng_.below(2));
    return keys;
  }

  std::string depthwise() {
    const int channels = shapes_.back().c;
    return format(
        "[convolutional]\nfilters={0}\ngroups={0}\nsize=3\npad=1\nstride={1}\n"
        "batch_normalize=1\nactivation={2}\n",
        channels, 1 + rng_.below(2), activation());
  }

  int layer() { return rng_.below(static_cast<int>(shapes_.size())); }
  /// A layer whose shape equals the last one's, or the last one itself.
  int equal_layer() {
    std::vector<int> found;
    for (int i = 0; i < static_cast<int>(shapes_.size()); ++i) {
      const Shape& shape = shapes_[static_cast<std::size_t>(i)];
      if (shape.h == shapes_.back().h && shape.w == shapes_.back().w) found.push_back(i);
    }
    return found[static_cast<std::size_t>(rng_.below(static_cast<int>(found.size())))];
  }

  std::string section() {
    switch (rng_.below(16)) {
      case 0:
      case 1:
        return format("[shortcut]\nfrom={}\nactivation={}\n", equal_layer(), activation());
      case 2:
        return format("[shortcut]\nfrom={},{}\nweights_type={}\nweights_normalization={}\n",
                      equal_layer(), equal_layer(), pick({0, 1}) ? "per_channel" : "per_feature",
                      pick({0, 1}) ? "relu" : "softmax");
      case 3:
      case 4:
        return format("[route]\nlayers={},{}\n", equal_layer(), equal_layer());
      case 5:
        return format("[route]\nlayers=-1\ngroups=2\ngroup_id={}\n", rng_.below(2));
      case 6:
        return format("[route]\nlayers={}\n", layer());
      case 7:
        return format("[upsample]\nstride={}\n", pick({2, 2, 3, -2}));
      case 8:
      case 9:
        return format("[maxpool]\nsize={}\nstride={}\n", pick({2, 3, 5, 9}), pick({1, 1, 2}));
      case 10:
        return format("[local_avgpool]\nsize={}\nstride={}\n", pick({2, 3}), pick({1, 2}));
      case 11:
        return depthwise();
      case 12:
        return pick({0, 1}) ? std::string("[batchnorm]\n")
                            : format("[activation]\nactivation={}\n", activation());
      case 13:
        return format("[{}]\nstride=2\n", pick({0, 1}) ? "reorg3d" : "reorg");
      case 14:
        return format("[sam]\nfrom={}\n", equal_layer());
      default:
        return conv();
    }
  }

  Rng rng_;
  std::string text_;
  std::vector<Shape> shapes_;
};

struct Network {
  Graph graph;
  CounterWeights made;
  Tensor input;

  explicit Network(const std::string& text, std::uint64_t seed = 23) :
      graph(read(text)), made(counter_weights(graph, seed, 2)),
      input(counter_input(graph.net().input, seed)) {}
  static Graph read(const std::string& text) {
    Findings findings;
    return read_cfg(text, "random.cfg", findings);
  }
  Session session(const PlanOptions& options) const {
    return Session(make_plan(model_of(graph, made.weights), graph.net().input, options));
  }

  /// Each layer from the engine's own sources, so that its rounding alone is judged. Terms inside
  /// an activation (e^x - 1) are of the order of 1, computed in f32.
  void expect_each_layer(const PlanOptions& options, double epsilon) const {
    Session run = session(options);
    run.run(input.values());
    const Outputs want =
        interpret(lower(graph), made.weights, input,
                  {.threads = 1, .observed = [&](NodeId node) { return run.node_output(node); }});
    for (std::size_t i = 0; i < want.nodes.size(); ++i) {
      SCOPED_TRACE(layer_text(graph, i));
      const Tensor got = run.node_output(static_cast<NodeId>(i));
      ASSERT_EQ(got.shape(), want.nodes[i].shape);
      ASSERT_TRUE(all_within(got.values(), want.nodes[i].values, [&](std::size_t at) {
        return rounding_bound(epsilon, want.nodes[i].terms, want.nodes[i].bound[at]) +
               2 * static_cast<double>(FLT_EPSILON);
      }));
    }
  }

  /// The fused plan computes what the plan that keeps every layer does: the outputs within the
  /// rounding of all layers, for the norm of the difference.
  void expect_fused_output(const PlanOptions& options, double relative) const {
    Session run = session(options);
    run.run(input.values());
    const Outputs want =
        interpret(lower(graph), made.weights, input, {.bounds = false, .threads = 1});
    const auto last = static_cast<NodeId>(graph.nodes().size()) - 1;
    const Tensor got = run.node_output(last);
    const std::vector<double>& values = want.nodes.back().values;
    ASSERT_EQ(got.values().size(), values.size());
    double error = 0, size = 0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double v = static_cast<double>(got.values()[i]);
      error += (v - values[i]) * (v - values[i]), size += values[i] * values[i];
    }
    EXPECT_LE(std::sqrt(error), relative * std::sqrt(size) + 1e-30);
  }
};

class RandomNetworks : public testing::TestWithParam<int> {
 protected:
  static constexpr std::uint64_t kEach = 10;
  template <class Body>
  void for_each_network(const Body& body) {
    const auto first = static_cast<std::uint64_t>(GetParam()) * kEach;
    for (std::uint64_t number = first; number < first + kEach; ++number) {
      const std::string text = CfgMaker(number).make();
      SCOPED_TRACE(format("network {}:\n{}", number, text));
      body(Network(text));
      if (HasFailure()) return;
    }
  }
};

TEST_P(RandomNetworks, AgreeWithTheInterpreterLayerByLayer) {
  for_each_network(
      [](const Network& net) { net.expect_each_layer(plain_options(true), FLT_EPSILON); });
}

// 2e-3 is the tolerance of whole networks; a mistake in fusing is of the order of 1.
TEST_P(RandomNetworks, AgreeInTheirOutputWhenFused) {
  for_each_network([](const Network& net) { net.expect_fused_output(plain_options(), 2e-3); });
}

INSTANTIATE_TEST_SUITE_P(Tens, RandomNetworks, testing::Range(0, 16));

/// bf16 where the processor has it; elsewhere the refusal is the plan's own.
bool bf16_is_refused(const Network& net, PlanOptions options) {
  options.precision = Precision::bf16;
  try {
    net.session(options);
    return false;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported) << error.what();
    return true;
  }
}

TEST(RandomNetworksInBf16, AgreeWithTheInterpreterLayerByLayer) {
  PlanOptions options = plain_options(true);
  options.precision = Precision::bf16;
  if (bf16_is_refused(Network(CfgMaker(0).make()), options)) GTEST_SKIP() << "no bf16 here";
  for (std::uint64_t number = 0; number < 40; ++number) {
    const std::string text = CfgMaker(number).make();
    SCOPED_TRACE(format("network {}:\n{}", number, text));
    Network(text).expect_each_layer(options, kEpsilonBf16);
    if (HasFailure()) return;
  }
}

// Sizes and channels for which the transform of 3x3 windows is a candidate, odd sides included.
TEST(ManyPixels, AgreeWithTheInterpreterLayerByLayer) {
  std::uint64_t seed = 0;
  for (const int channels : {16, 32}) {
    for (const int filters : {16, 48}) {
      for (const auto& [w, h] : {std::pair{64, 64}, std::pair{37, 29}, std::pair{130, 5}}) {
        for (const std::string_view activation : {"mish", "linear"}) {
          const std::string text = format(
              "[net]\nwidth={}\nheight={}\nchannels=3\n[convolutional]\nfilters={}\nsize=1\n"
              "batch_normalize=1\nactivation=mish\n[convolutional]\nbatch_normalize=1\nfilters={}\n"
              "size=3\npad=1\nactivation={}\n[convolutional]\nfilters={}\nsize=3\npad=1\n"
              "batch_normalize=1\nactivation={}\n[shortcut]\nfrom=-2\n",
              w, h, channels, filters, activation, filters, activation);
          SCOPED_TRACE(text);
          const Network net(text, ++seed);
          net.expect_each_layer(plain_options(true), FLT_EPSILON);
          net.expect_fused_output(plain_options(), 2e-3);
          if (HasFailure()) return;
        }
      }
    }
  }
}

const std::string kHead =
    "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n"
    "[yolo]\nmask=0,1\nnum=2\nclasses=2\nanchors=3,4, 5,6\nscale_x_y=1.1\n";

TEST(HeadsInTheMiddle, AreReadByTheLayersBehindThem) {
  const Network net("[net]\nwidth=12\nheight=10\nchannels=3\n" + kHead +
                    "[convolutional]\nfilters=8\nsize=3\npad=1\nactivation=mish\n"
                    "[shortcut]\nfrom=-1\n[route]\nlayers=-1,1\n" +
                    kHead);
  net.expect_each_layer(plain_options(true), FLT_EPSILON);
  net.expect_fused_output(plain_options(), 1e-5);
}

/// Heads whose raw values no convolution made: the views must hold what the interpreter has.
void expect_raw_heads(const std::string& text, const PlanOptions& options, double relative) {
  SCOPED_TRACE(text);
  const Network net(text);
  Session run = net.session(options);
  const auto views = run.run(net.input.values());
  const Program program = lower(net.graph);
  const Outputs want = interpret(program, net.made.weights, net.input, {.threads = 1});
  const auto nodes = heads(program);
  ASSERT_EQ(views.size(), nodes.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    const NodeId src = net.graph.node(nodes[i].node).src[0];
    const std::vector<double> raw =
        src < 0 ? std::vector<double>(net.input.values().begin(), net.input.values().end())
                : want.nodes[static_cast<std::size_t>(src)].values;
    double greatest = 0;
    for (const double v : raw) greatest = std::max(greatest, std::abs(v));
    EXPECT_TRUE(all_within(plain_values<double>(views[i]), raw,
                           [&](std::size_t) { return relative * greatest; }));
  }
}

std::vector<std::string> heads_behind_other_layers() {
  const std::string net = "[net]\nwidth=12\nheight=10\nchannels=3\n";
  const std::string conv = "[convolutional]\nfilters=14\nsize=1\nactivation=linear\n";
  const std::string yolo = "[yolo]\nmask=0,1\nnum=2\nclasses=2\nanchors=3,4, 5,6\n";
  return {net + conv + "[upsample]\n" + yolo,
          net + conv + conv + "[shortcut]\nfrom=-2\n" + yolo,
          net + conv + "[activation]\nactivation=logistic\n[batchnorm]\n" + yolo,
          net +
              "[convolutional]\nfilters=8\nsize=1\n[convolutional]\nfilters=6\nsize=1\n"
              "[route]\nlayers=-1,-2\n" +
              yolo,
          net + conv + "[maxpool]\nsize=3\nstride=1\n" + yolo,
          net + "[convolutional]\nfilters=28\nsize=1\n[route]\nlayers=-1\ngroups=2\ngroup_id=1\n" +
              yolo,
          net + conv + yolo + "[route]\nlayers=0\n" + yolo};
}

TEST(HeadsBehindOtherLayers, ShowTheirRawValues) {
  for (const std::string& text : heads_behind_other_layers()) {
    expect_raw_heads(text, plain_options(), 1e-5);
  }
}

TEST(HeadsBehindOtherLayers, ShowTheirRawValuesInBf16) {
  PlanOptions options = plain_options();
  options.precision = Precision::bf16;
  if (bf16_is_refused(Network(heads_behind_other_layers()[0]), options)) {
    GTEST_SKIP() << "no bf16 here";
  }
  for (const std::string& text : heads_behind_other_layers()) {
    expect_raw_heads(text, options, 0x1p-5);
  }
}

TEST(HeadsBehindOtherLayers, MayEvenReadTheInput) {
  expect_raw_heads(
      "[net]\nwidth=12\nheight=10\nchannels=14\n[yolo]\nmask=0,1\nnum=2\nclasses=2\n"
      "anchors=3,4, 5,6\n",
      plain_options(), 1e-7);
}

TEST(Classifier, GivesProbabilities) {
  const Network net(
      "[net]\nwidth=16\nheight=12\nchannels=3\n"
      "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=2\npad=1\nactivation=swish\n"
      "[convolutional]\nfilters=10\nsize=1\nactivation=linear\n[avgpool]\n[softmax]\n");
  Session session = net.session(plain_options());
  EXPECT_TRUE(session.run(net.input.values()).empty());
  double sum = 0;
  const Tensor probabilities = session.node_output(3);
  for (const float v : probabilities.values()) {
    EXPECT_GE(v, 0.0F);
    sum += static_cast<double>(v);
  }
  EXPECT_NEAR(sum, 1, 10 * FLT_EPSILON);
  net.expect_each_layer(plain_options(true), FLT_EPSILON);
  net.expect_fused_output(plain_options(), 1e-5);
}

TEST(Sessions, GiveTheSameBytesForTheSameInput) {
  for (const std::uint64_t number : {3U, 40U, 77U}) {
    const Network net(CfgMaker(number).make());
    Session session = net.session(plain_options());
    const std::vector<float> first = all_outputs(session, net.graph, net.input);
    all_outputs(session, net.graph, counter_input(net.graph.net().input, 99));
    EXPECT_TRUE(same_bytes(all_outputs(session, net.graph, net.input), first)) << number;
    Session single = net.session(plain_options(false, 1));
    EXPECT_TRUE(same_bytes(all_outputs(single, net.graph, net.input), first)) << number;
  }
}

}  // namespace
}  // namespace syolo::test
