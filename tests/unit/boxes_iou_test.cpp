// Overlap measures against measured values and by hand.

#include <gtest/gtest.h>

#include <limits>

#include "syolo/boxes/iou.h"
#include "tests/support/boxes.h"

namespace syolo {
namespace {

/// The oracle's boxes are cx, cy, w, h.
Box corners(const nlohmann::json& values, std::size_t at) {
  const double x = values[at], y = values[at + 1], w = values[at + 2], h = values[at + 3];
  return {static_cast<float>(x - w / 2), static_cast<float>(y - h / 2),
          static_cast<float>(x + w / 2), static_cast<float>(y + h / 2)};
}

TEST(BoxesIou, AgreesWithTheMeasuredValues) {
  const nlohmann::json oracle = test::boxes_json("oracles/scaled-yolov4/iou.json");
  const std::size_t pairs = oracle["iou"].size();
  ASSERT_EQ(pairs, 48U);
  for (std::size_t i = 0; i < pairs; ++i) {
    SCOPED_TRACE(i);
    const Box a = corners(oracle["a"], 4 * i), b = corners(oracle["b"], 4 * i);
    // Corners of the smallest boxes (side 0.04) in float32 carry a relative error of 3e-6.
    EXPECT_NEAR(iou(a, b), oracle["iou"][i].get<double>(), 1e-5);
    EXPECT_NEAR(giou(a, b), oracle["giou"][i].get<double>(), 1e-5);
    EXPECT_NEAR(diou(a, b), oracle["diou"][i].get<double>(), 1e-5);
    EXPECT_NEAR(ciou(a, b), oracle["ciou"][i].get<double>(), 1e-5);
    EXPECT_EQ(ciou(a, b), ciou(b, a));
  }
}

TEST(BoxesIou, HandComputedPair) {
  // 4x4 boxes, one moved by (2, 2): common 4, union 28, hull 36, d^2 8, c^2 72.
  const Box a{0, 0, 4, 4}, b{2, 2, 6, 6};
  EXPECT_DOUBLE_EQ(iou(a, b), 1.0 / 7);
  EXPECT_DOUBLE_EQ(giou(a, b), 1.0 / 7 - 8.0 / 36);
  EXPECT_DOUBLE_EQ(diou(a, b), 1.0 / 7 - 1.0 / 9);
  EXPECT_DOUBLE_EQ(diou(a, b, 0.5), 1.0 / 7 - 1.0 / 3);
  EXPECT_DOUBLE_EQ(ciou(a, b), diou(a, b));  // same shape
}

TEST(BoxesIou, ShapeTermOfCiou) {
  // 4x2 in 2x4, same centre: common 4, union 12; turn = atan 2 - atan 1/2 = 0.6435011.
  const Box a{0, 1, 4, 3}, b{1, 0, 3, 4};
  const double v = 4 / 9.869604401089358 * 0.6435011087932844 * 0.6435011087932844;
  EXPECT_NEAR(ciou(a, b), 1.0 / 3 - v * v / (1 - 1.0 / 3 + v), 1e-14);
}

TEST(BoxesIou, BoxesWithoutAreaHaveNoOverlap) {
  const Box point{3, 3, 3, 3}, line{0, 0, 4, 0}, box{0, 0, 4, 4};
  for (const Box& other : {point, line, box}) {
    EXPECT_EQ(iou(point, other), 0);
    EXPECT_EQ(iou(other, line), 0);
  }
  // The same point twice: hull and diagonal are 0, every measure is the plain IoU.
  EXPECT_EQ(giou(point, point), 0);
  EXPECT_EQ(diou(point, point), 0);
  EXPECT_EQ(ciou(point, point), 0);
}

TEST(BoxesIou, EqualBoxesAreOne) {
  const Box box{-3, 2, 40, 9};
  EXPECT_EQ(iou(box, box), 1);
  EXPECT_EQ(giou(box, box), 1);
  EXPECT_EQ(diou(box, box, 0.6), 1);
  EXPECT_EQ(ciou(box, box), 1);
}

TEST(BoxesIou, BoxesTurnedInsideOutCountAsEmpty) {
  EXPECT_EQ(iou({4, 4, 0, 0}, {0, 0, 4, 4}), 0);
}

TEST(BoxesIou, NotANumberGivesNotANumber) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Box box{0, 0, 4, 4};
  for (const Box& bad :
       {Box{nan, 0, 4, 4}, Box{0, nan, 4, 4}, Box{0, 0, nan, 4}, Box{0, 0, 4, nan}}) {
    for (const auto measure : {iou, giou, ciou}) {
      EXPECT_TRUE(std::isnan(measure(bad, box)));
      EXPECT_TRUE(std::isnan(measure(box, bad)));
    }
    EXPECT_TRUE(std::isnan(diou(bad, box)));
    EXPECT_TRUE(std::isnan(diou(box, bad)));
  }
}

TEST(BoxesIou, StaysInRangeForHugeBoxes) {
  const Box a{-3e38F, -3e38F, 3e38F, 3e38F}, b{0, 0, 3e38F, 3e38F};
  EXPECT_NEAR(iou(a, b), 0.25, 1e-12);
}

}  // namespace
}  // namespace syolo
