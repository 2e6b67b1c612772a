// Losses, assignment and overlap measures are those that were measured on the reference programs.
#include <gtest/gtest.h>

#include <cmath>

#include "syolo/graph/lower.h"
#include "syolo/train/losses/losses_impl.h"
#include "tests/support/compare.h"
#include "tests/support/oracle.h"

namespace syolo::test {
namespace {

using nlohmann::json;
using train::LossInput;
using train::LossTerms;
using train::Overlap;
using train::Target;

torch::Tensor rows(const json& values, std::int64_t columns) {
  return torch::tensor(values.get<std::vector<double>>())
      .to(torch::kFloat32)
      .reshape({-1, columns});
}

std::vector<double> list(const torch::Tensor& tensor) {
  const torch::Tensor plain = tensor.detach().to(torch::kFloat64).contiguous();
  return {plain.data_ptr<double>(), plain.data_ptr<double>() + plain.numel()};
}

// -- overlap ----------------------------------------------------------------------------------

class OverlapOfRows : public testing::TestWithParam<std::pair<Overlap, std::string>> {};

TEST_P(OverlapOfRows, HasTheValuesAndGradientsOfTheReference) {
  const auto& [kind, name] = GetParam();
  const json oracle = read_json(test_data() / "oracles" / "scaled-yolov4" / "iou.json");
  const torch::Tensor a = rows(oracle.at("a"), 4).set_requires_grad(true);
  const torch::Tensor measure = train::overlap(kind, a, rows(oracle.at("b"), 4));
  const auto want = oracle.at(name).get<std::vector<double>>();
  EXPECT_TRUE(all_within(list(measure), want, [](std::size_t) { return 2e-6; }));
  (1 - measure).sum().backward();
  const auto gradient = oracle.at("grad_of_sum(1-" + name + ")_wrt_a").get<std::vector<double>>();
  EXPECT_TRUE(all_within(list(a.grad()), gradient, [&](std::size_t i) {
    return 2e-5 * std::max(1.0, std::abs(gradient[i]));
  }));
}

INSTANTIATE_TEST_SUITE_P(ScaledYolo, OverlapOfRows,
                         testing::Values(std::pair{Overlap::iou, "iou"},
                                         std::pair{Overlap::giou, "giou"},
                                         std::pair{Overlap::diou, "diou"},
                                         std::pair{Overlap::ciou, "ciou"}),
                         [](const auto& it) { return it.param.second; });

// -- the loss of ScaledYOLOv4 -----------------------------------------------------------------

/// A file of loss-*.json with its logits.
struct ScaledCase {
  json oracle;
  std::vector<HeadSpec> heads;
  std::vector<torch::Tensor> logits;  // N,C,H,W
  std::vector<Target> targets;
  Size input;

  explicit ScaledCase(const std::string& name) :
      oracle(read_json(test_data() / "oracles" / "scaled-yolov4" / (name + ".json"))),
      input{oracle.at("image_size"), oracle.at("image_size")} {
    const int classes = oracle.at("classes"), batch = oracle.at("batch");
    std::uint64_t counter = 0;
    for (std::size_t level = 0; level < oracle.at("strides").size(); ++level) {
      HeadSpec& head = heads.emplace_back();
      head.form = DecodeForm::new_coords;
      head.classes = classes;
      const auto& anchors = oracle.at("anchors_px").at(level);
      for (std::size_t i = 0; i < anchors.size(); i += 2) {
        head.anchors.push_back({anchors[i], anchors[i + 1]});
      }
      const int grid = input.width / oracle.at("strides")[level].get<int>();
      const int na = static_cast<int>(head.anchors.size());
      const Tensor values =
          counter_tensor({batch * na, grid, grid, 5 + classes}, -4, 6, 21, counter);
      logits.push_back(train::to_torch(values, torch::kFloat32)
                           .reshape({batch, na, grid, grid, 5 + classes})
                           .permute({0, 1, 4, 2, 3})
                           .reshape({batch, -1, grid, grid})
                           .set_requires_grad(true));
    }
    for (const json& row : oracle.at("target_rows")) {
      targets.push_back({row[0].get<int>(), row[1].get<int>(), row[2], row[3], row[4], row[5]});
    }
  }

  train::ScaledYoloLoss options() const {
    const json& hyp = oracle.at("hyp");
    return {.box = hyp.at("giou"),
            .objectness = hyp.at("obj"),
            .classes = hyp.at("cls"),
            .objectness_weight = hyp.at("obj_pw"),
            .classes_weight = hyp.at("cls_pw"),
            .anchor_threshold = hyp.at("anchor_t"),
            .overlap_ratio = oracle.at("iou_ratio_gr"),
            .focal_gamma = hyp.at("fl_gamma"),
            .label_smoothing = 0};
  }

  /// The gradient of a level in the oracle's order, [image][anchor][row][column][entry].
  torch::Tensor gradient(std::size_t level) const {
    const torch::Tensor& at = logits[level];
    return at.grad()
        .reshape({at.size(0), std::ssize(heads[level].anchors), -1, at.size(2), at.size(3)})
        .permute({0, 1, 3, 4, 2})
        .reshape({-1});
  }
};

class ScaledYoloLoss : public testing::TestWithParam<std::string> {};

TEST_P(ScaledYoloLoss, AssignsLikeTheReference) {
  const ScaledCase test(GetParam());
  for (std::size_t level = 0; level < test.heads.size(); ++level) {
    SCOPED_TRACE(level);
    const double stride = test.oracle.at("strides")[level];
    std::vector<Anchor> anchors;
    for (const Anchor& a : test.heads[level].anchors) {
      anchors.push_back({static_cast<float>(a.w / stride), static_cast<float>(a.h / stride)});
    }
    const int grid = static_cast<int>(test.input.width / stride);
    const auto got = train::assign(test.targets, anchors, {grid, grid}, 4);
    std::vector<double> found, want;
    for (const train::Match& m : got) {
      found.insert(found.end(), {double(m.image), double(m.anchor), double(m.row), double(m.column),
                                 double(m.cls), m.x, m.y, m.w, m.h});
    }
    for (const json& row : test.oracle.at("assigned")[level]) {
      for (const json& value : row) want.push_back(value);
    }
    EXPECT_TRUE(all_within(found, want, [](std::size_t) { return 2e-6; }));
  }
}

TEST_P(ScaledYoloLoss, HasTheValuesAndGradientsOfTheReference) {
  const ScaledCase test(GetParam());
  const LossTerms terms =
      train::scaled_yolo_loss({test.logits, test.heads, test.targets, test.input}, test.options());
  const auto items = test.oracle.at("loss_items_box_obj_cls_total").get<std::vector<double>>();
  EXPECT_NEAR(terms.box, items[0], 2e-6);
  EXPECT_NEAR(terms.objectness, items[1], 2e-6);
  EXPECT_NEAR(terms.classes, items[2], 2e-6);
  EXPECT_NEAR(terms.total.item<double>(), test.oracle.at("loss_total_times_batch"), 1e-5);

  terms.total.backward();
  for (std::size_t level = 0; level < test.heads.size(); ++level) {
    SCOPED_TRACE(level);
    const std::vector<double> gradient = list(test.gradient(level));
    double sum = 0, magnitude = 0;
    for (const double g : gradient) sum += g, magnitude += std::abs(g);
    EXPECT_NEAR(sum, test.oracle.at("grad_sum")[level], 2e-5);
    EXPECT_NEAR(magnitude, test.oracle.at("grad_abs_sum")[level], 2e-5);
    for (const json& sample : test.oracle.at("grad_samples")[level]) {
      EXPECT_NEAR(gradient.at(sample[0].get<std::size_t>()), sample[1].get<double>(), 1e-7);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Reference, ScaledYoloLoss,
                         testing::Values("loss-csp-default", "loss-p5-default",
                                         "loss-p5-gr0.5-focal1.5", "loss-p5-notargets",
                                         "loss-p5-oneclass", "loss-p6-default", "loss-p7-default"),
                         [](const auto& it) { return test_name(it.param); });

TEST(ScaledYoloLossOptions, SmoothsLabelsAndWeighsPositives) {
  // One anchor in one cell, one truth of its shape in its centre, all logits 0: cross-entropies of
  // p = 1/2 are ln 2 times (positive weight * target + 1 - target).
  HeadSpec head;
  head.classes = 2;
  head.anchors = {{8, 8}};
  const std::vector<torch::Tensor> logits = {torch::zeros({1, 7, 1, 1})};
  const std::vector<Target> targets = {{0, 1, 0.5F, 0.5F, 1, 1}};
  train::ScaledYoloLoss options{.box = 0, .objectness = 0, .classes = 1};
  options.classes_weight = 3;
  options.label_smoothing = 0.2;
  const LossTerms terms =
      train::scaled_yolo_loss({logits, std::vector<HeadSpec>{head}, targets, {8, 8}}, options);
  const double own = 3 * 0.9 + 0.1, other = 3 * 0.1 + 0.9;
  EXPECT_NEAR(terms.classes, 3 * std::log(2) * (own + other) / 2, 1e-6) << "3 = 3 / one level";
}

// -- the loss of Darknet ----------------------------------------------------------------------

class DarknetLoss : public testing::TestWithParam<std::string> {};

TEST_P(DarknetLoss, HasTheCostAndGradientOfDarknet) {
  const auto folder = darknet_oracles() / "yolo-loss";
  static const json oracle = read_json(folder / "cases.json");
  const json& test = oracle.at("cases").at(GetParam());
  Findings findings;
  const Graph graph = load_cfg((folder / (GetParam() + ".cfg")).string(), findings);
  const Program program = lower(graph);
  const HeadNode node = heads(program).at(0);

  const std::int64_t batch = oracle.at("batch"), h = oracle.at("grid_h"), w = oracle.at("grid_w");
  torch::Tensor input = rows(oracle.at("inputs").at(test.at("input").get<std::string>()), 1)
                            .reshape({batch, -1, h, w});
  const bool new_coords = node.spec->form == DecodeForm::new_coords;
  if (new_coords) input = torch::logit(input.to(torch::kFloat64));
  input.set_requires_grad(true);

  std::vector<Target> targets;
  for (int image = 0; image < batch; ++image) {
    for (const json& row : oracle.at("truth")[static_cast<std::size_t>(image)]) {
      targets.push_back({image, row[0].get<int>(), row[1], row[2], row[3], row[4]});
    }
  }
  const LossTerms terms = train::darknet_loss(
      {std::vector{input},
       std::vector{*node.spec},
       targets,
       {oracle.at("net_w"), oracle.at("net_h")}},
      std::vector{train::darknet_loss_of(graph.node(node.node), node.spec->classes)});
  const double cost = test.at("cost");
  EXPECT_NEAR(terms.box + terms.objectness + terms.classes, cost, 1e-5 * cost);
  EXPECT_NEAR(terms.total.item<double>(), cost, 1e-5 * cost);

  terms.total.backward();
  torch::Tensor gradient = -input.grad();
  if (new_coords) {  // Darknet's ends at the logistic's output
    const torch::Tensor v = torch::sigmoid(input.detach());
    gradient = gradient / (v * (1 - v));
  }
  const auto want = test.at("minus_gradient").get<std::vector<double>>();
  EXPECT_TRUE(all_within(list(gradient), want,
                         [&](std::size_t i) { return 2e-5 * std::max(1.0, std::abs(want[i])); }));
}

INSTANTIATE_TEST_SUITE_P(Oracles, DarknetLoss, testing::ValuesIn(oracle_names("yolo-loss")),
                         [](const auto& it) { return test_name(it.param); });

/// Vectors that Darknet's own function gave; x, y, w, h.
TEST(DarknetBoxGradient, IsDarknetsBeforeItsFactors) {
  struct Case {
    train::CentreBox p, t;
    Overlap kind;
    std::array<double, 4> want;
  };
  const train::CentreBox p1{.5, .5, .25, .5}, t1{.5625, .4375, .375, .375};
  const train::CentreBox p2{.25, .25, .125, .25}, t2{.75, .625, .25, .125};
  const Case cases[] = {
      {p1, t1, Overlap::iou, {3.3719, 0, .198347, -1.58678}},
      {p1, t1, Overlap::giou, {1.3719, -1.83333, 3.53168, -.753444}},
      {p1, t1, Overlap::diou, {3.6919, -.3712, .198347, -1.56118}},
      {p1, t1, Overlap::ciou, {3.6919, -.3712, .209366, -1.56669}},
      {p2, t2, Overlap::iou, {-768, -1280, -2688, -2240}},
      {p2, t2, Overlap::giou, {.499541, .826038, 1.76309, 1.43659}},
      {p2, t2, Overlap::diou, {2.12999, 1.65631, .43133, .352907}},
      {p2, t2, Overlap::ciou, {2.12999, 1.65631, .429748, .353698}},
  };
  for (const Case& test : cases) {
    const auto got = train::darknet_box_gradient(test.kind, test.p, test.t);
    EXPECT_TRUE(all_within(got, test.want, [&](std::size_t i) {
      return 1e-5 * std::max(0.2, std::abs(test.want[i]));
    })) << static_cast<int>(test.kind);
  }
}

TEST(DarknetLossOptions, AreReadFromTheSectionAndRefusedWithItsPlace) {
  const auto head = [](const std::string& keys) {
    Findings findings;
    const Graph graph = read_cfg(
        "[net]\nwidth=32\nheight=32\nchannels=3\n[convolutional]\nfilters=7\nsize=1\nstride=1\n"
        "activation=linear\n[yolo]\nmask=0\nanchors=8,8\nnum=1\nclasses=2\n" +
            keys,
        "one.cfg", findings);
    return train::darknet_loss_of(graph.node(1), 2);
  };
  EXPECT_FALSE(head("").iou_loss);
  EXPECT_EQ(head("").iou_normalizer, 0.75);
  EXPECT_EQ(head("iou_loss=giou\n").iou_loss, Overlap::giou);
  const std::vector<double> multipliers = {1, 4};
  EXPECT_EQ(head("counters_per_class=40,10\n").class_multipliers, multipliers);
  const std::vector<double> limited = {1, 2};
  EXPECT_EQ(head("counters_per_class=40,10\nmax_delta=2\n").class_multipliers, limited);
  for (const char* wrong :
       {"iou_loss=foo\n", "ignore_thresh=much\n", "counters_per_class=1,2,3\n"}) {
    try {
      head(wrong);
      ADD_FAILURE() << "accepted " << wrong;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      EXPECT_EQ(error.where().file, "one.cfg");
    }
  }
}

}  // namespace
}  // namespace syolo::test
