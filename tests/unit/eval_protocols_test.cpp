// Averages of other protocols against values computed by hand from their published rules.
#include "syolo/eval/protocols.h"

#include <gtest/gtest.h>

#include <limits>

namespace syolo {
namespace {

Truth truth(double x, double w, double h, bool difficult = false) {
  Truth row;
  row.box = {x, 0, w, h};
  row.area = w * h;
  row.difficult = difficult;
  return row;
}

/// Two truths that count and a difficult one; the second class has none.
Dataset dataset() {
  Dataset data;
  data.names = {"cat", "dog"};
  data.items.resize(1);
  data.items[0].size = {100, 100};
  data.items[0].truths = {truth(0, 10, 10), truth(20, 10, 10), truth(40, 10, 10, true)};
  return data;
}

/// Found, found again, the difficult one, found; in no order.
std::vector<Prediction> predictions() {
  return {{0, 0, {20, 0, 10, 10}, 0.6},
          {0, 0, {40, 0, 10, 10}, 0.7},
          {0, 0, {0, 0, 10, 10}, 0.9},
          {0, 0, {0, 0, 10, 10}, 0.8}};
}

TEST(Protocols, VocAveragesAreThoseOfTheDevkits) {
  // Precision at recall 1/2, 1/2, 1 is 1, 1/2, 2/3.
  const ProtocolReport area = evaluate(Protocol::voc, dataset(), predictions());
  EXPECT_DOUBLE_EQ(area.classes[0].ap50, 0.5 * 1 + 0.5 * 2 / 3);
  EXPECT_DOUBLE_EQ(area.map50, area.classes[0].ap50) << "classes without truths do not count";
  EXPECT_EQ(area.classes[1].ap50, -1);
  EXPECT_EQ(area.classes[0].truths, 2);
  EXPECT_EQ(area.classes[0].predictions, 3) << "what finds a difficult truth does not count";
  const ProtocolReport points = evaluate(Protocol::voc07, dataset(), predictions());
  EXPECT_DOUBLE_EQ(points.map50, (6 * 1 + 5 * 2.0 / 3) / 11);
}

TEST(Protocols, DarknetDividesByAllClasses) {
  const ProtocolReport report = evaluate(Protocol::darknet, dataset(), predictions());
  EXPECT_DOUBLE_EQ(report.map50, (0.5 + 1.0 / 3) / 2);
  EXPECT_DOUBLE_EQ(report.precision, 2.0 / 3);
  EXPECT_DOUBLE_EQ(report.recall, 1);
  EXPECT_DOUBLE_EQ(report.f1, 0.8);
  EXPECT_DOUBLE_EQ(report.mean_iou, 2.0 / 3);
  EXPECT_EQ(report.map, -1);
}

TEST(Protocols, OnlyTheDevkitTakesAnOverlapOfExactlyOneHalf) {
  Dataset data = dataset();
  data.items[0].truths = {truth(0, 10, 10)};
  const std::vector<Prediction> half = {{0, 0, {0, 0, 10, 20}, 0.9}};
  EXPECT_EQ(evaluate(Protocol::voc, data, half).map50, 1);
  EXPECT_EQ(evaluate(Protocol::darknet, data, half).map50, 0);
  EXPECT_EQ(evaluate(Protocol::scaled_yolov4, data, half).map50, 0);
}

TEST(Protocols, NoneGivesASecondChoice) {
  Dataset data = dataset();
  data.items[0].truths = {truth(0, 10, 10), truth(3, 10, 10)};
  // Both lie best on the first; the second truth overlaps the later one enough.
  const std::vector<Prediction> two = {{0, 0, {0, 0, 10, 10}, 0.9}, {0, 0, {1, 0, 10, 10}, 0.8}};
  for (const Protocol protocol :
       {Protocol::voc07, Protocol::voc, Protocol::darknet, Protocol::scaled_yolov4}) {
    EXPECT_DOUBLE_EQ(evaluate(protocol, data, two).classes[0].recall, 0.5)
        << kProtocolNames[static_cast<std::size_t>(protocol)];
  }
}

TEST(Protocols, TheTrainersInterpolationLosesItsLastHalfPoint) {
  const std::vector<double> one = {1}, half = {0.5};
  EXPECT_NEAR(interpolated_ap(one, one), 0.995, 1e-12);
  EXPECT_NEAR(interpolated_ap(half, one), 0.505, 1e-12);
  EXPECT_EQ(interpolated_ap({}, {}), 0);
  // Two hits around a miss: 1 up to recall 1/2, then falling to 2/3 between 1/2 and 1.
  const std::vector<double> recall = {0.5, 0.5, 1}, precision = {1, 0.5, 2.0 / 3};
  double area = 0, last = 1;
  for (int k = 1; k <= 100; ++k) {
    const double now = k < 50 ? 1 : k < 100 ? 2.0 / 3 : 0;
    area += (last + now) / 200;
    last = now;
  }
  EXPECT_NEAR(interpolated_ap(recall, precision), area, 1e-12);
}

TEST(Protocols, TheTrainerAveragesTenThresholdsAndReportsAtOneScore) {
  Dataset data = dataset();
  data.items[0].truths = {truth(0, 10, 10)};
  const std::vector<Prediction> rows = {{0, 0, {0, 0, 10, 14}, 0.9}};  // IoU 0.714
  const ProtocolReport report = evaluate(Protocol::scaled_yolov4, data, rows);
  EXPECT_NEAR(report.map50, 0.995, 1e-12);
  EXPECT_NEAR(report.map, 0.995 * 5 / 10, 1e-12);  // 0.50 ... 0.70
  EXPECT_EQ(report.precision, 1);
  EXPECT_EQ(report.recall, 1);
}

TEST(Protocols, NothingFoundAndNothingToFindAreDefined) {
  Dataset nothing = dataset();
  nothing.items[0].truths.clear();
  std::vector<Prediction> odd = predictions();
  odd[0].score = std::numeric_limits<double>::quiet_NaN();
  for (const Protocol protocol :
       {Protocol::voc07, Protocol::voc, Protocol::darknet, Protocol::scaled_yolov4}) {
    const ProtocolReport none = evaluate(protocol, dataset(), {});
    EXPECT_EQ(none.map50, 0);
    EXPECT_EQ(none.f1, 0);
    EXPECT_EQ(evaluate(protocol, nothing, predictions()).map50,
              protocol == Protocol::darknet ? 0 : -1);
    const double map50 = evaluate(protocol, dataset(), odd).map50;
    EXPECT_TRUE(map50 > 0 && map50 < 1) << map50;
  }
}

TEST(Protocols, EqualScoresKeepTheOrderGiven) {
  Dataset data = dataset();
  data.items[0].truths = {truth(0, 10, 10)};
  std::vector<Prediction> rows = {{0, 0, {0, 0, 10, 10}, 0.5}, {0, 0, {60, 0, 10, 10}, 0.5}};
  EXPECT_EQ(evaluate(Protocol::voc, data, rows).map50, 1);
  std::swap(rows[0], rows[1]);
  EXPECT_EQ(evaluate(Protocol::voc, data, rows).map50, 0.5);
}

}  // namespace
}  // namespace syolo
