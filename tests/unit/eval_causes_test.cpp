// Every cause of a miss and of a false box, one scene each.
#include "syolo/eval/causes.h"

#include <gtest/gtest.h>

#include "syolo/base/rng.h"

namespace syolo {
namespace {

Dataset scene(std::vector<Truth> truths) {
  Dataset data;
  data.names = {"cat", "dog"};
  data.items.resize(1);
  data.items[0].size = {640, 640};
  data.items[0].truths = std::move(truths);
  return data;
}

Truth truth(double x, double side = 100, int cls = 0) {
  Truth row;
  row.box = {x, 0, side, side};
  row.area = side * side;
  row.cls = cls;
  return row;
}

Prediction box(double x, double score, int cls = 0, double side = 100) {
  return {0, cls, {x, 0, side, side}, score};
}

std::vector<MissCause> missed(const Causes& found) {
  std::vector<MissCause> result;
  for (const Miss& one : found.misses) result.push_back(one.cause);
  return result;
}
std::vector<FalseCause> wrong(const Causes& found) {
  std::vector<FalseCause> result;
  for (const FalseBox& one : found.false_boxes) result.push_back(one.cause);
  return result;
}

TEST(Causes, OfMisses) {
  const CauseOptions o;
  const Dataset data = scene({truth(0)});
  using M = std::vector<MissCause>;
  EXPECT_EQ(missed(causes(data, std::vector{box(0, 0.9)}, {}, o)), M{});
  EXPECT_EQ(missed(causes(data, {}, {}, o)), M{MissCause::nothing});
  EXPECT_EQ(missed(causes(data, std::vector{box(0, 0.9, 1)}, {}, o)), M{MissCause::other_class});
  EXPECT_EQ(missed(causes(data, std::vector{box(0, 0.1)}, {}, o)), M{MissCause::low_score});
  EXPECT_EQ(missed(causes(data, {}, std::vector{box(0, 0.9)}, o)), M{MissCause::suppressed});
  EXPECT_EQ(missed(causes(data, std::vector{box(60, 0.9)}, {}, o)), M{MissCause::place});
  EXPECT_EQ(missed(causes(scene({truth(0), truth(20)}), std::vector{box(0, 0.9)}, {}, o)),
            M{MissCause::shared});
  EXPECT_EQ(missed(causes(scene({truth(0, 5)}), {}, {}, o)), M{MissCause::small});
  CauseOptions with_anchors;
  with_anchors.anchors = {{10, 10}};
  EXPECT_EQ(missed(causes(data, {}, {}, with_anchors)), M{MissCause::unmatched});
  with_anchors.anchors = {{90, 110}};
  EXPECT_EQ(missed(causes(data, {}, {}, with_anchors)), M{MissCause::nothing});
}

TEST(Causes, OfFalseBoxes) {
  const CauseOptions o;
  const Dataset data = scene({truth(0)});
  using F = std::vector<FalseCause>;
  EXPECT_EQ(wrong(causes(data, std::vector{box(0, 0.9), box(5, 0.8)}, {}, o)),
            F{FalseCause::duplicate});
  EXPECT_EQ(wrong(causes(data, std::vector{box(0, 0.9, 1)}, {}, o)), F{FalseCause::other_class});
  EXPECT_EQ(wrong(causes(data, std::vector{box(60, 0.9)}, {}, o)), F{FalseCause::place});
  EXPECT_EQ(wrong(causes(data, std::vector{box(500, 0.9)}, {}, o)), F{FalseCause::background});
  EXPECT_EQ(wrong(causes(data, std::vector{box(500, 0.2)}, {}, o)), F{}) << "not kept";
}

TEST(Causes, NeitherCountCrowdsNorBoxesOnThem) {
  Dataset data = scene({truth(0), truth(300)});
  data.items[0].truths[0].crowd = true;
  data.items[0].truths[1].difficult = true;
  const Causes found = causes(data, std::vector{box(0, 0.9), box(300, 0.9)}, {}, {});
  EXPECT_EQ(found.truths, 0);
  EXPECT_TRUE(found.misses.empty());
  EXPECT_TRUE(found.false_boxes.empty());
}

TEST(Causes, EveryTruthAndEveryKeptBoxIsAccountedFor) {
  Rng rng(3, Stream::test);
  for (int round = 0; round < 50; ++round) {
    std::vector<Truth> truths;
    for (int i = rng.below(6); i > 0; --i)
      truths.push_back(truth(rng.below(500), 60, rng.below(2)));
    std::vector<Prediction> rows;
    for (int i = rng.below(10); i > 0; --i) {
      rows.push_back(box(rng.below(500), rng.uniform(0.3, 1), rng.below(2), 60));
    }
    const Causes found = causes(scene(truths), rows, {}, {});
    EXPECT_EQ(found.found + std::ssize(found.misses), std::ssize(truths));
    EXPECT_EQ(found.found + std::ssize(found.false_boxes), std::ssize(rows));
  }
}

TEST(Causes, PageTellsCountsWithoutPictures) {
  const Dataset data = scene({truth(0)});
  const std::string page = causes_html(causes(data, {}, {}, {}), data, "t");
  EXPECT_NE(page.find("0 of 1 truths found; 1 missed, 0 false boxes"), std::string::npos);
  EXPECT_NE(page.find("1 nothing"), std::string::npos);
}

}  // namespace
}  // namespace syolo
