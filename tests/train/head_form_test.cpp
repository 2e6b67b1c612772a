// ScaledYOLOv4's loss means one form of head: what it decodes is what the engine and the
// interpreter find.
#include "syolo/train/head_form_impl.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>

#include "syolo/boxes/decode.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "syolo/runtime/reference.h"
#include "syolo/train/net_impl.h"
#include "tests/support/engine.h"

namespace syolo::test {
namespace {

using train::start_weights;
using train::with_scaled_heads;

Graph graph_of(const std::string& activation, const std::string& form) {
  Findings findings;
  return read_cfg(
      "[net]\nwidth=64\nheight=32\nchannels=3\n"
      "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=8\npad=1\nactivation=mish\n"
      "[convolutional]\nfilters=14\nsize=1\nstride=1\nactivation=" +
          activation + "\n[yolo]\nmask=1,2\nanchors=5,6,10,12,30,21\nnum=3\nclasses=2\n" + form,
      "small.cfg", findings);
}

HeadSpec head_of(const Graph& graph) {
  const Program program = lower(graph);
  return *heads(program).at(0).spec;
}

Tensor picture(const Shape& shape) {
  Rng rng(7, Stream::init, 0, 0);
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (float& value : values) value = static_cast<float>(rng.uniform(0, 1));
  return Tensor(shape, std::move(values));
}

/// The box of a slot by the loss's formula, in double.
Box box_of(const torch::Tensor& logits, const HeadSpec& head, const Candidate& at, Size input) {
  const auto rows = logits.size(2), columns = logits.size(3);
  const auto row = at.cell / columns, column = at.cell % columns;
  const auto sigma = [&](int entry) {
    const double z = logits[0][at.anchor * head.entries() + entry][row][column].item<double>();
    return 1 / (1 + std::exp(-z));
  };
  const Anchor& anchor = head.anchors[static_cast<std::size_t>(at.anchor)];
  const double x = (static_cast<double>(column) + 2 * sigma(0) - 0.5) * input.width /
                   static_cast<double>(columns);
  const double y =
      (static_cast<double>(row) + 2 * sigma(1) - 0.5) * input.height / static_cast<double>(rows);
  const double w = 4 * sigma(2) * sigma(2) * anchor.w, h = 4 * sigma(3) * sigma(3) * anchor.h;
  return {static_cast<float>(x - w / 2), static_cast<float>(y - h / 2),
          static_cast<float>(x + w / 2), static_cast<float>(y + h / 2)};
}

void expect_near(const Box& a, const Box& b) {
  // A few roundings of single precision, of sides up to a picture's.
  const double bound = 64 * FLT_EPSILON * 64;
  EXPECT_NEAR(a.x1, b.x1, bound);
  EXPECT_NEAR(a.y1, b.y1, bound);
  EXPECT_NEAR(a.x2, b.x2, bound);
  EXPECT_NEAR(a.y2, b.y2, bound);
}

TEST(HeadForm, ClassicHeadsBecomeThoseOfTheLoss) {
  const Graph classic = graph_of("linear", "scale_x_y=1.05\nnms_kind=greedynms\nmax=90\n");
  const Graph scaled = with_scaled_heads(classic);
  EXPECT_EQ(scaled,
            graph_of("logistic", "scale_x_y=2\nnew_coords=1\nnms_kind=greedynms\nmax=90\n"));
  EXPECT_EQ(with_scaled_heads(scaled), scaled);
  Findings findings;
  EXPECT_EQ(read_cfg(write_cfg(scaled), "again.cfg", findings), scaled);
  EXPECT_EQ(head_of(scaled).anchors, head_of(classic).anchors);
}

TEST(HeadForm, AScaleThatTheLossDoesNotHaveIsReplaced) {
  EXPECT_EQ(with_scaled_heads(graph_of("logistic", "scale_x_y=1.2\nnew_coords=1\n")),
            graph_of("logistic", "scale_x_y=2\nnew_coords=1\n"));
  EXPECT_EQ(with_scaled_heads(graph_of("linear", "new_coords=1\nscale_x_y=2\n")),
            graph_of("logistic", "scale_x_y=2\nnew_coords=1\n"));
}

TEST(HeadForm, OtherActivationsBeforeAHeadAreRefused) {
  EXPECT_THROW(with_scaled_heads(graph_of("leaky", "")), Error);
}

TEST(HeadForm, TrainerEngineAndInterpreterFindTheSameBoxes) {
  const Graph graph = with_scaled_heads(graph_of("linear", ""));
  const Weights weights = random_weights(graph, 5);
  const HeadSpec head = head_of(graph);
  const std::vector<HeadSpec> specs = {head};
  const Size input{64, 32};
  const Tensor pixels = picture({1, 3, 32, 64});

  train::Net net(graph, weights, {.tensors = torch::TensorOptions(torch::kFloat64)});
  const torch::NoGradGuard no_grad;
  const torch::Tensor images =
      train::to_torch(pixels, torch::kFloat32).reshape({1, 3, input.height, input.width});
  const torch::Tensor logits = net.forward(images, train::Mode::eval)[0];

  const Program program = lower(graph);
  const Outputs::Node raw = interpret(program, weights, pixels).nodes[1];
  const std::vector<float> interpreted(raw.values.begin(), raw.values.end());
  const HeadView view{interpreted.data(), {1, raw.shape.c, raw.shape.h, raw.shape.w}, 1};
  CandidateLimits all;
  all.threshold = 0;
  const std::vector<Candidate> judged = decode({&view, 1}, specs, input, all);

  const auto plan = make_plan(model_of(graph, weights), {1, 3, 32, 64}, plain_options());
  Session session(plan);
  const std::span<const HeadView> views = session.run(pixels.values());
  const std::vector<Candidate> fast = decode(views, specs, input, all);

  ASSERT_EQ(judged.size(), 2U * 2 * 8 * 4);  // anchors, classes, cells
  ASSERT_EQ(fast.size(), judged.size());
  for (const Candidate& found : judged) expect_near(found.box, box_of(logits, head, found, input));
  for (const Candidate& found : fast) expect_near(found.box, box_of(logits, head, found, input));
}

TEST(HeadForm, StartWeightsAreScaledYolov4s) {
  const Graph graph = with_scaled_heads(graph_of("linear", ""));
  const Weights weights = start_weights(graph, random_weights(graph, 5), {0, 1});
  double greatest = 0;
  for (const float value : weights.at({0, Role::kernel}).values()) {
    greatest = std::max<double>(greatest, std::abs(value));
  }
  const double bound = 1 / std::sqrt(3.0 * 3 * 3);  // PyTorch's for a convolution of 27 inputs
  EXPECT_LE(greatest, bound * (1 + FLT_EPSILON));
  EXPECT_GT(greatest, 0.9 * bound);
  const auto bias = weights.at({1, Role::bias}).values();
  EXPECT_EQ(bias[0], 0);
  EXPECT_FLOAT_EQ(bias[4], static_cast<float>(std::log(8 / 6400.0)));  // published: -6.6846
  EXPECT_FLOAT_EQ(bias[5], static_cast<float>(std::log(0.6 / 1.01)));

  const Weights random = random_weights(graph, 5), head = start_weights(graph, random, {1});
  EXPECT_EQ(head.at({0, Role::kernel}).values()[0], random.at({0, Role::kernel}).values()[0]);
  EXPECT_NE(head.at({1, Role::kernel}).values()[0], random.at({1, Role::kernel}).values()[0]);
}

}  // namespace
}  // namespace syolo::test
