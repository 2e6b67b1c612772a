// Suppression by hand and against measured values. Laws: property/boxes_nms_test.cpp.

#include <gtest/gtest.h>

#include "syolo/base/error.h"
#include "syolo/boxes/nms.h"
#include "tests/support/boxes.h"

namespace syolo {
namespace {

Candidate at(float x, float y, float w, float h, float score, int cls = 0, int cell = 0) {
  Candidate c;
  c.box = {x, y, x + w, y + h};
  c.score = score;
  c.cls = cls;
  c.cell = cell;
  return c;
}

NmsOptions by(NmsMethod method, float overlap = 0.45F) {
  NmsOptions options;
  options.method = method;
  options.overlap = overlap;
  return options;
}

std::vector<int> cells(const std::vector<Candidate>& found) {
  std::vector<int> result;
  for (const Candidate& c : found) result.push_back(c.cell);
  return result;
}

/// What the reference makes candidates of: rows of cx, cy, w, h, objectness, four classes.
std::vector<Candidate> reference_candidates(const nlohmann::json& rows, float confidence) {
  std::vector<Candidate> all;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto v = rows[i].get<std::vector<float>>();
    if (!(v[4] > confidence)) continue;
    for (int cls = 0; cls < 4; ++cls) {
      Candidate c;
      c.box = {v[0] - v[2] / 2, v[1] - v[3] / 2, v[0] + v[2] / 2, v[1] + v[3] / 2};
      c.score = v[4] * v[static_cast<std::size_t>(5 + cls)];
      c.cls = cls;
      c.cell = static_cast<int>(i);
      all.push_back(c);
    }
  }
  return all;
}

TEST(BoxesNms, AgreesWithTheMeasuredValues) {
  const auto oracle = test::boxes_json("oracles/scaled-yolov4/nms.json");
  ASSERT_EQ(oracle["cases"].size(), 6U);
  for (const auto& expected : oracle["cases"]) {
    const auto& given = expected["options"];
    SCOPED_TRACE(given.dump());
    NmsOptions options = by(NmsMethod::iou, given["iou_thres"]);
    options.confidence = given["conf_thres"];
    options.agnostic = given.value("agnostic", false);
    options.merge = given.value("merge", false);
    if (given.contains("classes")) options.classes = given["classes"].get<std::vector<int>>();

    const auto got = suppress(reference_candidates(oracle["rows"], options.confidence), options);
    ASSERT_EQ(got.size(), expected["n"].get<std::size_t>());
    const auto& want = expected["out"];  // the first 120 of them
    ASSERT_EQ(want.size(), std::min<std::size_t>(120, got.size()));
    for (std::size_t i = 0; i < want.size(); ++i) {
      SCOPED_TRACE(i);
      // Boxes up to 700 pixels away in float32; the merge sums products of them.
      EXPECT_NEAR(got[i].box.x1, want[i][0].get<float>(), 1e-3);
      EXPECT_NEAR(got[i].box.y1, want[i][1].get<float>(), 1e-3);
      EXPECT_NEAR(got[i].box.x2, want[i][2].get<float>(), 1e-3);
      EXPECT_NEAR(got[i].box.y2, want[i][3].get<float>(), 1e-3);
      EXPECT_NEAR(got[i].score, want[i][4].get<float>(), 1e-6);
      EXPECT_EQ(got[i].cls, want[i][5].get<int>());
    }
  }
}

TEST(BoxesNms, EqualScoresKeepTheFirstByPlace) {
  std::vector<Candidate> five;
  for (int i = 0; i < 5; ++i) five.push_back(at(static_cast<float>(i), 0, 50, 50, 0.5F, 0, 4 - i));
  EXPECT_EQ(cells(suppress(five, by(NmsMethod::iou))), std::vector<int>{0});
  // Lifted apart, all five stay, in the order of their cells.
  for (int i = 0; i < 5; ++i)
    five[static_cast<std::size_t>(i)].box.y1 += 100 * static_cast<float>(i);
  for (int i = 0; i < 5; ++i)
    five[static_cast<std::size_t>(i)].box.y2 += 100 * static_cast<float>(i);
  EXPECT_EQ(cells(suppress(five, by(NmsMethod::iou))), (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST(BoxesNms, TwoClassesOnOneBoxSuppressEachOtherOnlyIfAgnostic) {
  const std::vector<Candidate> two = {at(0, 0, 10, 10, 0.6F, 1), at(0, 0, 10, 10, 0.5F, 7)};
  NmsOptions options = by(NmsMethod::greedy_diou);
  EXPECT_EQ(suppress(two, options).size(), 2U);
  options.agnostic = true;
  const auto one = suppress(two, options);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].cls, 1);
}

TEST(BoxesNms, IdenticalBoxesLeaveOne) {
  const std::vector<Candidate> same(20, at(5, 5, 10, 10, 0.5F));
  for (const auto method : {NmsMethod::model, NmsMethod::iou, NmsMethod::greedy_diou,
                            NmsMethod::diou, NmsMethod::weighted}) {
    EXPECT_EQ(suppress(same, by(method)).size(), 1U);
  }
}

TEST(BoxesNms, SuppressionIsStrict) {
  // IoU of 0..2 and 1..3 (height 1): exactly 1/3; the threshold as float, so try 1/4:
  // 0..5 and 3..8: common 2, union 8.
  const std::vector<Candidate> two = {at(0, 0, 5, 1, 0.6F), at(3, 0, 5, 1, 0.5F)};
  EXPECT_EQ(suppress(two, by(NmsMethod::iou, 0.25F)).size(), 2U);
  EXPECT_EQ(suppress(two, by(NmsMethod::iou, 0.2499F)).size(), 1U);
}

TEST(BoxesNms, DistanceMeasuresForgiveBoxesWithOtherCentres) {
  // Widths 10, one moved by 3: IoU 7/13 = 0.538; d^2/c^2 = 9/(169 + 100) = 0.0335;
  // ^0.6: 0.130, ^1: 0.0335, ^0.3: 0.361.
  const std::vector<Candidate> two = {at(0, 0, 10, 10, 0.6F), at(3, 0, 10, 10, 0.5F)};
  EXPECT_EQ(suppress(two, by(NmsMethod::iou, 0.45F)).size(), 1U);
  EXPECT_EQ(suppress(two, by(NmsMethod::greedy_diou, 0.45F)).size(), 2U);
  EXPECT_EQ(suppress(two, by(NmsMethod::greedy_diou, 0.40F)).size(), 1U);
  NmsOptions options = by(NmsMethod::diou, 0.45F);
  options.beta = 1;
  EXPECT_EQ(suppress(two, options).size(), 1U);
  options.beta = 0.6;
  EXPECT_EQ(suppress(two, options).size(), 2U);
  options.overlap = 0.3F;
  EXPECT_EQ(suppress(two, options).size(), 1U);
  options.beta = 0.3;
  EXPECT_EQ(suppress(two, options).size(), 2U);
  // greedy_diou has its exponent fixed.
  options.method = NmsMethod::greedy_diou;
  EXPECT_EQ(suppress(two, options).size(), 1U);
}

TEST(BoxesNms, SoftLowersScoresInsteadOfDropping) {
  NmsOptions options = by(NmsMethod::soft);
  // IoU 1/4: factor e^(-1/16 / 0.5) = 0.8824969.
  const std::vector<Candidate> two = {at(0, 0, 5, 1, 0.6F), at(3, 0, 5, 1, 0.5F)};
  const auto both = suppress(two, options);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[0].score, 0.6F);
  EXPECT_NEAR(both[1].score, 0.5 * 0.8824969, 1e-6);
  options.confidence = both[1].score;  // strict
  EXPECT_EQ(suppress(two, options).size(), 1U);
  options.confidence = std::nextafter(both[1].score, 0.0F);
  EXPECT_EQ(suppress(two, options).size(), 2U);
  options.confidence = 0.25F;
  options.soft_sigma = 0.05;  // e^-1.25 = 0.2865
  EXPECT_EQ(suppress(two, options).size(), 1U);
}

TEST(BoxesNms, WeightedAveragesNearBoxes) {
  // DIoU of 0..10 and 0.5..10.5: 9.5/10.5 - .25/(10.5^2 + 100) = 0.903573.
  const std::vector<Candidate> boxes = {at(0, 0, 10, 10, 0.8F), at(0.5F, 0, 10, 10, 0.4F),
                                        at(40, 0, 10, 10, 0.3F)};
  const auto found = suppress(boxes, by(NmsMethod::weighted));
  ASSERT_EQ(found.size(), 2U);
  const double weight = 0.4 * 0.9035730;
  EXPECT_NEAR(found[0].box.x1, 0.5 * weight / (0.8 + weight), 1e-6);
  EXPECT_NEAR(found[0].box.x2, 10 + 0.5 * weight / (0.8 + weight), 1e-5);
  EXPECT_EQ(found[0].score, 0.8F);
  EXPECT_EQ(found[1].box, boxes[2].box);
}

TEST(BoxesNms, MergeAveragesByScoreAndDropsLonelyBoxes) {
  NmsOptions options = by(NmsMethod::iou);
  options.merge = true;
  const std::vector<Candidate> boxes = {at(0, 0, 10, 10, 0.75F), at(1, 0, 10, 10, 0.25F + 1e-6F),
                                        at(40, 0, 10, 10, 0.5F), at(0, 0, 10, 10, 0.5F, 3)};
  const auto found = suppress(boxes, options);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NEAR(found[0].box.x1, 0.25, 1e-5);
  EXPECT_EQ(found[0].score, 0.75F);
  // One candidate alone is left in peace, and so are 3000.
  EXPECT_EQ(suppress({boxes[2]}, options).size(), 1U);
  std::vector<Candidate> many;
  for (int i = 0; i < 3000; ++i) many.push_back(at(static_cast<float>(20 * i), 0, 10, 10, 0.5F));
  EXPECT_EQ(suppress(many, options).size(), 300U);
  many.pop_back();
  EXPECT_EQ(suppress(many, options).size(), 0U);
}

TEST(BoxesNms, CapsKeepTheBest) {
  std::vector<Candidate> apart;
  for (int i = 0; i < 50; ++i) {
    apart.push_back(
        at(static_cast<float>(20 * i), 0, 10, 10, 0.5F + 0.001F * static_cast<float>(i), i % 3, i));
  }
  NmsOptions options = by(NmsMethod::iou);
  options.max_detections = 4;
  EXPECT_EQ(cells(suppress(apart, options)), (std::vector<int>{49, 48, 47, 46}));
  options.max_candidates = 3;
  EXPECT_EQ(cells(suppress(apart, options)), (std::vector<int>{49, 48, 47}));
  options.classes = {0};  // applied before the caps
  EXPECT_EQ(cells(suppress(apart, options)), (std::vector<int>{48, 45, 42}));
  options.classes = {9};
  EXPECT_TRUE(suppress(apart, options).empty());
}

TEST(BoxesNms, ConfidenceIsStrictAndOddValuesAreDropped) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<Candidate> boxes = {at(0, 0, 9, 9, 0.25F), at(0, 0, 9, 9, nan), at(0, 0, 9, 9, inf),
                                  at(nan, 0, 9, 9, 0.9F), at(0, 0, inf, 9, 0.9F)};
  EXPECT_TRUE(suppress(boxes, by(NmsMethod::iou)).empty());
  boxes.push_back(at(0, 0, 9, 9, std::nextafter(0.25F, 1.0F)));
  EXPECT_EQ(suppress(boxes, by(NmsMethod::iou)).size(), 1U);
  EXPECT_TRUE(suppress({}, by(NmsMethod::soft)).empty());
}

TEST(BoxesNms, OverlapBelowZeroSuppressesBoxesApart) {
  const std::vector<Candidate> two = {at(0, 0, 5, 5, 0.6F), at(30, 0, 5, 5, 0.5F)};
  EXPECT_EQ(suppress(two, by(NmsMethod::iou, 0)).size(), 2U);
  EXPECT_EQ(suppress(two, by(NmsMethod::iou, -0.1F)).size(), 1U);
  // DIoU: -(900 / (35^2 + 25))^0.6 = -0.822
  EXPECT_EQ(suppress(two, by(NmsMethod::greedy_diou, -0.8F)).size(), 2U);
  EXPECT_EQ(suppress(two, by(NmsMethod::greedy_diou, -0.85F)).size(), 1U);
}

TEST(BoxesNms, OptionsOutOfRangeAreNamed) {
  const auto complaint = [](auto change) -> std::string {
    NmsOptions options;
    change(options);
    try {
      check(options);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.where().item;
    }
    return "";
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(complaint([](NmsOptions&) {}), "");
  EXPECT_EQ(complaint([&](NmsOptions& o) { o.confidence = nan; }), "confidence");
  EXPECT_EQ(complaint([&](NmsOptions& o) { o.overlap = nan; }), "overlap");
  EXPECT_EQ(complaint([](NmsOptions& o) { o.beta = 0; }), "beta");
  EXPECT_EQ(complaint([](NmsOptions& o) { o.soft_sigma = 0; }), "soft_sigma");
  EXPECT_EQ(complaint([](NmsOptions& o) { o.max_candidates = 0; }), "max_candidates");
  EXPECT_EQ(complaint([](NmsOptions& o) { o.max_detections = -1; }), "max_detections");
  EXPECT_EQ(complaint([](NmsOptions& o) { o.merge = true, o.method = NmsMethod::soft; }), "merge");
}

}  // namespace
}  // namespace syolo
