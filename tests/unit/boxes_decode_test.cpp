// Decoding by hand, cell by cell. Laws for any head: property/boxes_decode_test.cpp.

#include <gtest/gtest.h>

#include "syolo/base/error.h"
#include "syolo/boxes/decode.h"
#include "tests/support/boxes.h"

namespace syolo {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr Size kInput{32, 64};

HeadSpec one_anchor(DecodeForm form, int classes = 1) {
  HeadSpec spec;
  spec.form = form;
  spec.classes = classes;
  spec.anchors = {{10, 20}};
  return spec;
}

/// Candidates of a 1x1 grid.
std::vector<Candidate> decode_cell(const HeadSpec& spec, const std::vector<float>& values,
                                   float threshold = 0.1F) {
  const test::HeadValues head({1, static_cast<int>(values.size()), 1, 1}, values);
  std::vector<Candidate> out;
  decode(head.view(), spec, kInput, 0, threshold, out);
  return out;
}

struct Vector {
  double s, p, offset, classic_size, new_value, new_size;
};

// Computed with 30 digits: offset = s*sigma(p) - (s-1)/2, e^p, sigma(p), 4*sigma(p)^2.
constexpr double kSigma8 = 0.99966464986953, kSigmaMinus8 = 0.000335350130466;
constexpr Vector kVectors[] = {
    {1, 0, 0.5, 1, 0.5, 1},
    {1.05, 0, 0.5, 1, 0.5, 1},
    {1.2, 0, 0.5, 1, 0.5, 1},
    {2, 0, 0.5, 1, 0.5, 1},
    {1, 8, 0.99966464987, 2980.95798704, kSigma8, 3.9973176488},
    {1.05, 8, 1.02464788236, 2980.95798704, kSigma8, 3.9973176488},
    {1.2, 8, 1.09959757984, 2980.95798704, kSigma8, 3.9973176488},
    {2, 8, 1.49932929974, 2980.95798704, kSigma8, 3.9973176488},
    {1, -8, 0.000335350130466, 0.000335462627903, kSigmaMinus8, 4.49838840016e-7},
    {1.05, -8, -0.024647882363, 0.000335462627903, kSigmaMinus8, 4.49838840016e-7},
    {1.2, -8, -0.0995975798434, 0.000335462627903, kSigmaMinus8, 4.49838840016e-7},
    {2, -8, -0.499329299739, 0.000335462627903, kSigmaMinus8, 4.49838840016e-7},
};

void expect_box(const Box& box, double cx, double cy, double w, double h) {
  const double near = 1e-5 * std::max({1.0, w, h});
  EXPECT_NEAR(box.x1, cx - w / 2, near);
  EXPECT_NEAR(box.y1, cy - h / 2, near);
  EXPECT_NEAR(box.x2, cx + w / 2, near);
  EXPECT_NEAR(box.y2, cy + h / 2, near);
}

TEST(BoxesDecode, ClassicVectors) {
  for (const Vector& v : kVectors) {
    SCOPED_TRACE(testing::Message() << "s " << v.s << " p " << v.p);
    HeadSpec spec = one_anchor(DecodeForm::classic);
    spec.scale_xy = v.s;
    const auto p = static_cast<float>(v.p);
    const auto found = decode_cell(spec, {p, p, p, p, 0, 0});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].score, 0.25F);
    EXPECT_EQ(found[0].objectness, 0.5F);
    expect_box(found[0].box, v.offset * 32, v.offset * 64, v.classic_size * 10,
               v.classic_size * 20);
  }
}

TEST(BoxesDecode, NewCoordsVectorsTakeNoSecondLogistic) {
  for (const Vector& v : kVectors) {
    SCOPED_TRACE(testing::Message() << "s " << v.s << " p " << v.p);
    HeadSpec spec = one_anchor(DecodeForm::new_coords);
    spec.scale_xy = v.s;
    const auto p = static_cast<float>(v.new_value);
    const auto found = decode_cell(spec, {p, p, p, p, 0.5F, 0.75F});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_EQ(found[0].score, 0.375F);
    EXPECT_EQ(found[0].objectness, 0.5F);
    expect_box(found[0].box, v.offset * 32, v.offset * 64, v.new_size * 10, v.new_size * 20);
  }
}

TEST(BoxesDecode, GaussianUsesMeansAndDeviations) {
  HeadSpec spec = one_anchor(DecodeForm::gaussian);
  const float ln3 = std::log(3.0F);  // sigma = 3/4
  // x, its deviation, y, its deviation, w, .., h, .., objectness, class. Deviations 1/2, 1/4, 1/2,
  // 1/4: mean 3/8.
  const std::vector<float> cell = {ln3, 0, -ln3, -ln3, ln3, 0, 0, -ln3, ln3, ln3};
  const struct {
    BoxPoint point;
    double cx, cy;
  } cases[] = {{BoxPoint::center, 24, 16},
               {BoxPoint::left_top, 24 + 15, 16 + 10},
               {BoxPoint::right_bottom, 24 - 15, 16 - 10}};
  for (const auto& c : cases) {
    spec.point = c.point;
    const auto found = decode_cell(spec, cell);
    ASSERT_EQ(found.size(), 1U);
    expect_box(found[0].box, c.cx, c.cy, 30, 20);
    EXPECT_NEAR(found[0].score, 0.75 * 0.75 * (1 - 0.375), 1e-6);
    EXPECT_NEAR(found[0].objectness, 0.75, 1e-6);
  }
}

TEST(BoxesDecode, RegionTakesAnchorsInCells) {
  HeadSpec spec = one_anchor(DecodeForm::region, 2);
  spec.anchors = {{0.5F, 1.5F}};
  spec.softmax = true;
  // 2x1 grid (one row, two cells); only the second cell has objectness. exp(0) = 1.
  const test::HeadValues head(
      {1, 7, 1, 2}, {0, 0, 0, 0, 0, 0, 0, std::log(2.0F), -20, 20, 0, std::log(3.0F), 0, 0});
  std::vector<Candidate> found;
  decode(head.view(), spec, kInput, 2, 0.1F, found);
  ASSERT_EQ(found.size(), 2U);
  // cell width 16, height 64: centre (1.5, 0.5) cells, size 0.5 x (1.5 * 2) cells.
  expect_box(found[0].box, 24, 32, 8, 192);
  EXPECT_EQ(found[0].cls, 0);
  EXPECT_NEAR(found[0].score, 0.75, 1e-6);
  EXPECT_EQ(found[1].cls, 1);
  EXPECT_NEAR(found[1].score, 0.25, 1e-6);
  EXPECT_EQ(found[1].cell, 1);
  EXPECT_EQ(found[1].head, 2);
}

TEST(BoxesDecode, RegionWithoutSoftmaxTakesClassesRaw) {
  const auto found = decode_cell(one_anchor(DecodeForm::region, 3), {0, 0, 0, 0, 0, 0.5F, -3, 4});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].score, 2);
  EXPECT_EQ(found[0].cls, 2);
  EXPECT_EQ(found[1].score, 0.25F);
}

TEST(BoxesDecode, RegionCanZeroLowObjectness) {
  HeadSpec spec = one_anchor(DecodeForm::region);
  const std::vector<float> low = {0, 0, 0, 0, -0.1F, 1}, half = {0, 0, 0, 0, 0, 1};
  EXPECT_EQ(decode_cell(spec, low).size(), 1U);
  spec.zero_low_objectness = true;
  EXPECT_EQ(decode_cell(spec, low).size(), 0U);
  EXPECT_EQ(decode_cell(spec, half).size(), 1U);
}

TEST(BoxesDecode, ThresholdsAreStrict) {
  const HeadSpec spec = one_anchor(DecodeForm::new_coords);
  EXPECT_EQ(decode_cell(spec, {.5F, .5F, .5F, .5F, 0.5F, 1}, 0.5F).size(), 0U);
  const float above = std::nextafter(0.5F, 1.0F);
  EXPECT_EQ(decode_cell(spec, {.5F, .5F, .5F, .5F, above, 1}, 0.5F).size(), 1U);
  // objectness passes, the product does not: 0.5 * 0.5 = 0.25.
  EXPECT_EQ(decode_cell(spec, {.5F, .5F, .5F, .5F, 0.5F, 0.5F}, 0.25F).size(), 0U);
  EXPECT_EQ(decode_cell(spec, {.5F, .5F, .5F, .5F, 0.5F, above}, 0.25F).size(), 1U);
  // sigma(0) is exactly 1/2.
  EXPECT_EQ(decode_cell(one_anchor(DecodeForm::classic), {0, 0, 0, 0, 0, 50}, 0.5F).size(), 0U);
}

TEST(BoxesDecode, ExtremeThresholds) {
  const HeadSpec spec = one_anchor(DecodeForm::classic);
  const std::vector<float> sure = {0, 0, 0, 0, 50, 50}, never = {0, 0, 0, 0, -200, 0};
  EXPECT_EQ(decode_cell(spec, sure, 1).size(), 0U);
  EXPECT_EQ(decode_cell(spec, sure, 2).size(), 0U);
  EXPECT_EQ(decode_cell(spec, sure, std::nextafter(1.0F, 0.0F)).size(), 1U);
  EXPECT_EQ(decode_cell(spec, sure, kNaN).size(), 0U);
  EXPECT_EQ(decode_cell(spec, never, 0).size(), 0U);
  EXPECT_EQ(decode_cell(spec, never, -1).size(), 1U);
}

TEST(BoxesDecode, NotANumberNeverPasses) {
  for (const DecodeForm form :
       {DecodeForm::classic, DecodeForm::new_coords, DecodeForm::gaussian, DecodeForm::region}) {
    for (const bool softmax : {false, true}) {
      HeadSpec spec = one_anchor(form);
      spec.softmax = softmax && form == DecodeForm::region;
      const std::vector<float> good(static_cast<std::size_t>(spec.entries()), 0.75F);
      ASSERT_EQ(decode_cell(spec, good, 0.05F).size(), 1U);
      for (std::size_t i = 0; i < good.size(); ++i) {
        std::vector<float> bad = good;
        bad[i] = kNaN;
        for (const float threshold : {0.05F, 0.0F, -1.0F}) {
          EXPECT_EQ(decode_cell(spec, bad, threshold).size(), 0U)
              << "form " << static_cast<int>(form) << " entry " << i;
        }
      }
    }
  }
}

TEST(BoxesDecode, InfinityGivesFiniteBoxesOrNone) {
  const HeadSpec spec = one_anchor(DecodeForm::classic);
  // The logistic of an infinity is 0 or 1: a box.
  EXPECT_EQ(decode_cell(spec, {kInf, -kInf, 0, 0, kInf, kInf}).size(), 1U);
  // A width of e^inf is none; e^-inf is 0.
  EXPECT_EQ(decode_cell(spec, {0, 0, kInf, 0, 1, 1}).size(), 0U);
  EXPECT_EQ(decode_cell(spec, {0, 0, 0, -kInf, 1, 1}).size(), 1U);
  EXPECT_EQ(decode_cell(spec, {0, 0, 0, 0, -kInf, kInf}, 0).size(), 0U);
  // Scores that are not finite are none either.
  EXPECT_EQ(decode_cell(one_anchor(DecodeForm::new_coords), {0, 0, 0, 0, kInf, 1}).size(), 0U);
  EXPECT_EQ(decode_cell(one_anchor(DecodeForm::region), {0, 0, 0, 0, 1, kInf}).size(), 0U);
}

TEST(BoxesDecode, KeepsTheBestOfAllHeadsAndOnlyWantedClasses) {
  HeadSpec spec = one_anchor(DecodeForm::new_coords, 3);
  const test::HeadValues first({1, 8, 1, 1}, {0, 0, .5F, .5F, 1, .75F, .5F, .625F});
  const test::HeadValues second({1, 8, 1, 1}, {0, 0, .5F, .5F, 1, .5F, .875F, .625F});
  const HeadView views[] = {first.view(), second.view()};
  const HeadSpec specs[] = {spec, spec};
  const auto places = [&](CandidateLimits options) {
    std::vector<std::pair<int, int>> result;
    for (const auto& c : decode(views, specs, kInput, options)) result.emplace_back(c.head, c.cls);
    return result;
  };
  using Places = std::vector<std::pair<int, int>>;
  // Equal scores: head 0 first.
  const Places all = {{1, 1}, {0, 0}, {0, 2}, {1, 2}, {0, 1}, {1, 0}};
  EXPECT_EQ(places({0.1F, 100, {}}), all);
  EXPECT_EQ(places({0.1F, 3, {}}), Places(all.begin(), all.begin() + 3));
  const int wanted[] = {2, 0, 2, 77, -1}, none[] = {3};
  EXPECT_EQ(places({0.1F, 3, wanted}), (Places{{0, 0}, {0, 2}, {1, 2}}));
  EXPECT_EQ(places({0.1F, 3, none}), Places());
  EXPECT_THROW(places({0.1F, 0, {}}), Error);
}

TEST(BoxesDecode, LayoutsGiveIdenticalCandidates) {
  HeadSpec spec;
  spec.classes = 80;
  spec.anchors = {{12, 16}, {19, 36}, {40, 28}};
  Rng rng = test::test_rng(1);
  const Shape shape{1, 255, 26, 22};
  const auto planes = test::random_planes(rng, spec, shape, 0.001);
  std::vector<Candidate> want;
  decode(test::HeadValues(shape, planes).view(), spec, {704, 832}, 1, 0.2F, want);
  EXPECT_EQ(want.size(), 30'000U);  // capped
  for (const int block : {16, 255, 8}) {
    const test::HeadValues head(shape, planes, block);
    std::vector<Candidate> got;
    decode(head.view(), spec, {704, 832}, 1, 0.2F, got);
    EXPECT_TRUE(got == want) << "block " << block;
  }
}

TEST(BoxesDecode, RefusesATensorOfOtherChannels) {
  EXPECT_THROW(decode_cell(one_anchor(DecodeForm::classic), {0, 0, 0, 0, 0}), Error);
}

TEST(BoxesDecode, DeadAnchorsOfTheFileStayAsTheyAre) {
  // yolov4-tiny's second head uses anchors 1, 2, 3: the first of the file plays no part.
  HeadSpec spec = one_anchor(DecodeForm::classic);
  spec.all_anchors = {{10, 14}, {23, 27}, {37, 58}, {81, 82}, {135, 169}, {344, 319}};
  spec.mask = {1, 2, 3};
  spec.anchors = {{23, 27}, {37, 58}, {81, 82}};
  std::vector<float> values(18, 0);
  const auto found = decode_cell(spec, values);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[0].box.width(), 23);
  EXPECT_EQ(found[1].box.width(), 37);
  EXPECT_EQ(found[2].box.width(), 81);
}

}  // namespace
}  // namespace syolo
