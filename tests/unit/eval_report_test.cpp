// Curves, thresholds, confusion, intervals and comparisons on cases small enough to count by hand.
#include "syolo/data/page.h"
#include "syolo/eval/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "syolo/image/codec.h"

namespace syolo {
namespace {

Truth truth(double x, int cls, std::int64_t id) {
  Truth row;
  row.box = {x, 0, 10, 10};
  row.area = 100;
  row.cls = cls;
  row.id = id;
  return row;
}

/// `items` pictures with a cat at 0 and a dog at 20.
Dataset dataset(int items = 1) {
  Dataset data;
  data.names = {"cat", "dog"};
  data.class_ids = {1, 2};
  for (int i = 0; i < items; ++i) {
    Item item;
    item.id = i + 1;
    item.size = {100, 100};
    item.truths = {truth(0, 0, 2 * i + 1), truth(20, 1, 2 * i + 2)};
    data.items.push_back(std::move(item));
  }
  return data;
}

Prediction cat(double x, double score, int item = 0) {
  return {item, 0, {x, 0, 10, 10}, score};
}

TEST(ScoreCurve, CountsByFallingScoreAndKnowsItsBestPoints) {
  // right, wrong, then wrong and right with one score, by picture
  Dataset data = dataset(2);
  const std::vector<Prediction> rows = {cat(0, 0.9), cat(50, 0.8), cat(0, 0.3, 1), cat(70, 0.3)};
  const ScoreCurve curve = score_curve(match(data, rows, 1).classes[0]);
  EXPECT_EQ(curve.truths, 2);
  EXPECT_EQ(curve.precision, (std::vector<double>{1, 0.5, 1.0 / 3, 0.5}));
  EXPECT_EQ(curve.recall, (std::vector<double>{0.5, 0.5, 0.5, 1}));
  // At 0.9: 2 * 1 * 0.5 / 1.5; at 0.3 both boxes count: 2 * 0.5 * 1 / 1.5. The higher score wins.
  EXPECT_EQ(curve.best_f1(), 0U);
  EXPECT_EQ(curve.point_of_precision(0.9), 0U);
  EXPECT_EQ(curve.point_of_precision(0.6), 0U) << "half of equal scores cannot be kept";
  EXPECT_EQ(curve.point_of_precision(0.5), 3U);
  EXPECT_EQ(score_curve(match(data, {}, 1)).best_f1(), 0U) << "no point: size()";
}

TEST(ScoreCurve, LeavesOutScoresThatAreNone) {
  const std::vector<Prediction> rows = {cat(0, std::numeric_limits<double>::quiet_NaN()),
                                        cat(50, 0.5)};
  EXPECT_EQ(score_curve(match(dataset(), rows, 1)).size(), 1U);
}

TEST(Calibration, IsTheMeanDistanceOfScoresFromTruth) {
  Dataset data = dataset(4);
  // 0.85 is right in 3 of 4 cases, 0.15 never.
  const std::vector<Prediction> rows = {cat(0, 0.85, 0), cat(0, 0.85, 1), cat(0, 0.85, 2),
                                        cat(50, 0.85, 3), cat(70, 0.15, 0)};
  const Calibration result = calibration(match(data, rows, 1));
  EXPECT_EQ(result.bins[8].count, 4);
  EXPECT_DOUBLE_EQ(result.bins[8].right, 0.75);
  EXPECT_EQ(result.bins[1].count, 1);
  EXPECT_NEAR(result.error, (4 * 0.10 + 1 * 0.15) / 5, 1e-12);
}

TEST(Confusion, PairsByOverlapWhateverTheClass) {
  Dataset data = dataset();
  data.items[0].truths.push_back(truth(40, 0, 3));
  data.items[0].truths.back().crowd = true;
  const std::vector<Prediction> rows = {
      {0, 1, {0, 0, 10, 10}, 0.9},  // a cat called a dog
      cat(60, 0.8),                 // nothing there
      cat(40, 0.8),                 // in the crowd: counts nowhere
      cat(20, 0.1)                  // below the score
  };
  const Confusion result = confusion(data, rows, 0.25);
  EXPECT_EQ(result.at(0, 1), 1);
  EXPECT_EQ(result.at(1, 2), 1) << "the dog is missed";
  EXPECT_EQ(result.at(2, 0), 1) << "a cat of nothing";
  std::int64_t all = 0;
  for (const std::int64_t count : result.counts) all += count;
  EXPECT_EQ(all, 3);
}

/// Cats found in the first `found` pictures; dogs everywhere.
std::vector<Prediction> results(int items, int found) {
  std::vector<Prediction> rows;
  for (int i = 0; i < items; ++i) {
    if (i < found) rows.push_back(cat(0, 0.9, i));
    rows.push_back({i, 1, {20, 0, 10, 10}, 0.8});
  }
  return rows;
}

TEST(Averages, AreThoseOfCocoAndOfRepeatedPicturesWithWeights) {
  const Dataset data = dataset(7);
  const Matches matches = match(data, results(7, 3), 1);
  EXPECT_NEAR(averages(matches).ap, coco_ap(matches, 1).numbers[CocoNumber::ap], 1e-12);
  EXPECT_NEAR(averages(matches).ap50, coco_ap(matches, 1).numbers[CocoNumber::ap50], 1e-12);
  // Weights 2, 0, 1, ... equal a dataset that holds the pictures so often.
  const std::vector<int> weights = {2, 0, 1, 3, 0, 1, 0};
  Dataset repeated = dataset(7);
  std::vector<Prediction> rows = results(7, 3);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    for (int k = 1; k < weights[i]; ++k) {
      const int copy = static_cast<int>(repeated.items.size());
      repeated.items.push_back(data.items[i]);
      repeated.items.back().id = copy + 1;
      for (const Prediction& row : results(7, 3)) {
        if (row.item != static_cast<int>(i)) continue;
        rows.push_back(row);
        rows.back().item = copy;
      }
    }
    if (weights[i] > 0) continue;
    repeated.items[i].truths.clear();
    std::erase_if(rows, [&](const Prediction& row) { return row.item == static_cast<int>(i); });
  }
  EXPECT_NEAR(averages(matches, weights).ap, averages(match(repeated, rows, 1)).ap, 1e-12);
}

TEST(Bootstrap, HoldsTheValueAndDependsOnTheSeedAlone) {
  const Dataset data = dataset(30);
  const Matches matches = match(data, results(30, 15), 1);
  const Bootstrap one = bootstrap(matches, 200, 5, 1), two = bootstrap(matches, 200, 5, 3);
  EXPECT_EQ(one.ap.low, two.ap.low);
  EXPECT_EQ(one.ap.high, two.ap.high);
  EXPECT_LT(one.ap.low, one.ap.value);
  EXPECT_GT(one.ap.high, one.ap.value);
  EXPECT_GT(one.ap.low, 0.55);  // 15 of 30 cats and all dogs: 0.75, give or take 0.1
  EXPECT_LT(one.ap.high, 0.95);
  const Bootstrap sure = bootstrap(match(data, results(30, 30), 1), 50, 1, 1);
  EXPECT_EQ(sure.ap.low, 1);
  EXPECT_EQ(sure.ap.high, 1);
}

TEST(Compare, IsSureOfGreatDifferencesAndOfNoneBetweenEquals) {
  const Dataset data = dataset(30);
  const Matches few = match(data, results(30, 10), 1), many = match(data, results(30, 25), 1);
  const Comparison better = compare(few, many, 200, 1, 2);
  EXPECT_GT(better.ap.low, 0);
  EXPECT_LT(better.p_ap, 0.02);
  const Comparison worse = compare(many, few, 200, 1, 1);
  EXPECT_EQ(worse.ap.value, -better.ap.value);
  EXPECT_LT(worse.p_ap, 0.02);
  const Comparison equal = compare(few, few, 200, 1, 1);
  EXPECT_EQ(equal.ap.value, 0);
  EXPECT_EQ(equal.p_ap, 1);
  EXPECT_GT(compare(few, match(data, results(30, 11), 1), 200, 1, 1).p_ap, 0.05);
  EXPECT_THROW(compare(few, match(dataset(3), {}, 1), 10, 1, 1), Error);
}

TEST(Plots, ShowTheSameAsSvgAndAsPicture) {
  LinePlot plot = {"A <title>", "x", "y", {{"one", {{0, 0}, {1, 1}}, {200, 0, 0}, 3}}};
  const Sheet sheet = sheet_of(plot);
  const std::string svg = svg_of(sheet);
  EXPECT_NE(svg.find("A &lt;title&gt;"), std::string::npos);
  EXPECT_NE(svg.find("<polyline"), std::string::npos);
  const Image image = image_of(sheet);
  EXPECT_EQ(image.size(), sheet.size);
  std::size_t red = 0, dark = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    red += image.pixels[i] == std::byte{200} && image.pixels[i + 1] == std::byte{0};
    dark += image.pixels[i] == std::byte{29};
  }
  EXPECT_GT(red, 800U) << "the diagonal of 400 x 400, three wide";
  EXPECT_GT(dark, 200U) << "text";
}

TEST(Plots, StayInsideTheSheetForAnyNames) {
  for (const std::size_t length : {0U, 1U, 60U}) {
    TablePlot plot;
    plot.title = std::string(length, 'W'), plot.row_title = "truth", plot.column_title = "found";
    plot.rows = plot.columns = {std::string(length, 'x'), "b"};
    plot.counts = {1'000'000'000, 0, 3, 4};
    const Sheet sheet = sheet_of(plot);
    for (const PlotShape& shape : sheet.shapes) {
      const double width = 8.0 * static_cast<double>(text_width(shape.text));
      const double left = shape.align == TextAlign::start ? 0
                          : shape.align == TextAlign::end ? width
                                                          : width / 2;
      EXPECT_GE(shape.points[0].x - left, 0) << shape.text;
      EXPECT_LE(shape.points[0].x - left + width, sheet.size.width) << shape.text;
      EXPECT_LE(shape.points.back().y, sheet.size.height);
    }
  }
}

TEST(EvalReport, PageIsSelfContainedAndNamesEveryClassWithTruths) {
  const Dataset data = dataset(5);
  EvalReportOptions options;
  options.bootstrap_rounds = 20;
  const EvalReport report = eval_report(data, results(5, 3), options);
  const std::string page = data::html_page("a & b", eval_section(report, data));
  for (const std::string_view text :
       {"a &amp; b", "<td>cat</td>", "<td>dog</td>", "95 %", "Calibration", "</html>"}) {
    EXPECT_NE(page.find(text), std::string::npos) << text;
  }
  for (const std::string_view outside : {"http://", "https://", "<script", "src="}) {
    const std::size_t at = page.find(outside);
    EXPECT_TRUE(at == std::string::npos ||
                page.substr(at).starts_with("http://www.w3.org/2000/svg"))
        << outside;
  }
  EXPECT_EQ(eval_section(eval_report(data, {}, {}), data).find("nan"), std::string::npos);
}

}  // namespace
}  // namespace syolo
