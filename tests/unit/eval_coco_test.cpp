// COCO's twelve numbers, equal to pycocotools 2.0.11 to the last bit.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "syolo/data/coco.h"
#include "syolo/eval/coco_ap.h"
#include "syolo/eval/predictions.h"
#include "tests/support/temp_dir.h"

namespace syolo {
namespace {

const std::string kFolder = std::string(SYOLO_TEST_DATA) + "/eval/";

TEST(CocoAp, EqualsPycocotoolsToTheLastBitWithAnyThreads) {
  constexpr std::array<double, 12> kExpected = {
      0x1.025866be6edeep-1, 0x1.64d99be5d69eap-1, 0x1.255dda61dd05cp-1, 0x1.2bd7226e46c32p-1,
      0x1.09eec1bd77e2cp-1, 0x1.00b739b1d6b65p-1, 0x1.8c18a6390390cp-2, 0x1.2ff6c4f8e336dp-1,
      0x1.30d21b2e121c0p-1, 0x1.47954d7013750p-1, 0x1.2201e16f84845p-1, 0x1.20eab28232609p-1};
  const Dataset data = read_coco(kFolder + "coco_100.json");
  const Predictions found = read_predictions(kFolder + "coco_100_results.json", data);
  for (const int threads : {1, 2, 8}) {
    const CocoReport report = coco_ap(match(data, found.rows, threads), threads);
    for (std::size_t i = 0; i < kExpected.size(); ++i) {
      EXPECT_EQ(report.numbers.values[i], kExpected[i]) << kCocoNames[i] << ", " << threads;
    }
  }
}

TEST(CocoAp, IsUndefinedForASizeWithoutTruths) {
  Dataset data;
  data.names = {"thing"};
  data.class_ids = {1};
  data.items.resize(1);
  data.items[0].id = 1;
  data.items[0].size = {100, 100};
  Truth small;
  small.box = {10, 10, 20, 20};
  small.area = 400;
  small.id = 1;
  data.items[0].truths = {small};
  const CocoReport report = coco_ap(match(data, {}, 1), 1);
  EXPECT_EQ(report.numbers[CocoNumber::ap], 0);
  EXPECT_EQ(report.numbers[CocoNumber::aps], 0);
  EXPECT_EQ(report.numbers[CocoNumber::apm], -1);
  EXPECT_EQ(report.numbers[CocoNumber::arl], -1);
}

TEST(ClassMap, GoesByNameOrByNumberWhereNamesAreNumbers) {
  Dataset data;
  data.names = {"dog", "cat"};
  const std::vector<std::string> detector = {"cat", "cow", "dog"};
  EXPECT_EQ(class_map(detector, data), (std::vector<int>{1, -1, 0}));
  data.names = {"0", "1"};
  EXPECT_EQ(class_map(detector, data), (std::vector<int>{0, 1, -1}));
  data.names = {"unicorn"};
  EXPECT_THROW(class_map(detector, data), Error);
  EXPECT_THROW(class_map({}, data), Error);
}

TEST(Predictions, ReadBackEqualWithNumbersThatAreNotFinite) {
  const Dataset data = read_coco(kFolder + "coco_100.json");
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<Prediction> rows = {{0, 1, {1, 2, 3, 4}, kNan},
                                        {1, 0, {1.5, -2, kInfinity, 4}, -kInfinity},
                                        {2, 2, {0.1, 1e-300, 1e300, 4}, 0.1}};
  const test::TempDir dir;
  write_coco_results(rows, data, dir / "results.json");
  const std::vector<Prediction> again = read_predictions(dir / "results.json", data).rows;
  ASSERT_EQ(again.size(), 3U);
  EXPECT_TRUE(std::isnan(again[0].score));
  EXPECT_EQ(again[1], rows[1]);
  EXPECT_EQ(again[2], rows[2]);
}

}  // namespace
}  // namespace syolo
