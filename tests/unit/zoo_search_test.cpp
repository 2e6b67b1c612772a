// The grid of members, what they may reach, and prices of layers.
#include <gtest/gtest.h>

#include <set>

#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/runtime/prices.h"
#include "syolo/zoo/search.h"

namespace syolo::test {
namespace {

TEST(SearchGrid, HoldsBuildableMembersOnce) {
  std::set<std::string> seen;
  for (const Member& member : search_grid(SearchBase::any)) {
    EXPECT_TRUE(seen.insert(to_text(member)).second) << to_text(member);
    EXPECT_NO_THROW(check(recipe_of(member, 80))) << to_text(member);
  }
  EXPECT_GT(seen.size(), 200U);
  for (const Member& member : search_grid(SearchBase::tiny)) EXPECT_EQ(member.base, "yolov4-tiny");
}

TEST(SearchGrid, LooksAtInputsThatShowTheObjects) {
  // 2.5 % of the side: a cell of 8 pixels from 320 on, one of 16 from 640 on.
  for (const Member& member : search_grid(SearchBase::any, ObjectSizes{0.025, 0.5})) {
    EXPECT_GE(member.side, member.base == "yolov4-tiny" ? 640 : 320) << to_text(member);
  }
  EXPECT_EQ(search_grid(SearchBase::tiny, ObjectSizes{0.001, 0.5}).size(),
            search_grid(SearchBase::tiny).size())
      << "no input shows them: all are looked at";
}

TEST(SearchGrid, LargeObjectsAskForLevels) {
  const auto most = [](double large) {
    int top = 0;
    for (const Member& m : search_grid(SearchBase::large, ObjectSizes{0.1, large}))
      top = std::max(top, m.top_level);
    return top;
  };
  EXPECT_EQ(most(0.2), 5) << "307 of 1536 pixels: within 16 cells of P5";
  EXPECT_EQ(most(0.6), 6) << "922 pixels: within 16 cells of P6";
  EXPECT_EQ(most(0.9), 7);
}

TEST(WorkTable, KnowsTheWorkWithoutBuilding) {
  WorkTable work(20);
  for (const Member& member :
       {Member{"yolov4-tiny", 1, 0.375, 352, 5}, Member{"yolov4-csp-leaky", 0.67, 0.25, 288, 5},
        Member{"yolov4-p5", 0.33, 0.25, 1408, 7}}) {
    const Graph graph = build(recipe_of(member, 20));
    const double built = cost(graph, lower(graph)).gflops();
    EXPECT_NEAR(work.gflops(member), built, 1e-9 * built) << to_text(member);
  }
}

TEST(Quality, IsAsGoodAsItSays) {
  const QualityFit fit = fit_quality(quality_points());
  EXPECT_LT(fit.rms, 0.8);
  EXPECT_LT(fit.leave_one_out, 1.2);
  EXPECT_GT(fit.leave_one_out, fit.rms);
  for (const QualityPoint& point : quality_points()) {
    EXPECT_NEAR(fit.ap(point.gflops, point.side), point.ap, 2) << point.name;
  }
}

TEST(Quality, FindsPlantedCoefficients) {
  std::vector<QualityPoint> points;
  const QualityFit planted{.a = 53, .b = -112, .c = 3, .least_gflops = 7};
  for (const double gflops : {7.0, 20.0, 60.0, 150.0, 700.0}) {
    for (const int side : {416, 640, 1280}) {
      points.push_back({"", gflops, planted.ap(gflops, side), side});
    }
  }
  const QualityFit found = fit_quality(points);
  EXPECT_NEAR(found.a, 53, 1e-6);
  EXPECT_NEAR(found.b, -112, 1e-5);
  EXPECT_NEAR(found.c, 3, 1e-6);
  EXPECT_NEAR(found.leave_one_out, 0, 1e-5);
}

TEST(Quality, NeverFallsWithWorkOrInput) {
  const QualityFit fit = fit_quality(quality_points());
  for (double gflops = 0.1; gflops < 2000; gflops *= 1.5) {
    EXPECT_LE(fit.ap(gflops, 640), fit.ap(gflops * 1.5, 640));
    EXPECT_LE(fit.ap(gflops, 640), fit.ap(gflops, 768));
  }
  EXPECT_GT(fit.ap(0.3, 320), 5);
  EXPECT_EQ(fit.ap(0.0001, 64), 0);
  EXPECT_FALSE(fit.within(1));
}

TEST(Prices, OfAShallowMemberPriceTheDeepOnes) {
  for (const char* base : {"yolov4-csp-leaky", "yolov4-p5"}) {
    const Member deep{.base = base, .depth = 1, .width = 0.25, .side = 640, .top_level = 5};
    const Graph shallow = build(recipe_of(shallowest(deep), 3));
    PriceList prices;
    for (NodeId id = 0; id < static_cast<NodeId>(shallow.nodes().size()); ++id) {
      prices.ms[layer_key(shallow, id)] = 1;
    }
    const Graph graph = build(recipe_of(deep, 3));
    const std::optional<double> price = prices.price(graph);
    ASSERT_TRUE(price) << base;
    EXPECT_EQ(*price, static_cast<double>(graph.nodes().size()));
    EXPECT_FALSE(prices.price(build(recipe_of(deep, 4)))) << "heads of other widths have no price";
  }
}

TEST(Prices, SumUpToWhatWasMeasured) {
  const Graph graph = build(
      recipe_of({.base = "yolov4-tiny", .depth = 1, .width = 0.25, .side = 64, .top_level = 5}, 2));
  PriceList prices;
  PlanOptions options;
  options.tune = Tune::heuristic;
  options.threads = 1;
  const RunTimes times = measure_prices(graph, options, prices);
  EXPECT_GT(times.least_ms, 0);
  EXPECT_LE(times.least_ms, times.quartile_ms);
  EXPECT_LE(times.quartile_ms, times.p95_ms);
  EXPECT_GT(times.memory_bytes, 0);
  ASSERT_TRUE(prices.price(graph));
  EXPECT_NEAR(*prices.price(graph), times.quartile_ms, 1e-6 * times.quartile_ms);
}

}  // namespace
}  // namespace syolo::test
