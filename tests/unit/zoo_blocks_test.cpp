// Blocks cost what pencil and paper say. Widths are b channels in and out, work per cell.
#include <gtest/gtest.h>

#include <cmath>

#include "syolo/zoo/theory.h"

namespace syolo::test {
namespace {

constexpr int kB = 128, kSide = 8;

/// Multiply-adds per cell of a stage behind a map of b channels.
double work(const Stage& stage, int b = kB) {
  return static_cast<double>(stage_work(stage, b, kSide).macs) / (kSide * kSide);
}
double in_squares(const Stage& stage) {
  return work(stage) / (kB * kB);
}

TEST(Blocks, ResidualLayersCostTheirConvolutions) {
  for (const int k : {1, 3, 8}) {
    EXPECT_DOUBLE_EQ(in_squares({.width = kB, .depth = k, .block = Block::plain}), 9 * k);
    EXPECT_DOUBLE_EQ(in_squares({.width = kB, .depth = k, .block = Block::darknet}), 5 * k);
    EXPECT_DOUBLE_EQ(in_squares({.width = kB, .depth = k, .block = Block::resnet}), k * 17.0 / 16);
    EXPECT_DOUBLE_EQ(in_squares({.width = kB, .depth = k, .block = Block::resnext}),
                     k * 137.0 / 128);
  }
}

TEST(Blocks, CspHalvesThePathAndAddsFourTransitions) {
  const auto csp = [](Block block, int k) {
    return in_squares({.width = kB, .depth = k, .block = block, .csp = Csp::half});
  };
  for (const int k : {1, 3, 8}) {
    EXPECT_DOUBLE_EQ(csp(Block::darknet, k), 2.25 + 2.5 * k);
    EXPECT_DOUBLE_EQ(csp(Block::resnet, k), 2.25 + k * 13.0 / 16);
    EXPECT_DOUBLE_EQ(csp(Block::resnext, k), 2.25 + k * 73.0 / 128);
    EXPECT_DOUBLE_EQ(csp(Block::plain, k), 2.25 + k * 9.0 / 4);
  }
}

TEST(Blocks, CspOfFullWidthIsTheFirstStageOfYolov4) {
  EXPECT_DOUBLE_EQ(in_squares({.width = kB, .depth = 1, .csp = Csp::full}), 2 + 5 + 1 + 2);
}

TEST(Blocks, FusionDecidesWhichTransitionsThereAre) {
  Stage stage{.width = kB, .depth = 2, .csp = Csp::half};
  const double both = in_squares(stage);
  stage.fusion = Fusion::first;
  EXPECT_DOUBLE_EQ(both - in_squares(stage), 0.25) << "none behind the layers";
  stage.fusion = Fusion::last;
  EXPECT_DOUBLE_EQ(both - in_squares(stage), 1) << "none behind the joining";
}

TEST(Blocks, DenseGrowsQuadraticallyInDepth) {
  for (const int k : {1, 4, 7}) {
    const double g = 32;
    EXPECT_DOUBLE_EQ(work({.width = kB, .depth = k, .block = Block::dense, .growth = 32}),
                     9 * (k * kB * g + g * g * k * (k - 1) / 2));
  }
}

TEST(Blocks, OneShotAggregationGrowsLinearlyInDepth) {
  for (const int k : {1, 4, 7}) {
    const double g = 32;
    EXPECT_DOUBLE_EQ(work({.width = kB, .depth = k, .block = Block::osa, .growth = 32}),
                     9 * (kB * g + (k - 1) * g * g) + (kB + k * g) * kB);
  }
}

TEST(Blocks, TinysBlockCostsFourteenAndAHalf) {
  EXPECT_DOUBLE_EQ(in_squares({.width = kB, .block = Block::osa_pcb}), 14.5);
}

TEST(Blocks, InvertedResidualsAreDepthwise) {
  for (const int e : {1, 3, 6}) {
    const double expand = e == 1 ? 0 : double{kB} * e * kB, depthwise = 9.0 * e * kB;
    EXPECT_DOUBLE_EQ(work({.width = kB, .depth = 2, .block = Block::inverted, .expansion = e}),
                     2 * (expand + depthwise + double{kB} * e * kB));
  }
}

TEST(Blocks, EveryBlockIsBuiltInEveryKindOfCsp) {
  for (const Block block : {Block::plain, Block::darknet, Block::resnet, Block::resnext,
                            Block::dense, Block::osa, Block::inverted}) {
    for (const Csp csp : {Csp::none, Csp::half, Csp::full}) {
      for (const Fusion fusion : {Fusion::both, Fusion::first, Fusion::last}) {
        const Stage stage{.width = kB, .depth = 2, .block = block, .csp = csp, .fusion = fusion};
        EXPECT_GT(work(stage), 0) << static_cast<int>(block);
      }
    }
  }
}

TEST(Theory, GraphsEqualTheClosedForms) {
  const std::vector<TheoryTable> tables = theory_tables();
  ASSERT_EQ(tables.size(), 8U);
  for (const TheoryTable& table : tables) {
    if (&table == &tables.back()) continue;  // rules of others: whole layers and eights differ
    for (const TheoryRow& row : table.rows) {
      const double paper = row.what.find("the paper's 9/4") == std::string::npos ? 0 : -0.75;
      EXPECT_NEAR(row.difference(), paper, 1e-9 * row.closed) << table.title << ": " << row.what;
    }
  }
}

TEST(Theory, OtherRulesComeNearTheirClosedForms) {
  const TheoryTable others = theory_tables().back();
  for (const TheoryRow& row : others.rows) {
    EXPECT_GT(row.computed, 0.1) << row.what;
    if (std::isnan(row.closed)) continue;
    EXPECT_NEAR(row.computed / row.closed, 1, 0.25) << row.what;
  }
}

}  // namespace
}  // namespace syolo::test
