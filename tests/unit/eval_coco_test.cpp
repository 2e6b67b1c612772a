// COCO's twelve numbers, equal to pycocotools 2.0.11 to the last bit.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "syolo/data/coco.h"
#include "syolo/data/rules.h"
#include "syolo/eval/coco_ap.h"
#include "syolo/eval/lrp.h"
#include "syolo/eval/predictions.h"
#include "syolo/eval/suspects.h"
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

TEST(Predictions, OfEachFormReadBackTheSame) {
  Dataset data = read_coco(kFolder + "coco_100.json");
  for (Item& item : data.items) item.size = {640, 480};
  std::vector<Prediction> rows = read_predictions(kFolder + "coco_100_results.json", data).rows;
  const test::TempDir dir;
  write_yolo_predictions(rows, data, dir / "yolo");
  write_voc_predictions(rows, data, dir / "voc");
  write_darknet_predictions(rows, data, dir / "darknet.json");
  const auto sorted = [](std::vector<Prediction> some) {
    std::sort(some.begin(), some.end(), [](const Prediction& a, const Prediction& b) {
      return std::tie(a.item, a.cls, a.score, a.box.x) < std::tie(b.item, b.cls, b.score, b.box.x);
    });
    return some;
  };
  rows = sorted(std::move(rows));
  for (const char* name : {"yolo", "voc", "darknet.json"}) {
    const Predictions found = read_predictions(dir / name, data);
    EXPECT_TRUE(found.findings.empty()) << name;
    const std::vector<Prediction> again = sorted(found.rows);
    ASSERT_EQ(again.size(), rows.size()) << name;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      EXPECT_EQ(again[i].item, rows[i].item);
      EXPECT_EQ(again[i].cls, rows[i].cls);
      EXPECT_EQ(again[i].score, rows[i].score);
      EXPECT_NEAR(again[i].box.x, rows[i].box.x, 1e-9) << name;
      EXPECT_NEAR(again[i].box.y, rows[i].box.y, 1e-9) << name;
      EXPECT_NEAR(again[i].box.w, rows[i].box.w, 1e-9) << name;
      EXPECT_NEAR(again[i].box.h, rows[i].box.h, 1e-9) << name;
    }
  }
}

Dataset two_pictures() {
  Dataset data;
  data.names = {"cat", "dog"};
  for (const char* name : {"cat.jpg", "000002.jpg"}) {
    Item item;
    item.image = Path("pictures") / name;
    item.id = std::ssize(data.items) + 1;
    item.size = {100, 100};
    data.items.push_back(std::move(item));
  }
  return data;
}

TEST(Predictions, OfVocCountPixelsFromOneWithBothEnds) {
  const test::TempDir dir;
  dir.write("comp4_det_test_dog.txt", "000002 0.5 1 2 10 20\n\ncat 0.25 1 1 1 1\n");
  const std::vector<Prediction> rows = read_predictions(dir.path(), two_pictures()).rows;
  EXPECT_EQ(rows,
            (std::vector<Prediction>{{1, 1, {0, 1, 10, 19}, 0.5}, {0, 1, {0, 0, 1, 1}, 0.25}}));
  dir.write("comp4_det_test_cat.txt", "000002 0.5 1 2 10\n");
  try {
    read_predictions(dir.path(), two_pictures());
    FAIL() << "five columns";
  } catch (const Error& error) {
    EXPECT_EQ(error.where().line, 1);
    EXPECT_NE(error.where().file.find("_cat.txt"), std::string::npos);
  }
}

TEST(Predictions, OfAPictureCalledLikeAClassAreItsOwn) {
  const test::TempDir dir;
  dir.write("cat.txt", "1 0.5 0.5 0.2 0.2 0.9\n");
  const std::vector<Prediction> rows = read_predictions(dir.path(), two_pictures()).rows;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].item, 0);
  EXPECT_EQ(rows[0].cls, 1);
}

double lrp_of(const Dataset& data, const std::vector<Prediction>& rows, ClassLrp& cat) {
  const Lrp lrp = optimal_lrp(data, rows, match(data, rows, 1));
  if (!lrp.classes.empty()) cat = lrp.classes.front();
  return lrp.error;
}

TEST(Lrp, IsThePapersAtTheBestScore) {
  Dataset data = two_pictures();
  data.class_ids = {1, 2};
  for (int i = 0; i < 4; ++i) {
    Truth truth{.box = {30.0 * i, 0, 20, 20}, .area = 400, .id = i + 1};
    data.items[0].truths.push_back(truth);
  }
  ClassLrp cat;
  EXPECT_EQ(lrp_of(data, {}, cat), 1) << "nothing found";
  std::vector<Prediction> rows;
  for (int i = 0; i < 4; ++i) rows.push_back({0, 0, data.items[0].truths[i].box, 0.9});
  EXPECT_EQ(lrp_of(data, rows, cat), 0) << "all found";
  // Two of four found, one with IoU 0.6 (12 of 20); a false box below, which is better left out.
  rows = {{0, 0, {0, 0, 20, 20}, 0.9}, {0, 0, {30, 0, 12, 20}, 0.8}, {1, 0, {0, 0, 9, 9}, 0.3}};
  EXPECT_NEAR(lrp_of(data, rows, cat), (0.4 / 0.5 + 2) / 4, 1e-12);
  EXPECT_EQ(cat.score, 0.8);
  EXPECT_NEAR(cat.location, 0.2, 1e-12);
  EXPECT_NEAR(cat.missed_share, 0.5, 1e-12);
  EXPECT_EQ(cat.false_share, 0);
  // Of the same score, the false box counts with the true ones.
  for (Prediction& row : rows) row.score = 0.5;
  EXPECT_NEAR(lrp_of(data, rows, cat), (0.4 / 0.5 + 1 + 2) / 5, 1e-12);
  EXPECT_NEAR(cat.false_share, 1.0 / 3, 1e-12);
  EXPECT_EQ(lrp_of(two_pictures(), {}, cat), -1) << "no truths";
}

TEST(Suspects, AreRankedAndEachHasItsKind) {
  Dataset data = two_pictures();
  const auto label = [](int cls, BoxXywh box, int line) {
    Truth truth{.box = box, .area = box.w * box.h, .cls = cls};
    truth.line = line;
    return truth;
  };
  data.items[0].label = "cat.txt";
  data.items[0].truths = {label(0, {0, 0, 20, 20}, 1),     // found
                          label(0, {40, 0, 20, 20}, 2),    // another class
                          label(1, {0, 40, 20, 20}, 3),    // elsewhere
                          label(1, {40, 40, 30, 30}, 4),   // unseen
                          label(0, {80, 80, 10, 10}, 5)};  // unseen, smaller
  data.items[1].label = "000002.txt";
  Truth crowd = label(1, {0, 0, 50, 50}, 1);
  crowd.crowd = true;
  data.items[1].truths = {crowd};
  const std::vector<Prediction> rows = {
      {0, 0, {0, 0, 20, 20}, 0.9},   {0, 1, {40, 0, 20, 20}, 0.8},   {0, 1, {10, 40, 20, 20}, 0.7},
      {1, 0, {60, 60, 20, 20}, 0.6}, {1, 0, {61, 60, 20, 20}, 0.55},  // the same thing again
      {1, 1, {10, 10, 20, 20}, 0.9},                                  // in the crowd
      {1, 0, {0, 80, 20, 20}, 0.4}};                                  // not believed
  LintReport report;
  report.findings.push_back(found("more", {}, "what lint said"));
  add_suspects(data, rows, {}, {}, report);
  std::vector<std::string> said;
  for (const Finding& f : report.findings) {
    said.push_back(format("{} {}:{}", f.rule, f.where.file, f.where.line));
  }
  EXPECT_EQ(said, (std::vector<std::string>{
                      "more :0", "suspect-class cat.txt:2", "suspect-place cat.txt:3",
                      "suspect-missing pictures/000002.jpg:0", "suspect-unseen cat.txt:4",
                      "suspect-unseen cat.txt:5"}));
  ASSERT_EQ(report.marks.size(), 5U);
  EXPECT_EQ(report.marks.at(3).box, rows[3].box);
  LintReport narrow;
  add_suspects(data, rows, {true, false}, {}, narrow);
  said.clear();
  for (const Finding& f : narrow.findings) said.emplace_back(f.rule);
  EXPECT_EQ(said.back(), "suspect-unseen");
  EXPECT_EQ(std::count(said.begin(), said.end(), "suspect-unseen"), 1) << "dogs are not judged";
}

}  // namespace
}  // namespace syolo
