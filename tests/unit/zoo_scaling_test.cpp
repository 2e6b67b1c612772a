// Scaling is arithmetic: the published networks come out of each other.
#include <gtest/gtest.h>

#include "syolo/graph/cfg.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/zoo/models.h"
#include "syolo/zoo/picture.h"
#include "syolo/zoo/scaling.h"

namespace syolo::test {
namespace {

std::string cfg_of(Recipe r) {
  return write_cfg(build(r));
}

CostTable cost_of(const Recipe& r) {
  const Graph graph = build(r);
  return cost(graph, lower(graph));
}

TEST(Scaling, RoundsChannelsUpToEights) {
  EXPECT_EQ(scaled_width(64, 0.5), 32);
  EXPECT_EQ(scaled_width(32, 1.25), 40);
  EXPECT_EQ(scaled_width(64, 0.01), 8);
  EXPECT_EQ(scaled_width(100, 0.75), 80);
  EXPECT_EQ(scaled_width(100, 1), 100);
}

TEST(Scaling, RoundsDepthsToWholeLayers) {
  EXPECT_EQ(scaled_depth(1, 1.33), 1);
  EXPECT_EQ(scaled_depth(8, 0.33), 3);
  EXPECT_EQ(scaled_depth(4, 0.33), 1);
  EXPECT_EQ(scaled_depth(2, 0.1), 1);
  EXPECT_EQ(scaled_depth(3, 0.5), 2) << "ties to even";
  EXPECT_EQ(scaled_depth(8, 1.33), 11);
}

TEST(Scaling, OfNothingChangesNothing) {
  for (const ZooModel& row : zoo_models()) {
    EXPECT_EQ(cfg_of(scaled(row.recipe(), {})), cfg_of(row.recipe())) << row.name;
  }
}

TEST(Scaling, FromP5ToP6IsAStageAndALevel) {
  EXPECT_EQ(cfg_of(scaled(recipe("yolov4-p5"), {.input = Size{1280, 1280}, .top_level = 6})),
            cfg_of(recipe("yolov4-p6")));
}

TEST(Scaling, FromP5ToP7IsTwoOfEachAndWidth) {
  EXPECT_EQ(cfg_of(scaled(recipe("yolov4-p5"),
                          {.width = 1.25, .input = Size{1536, 1536}, .top_level = 7})),
            cfg_of(recipe("yolov4-p7")));
}

TEST(Scaling, GoesBackFromP7ToP5) {
  EXPECT_EQ(
      cfg_of(scaled(recipe("yolov4-p7"), {.width = 0.8, .input = Size{896, 896}, .top_level = 5})),
      cfg_of(recipe("yolov4-p5")));
}

TEST(Scaling, GivesTinyItsThirdLevel) {
  const CostTable grown = cost_of(
      scaled(recipe("yolov4-tiny"), {.input = Size{608, 608}, .lowest_level = 3, .top_level = 5}));
  const CostTable published = cost_of(recipe("yolov4-tiny-3l"));
  EXPECT_EQ(grown.parameters, published.parameters);
  EXPECT_EQ(grown.macs, published.macs);
}

TEST(Scaling, OfTheInputIsQuadraticInWork) {
  const CostTable a = cost_of(scaled(recipe("yolov4"), {.input = Size{320, 320}}));
  const CostTable b = cost_of(recipe("yolov4"));
  EXPECT_EQ(a.macs * 608 * 608, b.macs * 320 * 320);
  EXPECT_EQ(a.parameters, b.parameters);
}

TEST(Scaling, GrowsMonotonically) {
  std::int64_t before = 0;
  for (const double width : {0.25, 0.5, 0.75, 1.0, 1.25, 1.5}) {
    const std::int64_t macs = cost_of(scaled(recipe("yolov4-csp"), {.width = width})).macs;
    EXPECT_GT(macs, before);
    before = macs;
  }
  before = 0;
  for (const double depth : {0.33, 0.67, 1.0, 1.33, 2.0}) {
    const std::int64_t macs = cost_of(scaled(recipe("yolov4-csp"), {.depth = depth})).macs;
    EXPECT_GT(macs, before);
    before = macs;
  }
}

TEST(Scaling, SetsClassesActivationAndAnchors) {
  const Recipe r = scaled(recipe("yolov4-csp"),
                          {.act = Act::find("relu"), .anchors_per_level = 4, .classes = 3});
  EXPECT_EQ(r.heads.anchors, recipe("yolov4-p5").heads.anchors);
  const Graph graph = build(r);
  EXPECT_EQ(class_count(graph), 3);
  EXPECT_EQ(write_cfg(graph).find("mish"), std::string::npos);
  const Recipe two = scaled(recipe("yolov4-csp"), {.anchors_per_level = 2});
  ASSERT_EQ(two.heads.anchors.size(), 6U);
  EXPECT_EQ(two.levels[2].mask, (std::vector<int>{4, 5}));
  for (std::size_t i = 1; i < 6; ++i) EXPECT_GT(two.heads.anchors[i].w, two.heads.anchors[i - 1].w);
}

TEST(Scaling, ChoosesLevelsByInputAsPublished) {
  EXPECT_EQ(top_level_for({640, 640}), 5);
  EXPECT_EQ(top_level_for({896, 896}), 5);
  EXPECT_EQ(top_level_for({1280, 768}), 6);
  EXPECT_EQ(top_level_for({1536, 1536}), 7);
}

/// The error's text and hint.
std::string refusal(const auto& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.text() + "; " + std::string(error.hint());
  }
  return "accepted";
}

TEST(Scaling, RefusesTheImpossibleWithTheNearestValue) {
  const auto with = [](const char* name, const Scaling& scaling) {
    return refusal([&] { build(scaled(recipe(name), scaling)); });
  };
  EXPECT_NE(with("yolov4-csp", {.width = 0}).find("nearest: 0.01"), std::string::npos);
  EXPECT_NE(with("yolov4-csp", {.depth = 99}).find("nearest: 16"), std::string::npos);
  EXPECT_NE(with("yolov4-csp", {.top_level = 9}).find("nearest: P3..P7"), std::string::npos);
  EXPECT_NE(with("yolov4-csp", {.lowest_level = 2, .top_level = 5}).find("nearest: P3..P5"),
            std::string::npos);
  EXPECT_NE(with("yolov4-csp", {.input = Size{640, 640}, .top_level = 6}).find("accepted"),
            std::string::npos);
  EXPECT_NE(with("yolov4-csp", {.input = Size{640, 600}}).find("nearest: 576 and 608"),
            std::string::npos);
  EXPECT_NE(with("yolov4-p7", {.input = Size{64, 64}}).find("nearest: 128"), std::string::npos);
  EXPECT_NE(with("yolov3-tiny", {.top_level = 6}).find("does not halve"), std::string::npos);
  EXPECT_NE(with("darknet53", {.top_level = 6}).find("a classifier has none"), std::string::npos);
  EXPECT_NE(with("yolov4-csp", {.classes = 20'000}).find("nearest: 10000"), std::string::npos);
}

TEST(Recipe, RefusesContradictionsWithTheNearestValue) {
  const auto with = [](const auto& change) {
    Recipe r = recipe("yolov4-csp");
    change(r);
    return refusal([&] { build(r); });
  };
  const auto says = [](const std::string& text, const char* part) {
    return text.find(part) != std::string::npos ? testing::AssertionSuccess()
                                                : testing::AssertionFailure() << text;
  };
  EXPECT_TRUE(says(with([](Recipe& r) { r.stages.clear(); }), "nearest: 1"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.stages[2].width = 0; }), "nearest: 1"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.stages[2].width = 101; }), "nearest: 100 and 102"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.stages[2].depth = 0; }), "nearest: 1"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.stages[2].stride = 3; }), "nearest: 2"));
  EXPECT_TRUE(says(with([](Recipe& r) {
                     r.stages[2].block = Block::dense;
                     r.stages[2].growth = 0;
                   }),
                   "nearest: 1"));
  EXPECT_TRUE(says(with([](Recipe& r) {
                     r.stages[2].block = Block::resnext;
                     r.stages[2].width = 100;
                   }),
                   "nearest: 64 and 128"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.levels.pop_back(); }), "nearest: P5"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.levels.clear(); }), "nearest: 1"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.levels[0].mask = {99}; }), "nearest: 8"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.levels[0].mask.clear(); }), "nearest: 1"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.heads.classes = 0; }), "nearest: 1"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.input = {100, 64}; }), "nearest: 96 and 128"));
  EXPECT_TRUE(says(with([](Recipe& r) { r.stages[1].down = Down::inside; }), "nearest"));
}

TEST(Rules, EfficientNetDoublesTheWorkPerStep) {
  const double base = cost_of(recipe("yolov4-csp-swish")).gflops();
  const double one = cost_of(efficientnet_rule(recipe("yolov4-csp-swish"), 1)).gflops();
  const double two = cost_of(efficientnet_rule(recipe("yolov4-csp-swish"), 2)).gflops();
  EXPECT_NEAR(one / base, 1.92, 0.25);
  EXPECT_NEAR(two / base, 1.92 * 1.92, 0.5);
}

TEST(Rules, EfficientDetSetsInputNeckWidthAndRepeats) {
  const Recipe r = efficientdet_rule(recipe("yolov4-csp"), 2);
  EXPECT_EQ(r.input, (Size{768, 768}));
  EXPECT_EQ(r.levels[1].width, 120);  // 64 x 1.35^2 = 116.6
  EXPECT_EQ(r.neck.depth, 5);
  EXPECT_GT(cost_of(r).macs, 0);
}

TEST(Rules, RegNetQuantisesWidthsIntoStages) {
  const RegnetRule rule{.depth = 13, .initial_width = 24, .slope = 36.44, .quantisation = 2.49};
  const std::vector<RegnetStage> stages = regnet_stages(rule);  // RegNetX-200MF: 24 56 152 368
  ASSERT_EQ(stages.size(), 4U);
  const int widths[] = {24, 56, 152, 368}, depths[] = {1, 1, 4, 7};
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(stages[i].width, widths[i]);
    EXPECT_EQ(stages[i].depth, depths[i]);
  }
  EXPECT_GT(cost_of(regnet_rule(recipe("yolov4-csp"), rule)).macs, 0);
}

TEST(NetworkPicture, ShowsEveryPartOnceAndAllWork) {
  for (const ZooModel& row : zoo_models()) {
    const Blueprint built = blueprint(row.recipe());
    CostTable table = cost(built.graph, lower(built.graph));
    table.model = row.name;
    std::int64_t macs = 0, parameters = 0;
    for (const PartCost& part : part_costs(built, table)) {
      macs += part.macs, parameters += part.parameters;
    }
    EXPECT_EQ(macs, table.macs) << row.name;
    EXPECT_EQ(parameters, table.parameters) << row.name;
    const std::string svg = network_svg(built, table);
    std::size_t boxes = 0;
    for (std::size_t at = svg.find("rx=\"5\""); at != std::string::npos;
         at = svg.find("rx=\"5\"", at + 1)) {
      ++boxes;
    }
    EXPECT_EQ(boxes, built.parts.size()) << row.name;
    EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
  }
}

}  // namespace
}  // namespace syolo::test
