#include "syolo/eval/top.h"

#include <gtest/gtest.h>

namespace syolo::test {
namespace {

Dataset pictures(std::initializer_list<int> classes) {
  Dataset data;
  for (int i = 0; i < 7; ++i) data.names.push_back("c" + std::to_string(i));
  for (const int cls : classes) data.items.emplace_back().cls = cls;
  return data;
}

Prediction answer(int item, int cls, double score) {
  return {item, cls, {0, 0, 1, 1}, score};
}

TEST(TopAccuracy, RanksByScoreWhateverTheOrder) {
  const Dataset data = pictures({2, 2, 0});
  const std::vector<Prediction> rows = {
      answer(0, 1, 0.2), answer(0, 2, 0.7), answer(2, 3, 0.5), answer(1, 2, 0.1),
      answer(1, 4, 0.6), answer(2, 0, 0.5),  // equal scores: the lower class first
  };
  const TopReport report = top_accuracy(data, rows);
  EXPECT_EQ(report.pictures, 3);
  EXPECT_DOUBLE_EQ(report.top1, 2.0 / 3);
  EXPECT_DOUBLE_EQ(report.top5, 1);
  EXPECT_DOUBLE_EQ(report.classes[2].top1(), 0.5);
  EXPECT_DOUBLE_EQ(report.classes[2].precision(), 1);
  EXPECT_DOUBLE_EQ(report.classes[4].precision(), 0);
  EXPECT_EQ(report.classes[1].top1(), -1);
  EXPECT_EQ(report.confusion.at(2, 4), 1);
}

TEST(TopAccuracy, TheSixthAnswerIsNotAmongFive) {
  const Dataset data = pictures({0});
  std::vector<Prediction> rows;
  for (int cls = 0; cls < 6; ++cls) rows.push_back(answer(0, cls, 0.1 + 0.1 * cls));
  EXPECT_EQ(top_accuracy(data, rows).top5, 0);
  rows.pop_back();
  EXPECT_EQ(top_accuracy(data, rows).top5, 1);
  EXPECT_EQ(top_accuracy(data, rows).top1, 0);
}

TEST(TopAccuracy, APictureWithoutAnAnswerIsWrongAndOneWithoutAClassDoesNotCount) {
  const Dataset data = pictures({3, -1});
  const TopReport report = top_accuracy(data, {});
  EXPECT_EQ(report.pictures, 1);
  EXPECT_EQ(report.top1, 0);
  EXPECT_EQ(report.confusion.at(3, 7), 1);
  EXPECT_EQ(top_accuracy(pictures({-1}), {}).top1, -1);
}

TEST(TopAccuracy, IsShownAsATableAndAMatrix) {
  Dataset data = pictures({0, 1});
  data.names[1] = "a<b";
  const std::string page = top_section(top_accuracy(data, {{answer(0, 0, 1)}}), data);
  EXPECT_NE(page.find("2 pictures, 7 classes; top-1 0.500"), std::string::npos);
  EXPECT_NE(page.find("a&lt;b"), std::string::npos);
  EXPECT_NE(page.find("<svg"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
}

}  // namespace
}  // namespace syolo::test
