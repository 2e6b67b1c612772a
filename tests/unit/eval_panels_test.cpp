// Small plots in a grid: axes, and that nothing lies outside.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "syolo/eval/plot.h"

namespace syolo {
namespace {

constexpr Color kBlue{38, 98, 166};

Panel panel(std::vector<PlotPoint> points) {
  return {"loss", {{"box", std::move(points), kBlue, 2}}};
}

std::vector<std::string> texts(const Sheet& sheet) {
  std::vector<std::string> all;
  for (const PlotShape& shape : sheet.shapes) {
    if (shape.kind == PlotShape::Kind::text) all.push_back(shape.text);
  }
  return all;
}
bool has(const Sheet& sheet, const std::string& text) {
  const std::vector<std::string> all = texts(sheet);
  return std::find(all.begin(), all.end(), text) != all.end();
}

std::vector<PlotPoint> curve(const Sheet& sheet) {
  for (const PlotShape& shape : sheet.shapes) {
    if (shape.kind == PlotShape::Kind::line && shape.color.b == kBlue.b) return shape.points;
  }
  return {};
}

TEST(Panels, TheAxisEndsAtARoundNumberAboveAllValues) {
  const Sheet sheet = sheet_of("t", {panel({{1, 0.12}, {2, 0.234}, {9, 0.07}})}, 3);
  EXPECT_TRUE(has(sheet, "0.25")) << "round above 0.234";
  EXPECT_TRUE(has(sheet, "1"));
  EXPECT_TRUE(has(sheet, "9"));
  EXPECT_TRUE(has(sheet, "loss"));
}

TEST(Panels, AllShapesLieOnTheSheet) {
  std::vector<Panel> panels;
  for (int i = 0; i < 7; ++i) panels.push_back(panel({{0, -3.0 * i}, {1e6, 17.0 * i}}));
  const Sheet sheet = sheet_of("t", panels, 3);
  for (const PlotShape& shape : sheet.shapes) {
    for (const PlotPoint& p : shape.points) {
      EXPECT_GE(p.x, 0);
      EXPECT_LE(p.x, sheet.size.width);
      EXPECT_GE(p.y, 0);
      EXPECT_LE(p.y, sheet.size.height);
    }
  }
}

TEST(Panels, GreaterValuesAreDrawnHigherAndWhatIsNoNumberIsLeftOut) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<PlotPoint> drawn =
      curve(sheet_of("t", {panel({{0, 1}, {1, nan}, {2, 3}, {3, HUGE_VAL}, {4, 2}})}, 1));
  ASSERT_EQ(drawn.size(), 3U);
  EXPECT_LT(drawn[1].y, drawn[2].y);
  EXPECT_LT(drawn[2].y, drawn[0].y);
  EXPECT_LT(drawn[0].x, drawn[1].x);
}

TEST(Panels, EmptySeriesAndSinglePointsDraw) {
  EXPECT_TRUE(curve(sheet_of("t", {panel({})}, 1)).empty());
  EXPECT_EQ(curve(sheet_of("t", {panel({{4, 2}})}, 1)).size(), 2U);
}

TEST(Panels, DotsAreNotJoined) {
  Panel dots = panel({{0, 1}, {1, 3}, {2, 2}});
  dots.series[0].dots = true;
  const Sheet sheet = sheet_of("t", {dots}, 1);
  EXPECT_TRUE(curve(sheet).empty());
  EXPECT_EQ(std::count_if(sheet.shapes.begin(), sheet.shapes.end(),
                          [](const PlotShape& s) { return s.kind == PlotShape::Kind::box; }),
            3);
}

}  // namespace
}  // namespace syolo
