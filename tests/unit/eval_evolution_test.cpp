// A genetic search: children within limits, from the fittest, the same from the same rows; and the
// table of generations written, read and refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "syolo/base/error.h"
#include "syolo/eval/evolution.h"

namespace syolo {
namespace {

const std::vector<std::string> kNames = {"lr0", "momentum", "fl_gamma", "degrees", "mixup"};

Generation generation(double ap, std::vector<double> values) {
  return {0.5, 0.25, ap, ap, std::move(values)};
}

Evolution evolution(std::vector<Generation> done) {
  return {kNames, std::move(done)};
}

TEST(Evolution, ChildrenLieWithinTheLimitsWithFiveDecimalsAndDiffer) {
  // At and beyond the limits of lr0 (1e-5..0.1), momentum (0.6..0.98), degrees (0..45).
  for (const std::vector<double>& values :
       {std::vector<double>{0.1, 0.98, 0, 45, 1}, std::vector<double>{1e-5, 0.6, 1.5, 1e-5, 0.5},
        std::vector<double>{10, 0, 0.123456789, 180, 0}}) {
    for (std::uint64_t seed = 0; seed < 300; ++seed) {
      const std::vector<double> child = next_generation(evolution({generation(0.5, values)}), seed);
      ASSERT_EQ(child.size(), kNames.size());
      EXPECT_NE(child, values);
      EXPECT_EQ(child[2], values[2]) << "fl_gamma has no gene";
      for (std::size_t i = 0; i < child.size(); ++i) {
        const Gene* gene = find_gene(kNames[i]);
        if (gene == nullptr) continue;
        EXPECT_GE(child[i], gene->low);
        EXPECT_LE(child[i], gene->high);
        EXPECT_EQ(child[i], std::round(child[i] * 1e5) / 1e5);
      }
    }
  }
}

TEST(Evolution, AGainScalesTheStepAndStepsAreFromThreeTenthsToThree) {
  double most = 0, steepest = 0, lr0_sum = 0, momentum_sum = 0;
  const Evolution one = evolution({generation(0.5, {0.01, 0.8, 0, 10, 0.3})});
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    const std::vector<double> child = next_generation(one, seed);
    most = std::max(most, child[3] / 10), steepest = std::max(steepest, 10 / child[3]);
    lr0_sum += std::abs(child[0] / 0.01 - 1), momentum_sum += std::abs(child[1] / 0.8 - 1);
  }
  EXPECT_LE(most, 3.001);
  EXPECT_LE(steepest, 1 / 0.299);
  EXPECT_GT(most, 1.3) << "steps of 0.2 N(0, 1) at most";
  // E|N| u 0.2 0.8 = 0.064 for gain 1 and 0.3 of it for momentum
  EXPECT_NEAR(lr0_sum / 2000, 0.064, 0.01);
  EXPECT_NEAR(momentum_sum / 2000, 0.3 * 0.064, 0.004);
}

TEST(Evolution, TheChildDependsOnSeedAndRowsAlone) {
  Evolution two = evolution({generation(0.5, {0.01, 0.9, 0, 1, 0.1})});
  const std::vector<double> second = next_generation(two, 7);
  EXPECT_EQ(next_generation(two, 7), second);
  EXPECT_NE(next_generation(two, 8), second);
  two.done.push_back(generation(0.4, second));
  const std::vector<double> third = next_generation(two, 7);
  EXPECT_NE(third, second);
  EXPECT_EQ(next_generation(read_evolution(evolution_csv(two), "f", kNames), 7), third)
      << "from the file as from memory";
}

TEST(Evolution, ParentsAreTheFiveFittestButTheLeastOfThem) {
  std::vector<Generation> done;
  for (int i = 0; i < 8; ++i) {  // each far from the others, so that a child tells its parent
    done.push_back(generation(0.1 * (i * 3 % 8), {0.01, 0.8, static_cast<double>(i), 10, 0.3}));
  }
  std::set<int> parents;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    parents.insert(static_cast<int>(next_generation(evolution(done), seed)[2]));
  }
  // i * 3 % 8 is 7, 6, 5, 4, 3 for i = 5, 2, 7, 4, 1; the last has weight 0
  EXPECT_EQ(parents, (std::set<int>{2, 4, 5, 7}));
}

TEST(Evolution, EqualFitnessMakesAllParents) {
  std::vector<Generation> done;
  for (int i = 0; i < 3; ++i) {
    done.push_back(generation(0, {0.01, 0.8, static_cast<double>(i), 10, 0.3}));
  }
  std::set<int> parents;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    parents.insert(static_cast<int>(next_generation(evolution(done), seed)[2]));
  }
  EXPECT_EQ(parents, (std::set<int>{0, 1, 2}));
}

TEST(Evolution, NoGenerationRepeatsAnother) {
  Evolution small{{"warmup_epochs"}, {generation(0.5, {0.0001})}};  // few values are near
  std::set<double> seen = {0.0001};
  for (int i = 0; i < 8; ++i) {
    small.done.push_back(generation(0.5, next_generation(small, 3)));
    EXPECT_TRUE(seen.insert(small.done.back().values[0]).second);
  }
}

TEST(Evolution, ATableReadsEqualAndTheFirstOfEqualsIsTheBest) {
  const Evolution written =
      evolution({generation(0.1, {0.01, 0.937, 0, 1.0 / 3, 1e-5}),
                 generation(0.25, {0.1, 0.6, 2, 45, 0}), generation(0.25, {0.2, 0.6, 2, 45, 0})});
  const Evolution read = read_evolution(evolution_csv(written), "evolve.csv", kNames);
  ASSERT_EQ(read.done.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read.done[i].values, written.done[i].values);
    EXPECT_EQ(read.done[i].ap, written.done[i].ap);
    EXPECT_EQ(read.done[i].precision, 0.5);
  }
  EXPECT_EQ(read.best(), 1U);
}

TEST(Evolution, ADamagedTableIsRefusedWithItsLine) {
  const std::string head = "generation,P,R,AP50,AP,fitness,lr0,momentum,fl_gamma,degrees,mixup\n";
  const std::string row = "1,0.5,0.25,0.5,0.5,0.5,0.01,0.9,0,0,0\n";
  EXPECT_EQ(read_evolution(head, "f", kNames).done.size(), 0U);
  EXPECT_EQ(read_evolution(head + row, "f", kNames).done.size(), 1U);
  struct Case {
    std::string text;
    int line;
    std::string says;
  };
  for (const Case& one :
       {Case{"", 1, "expected a whole line"}, Case{row, 1, "expected generation"},
        Case{"generation,P,R,AP50,AP,fitness,lr0\n", 1, "expected momentum"},
        Case{head + "1,0.5\n", 2, "expected 11 values, found 2"},
        Case{head + "2" + row.substr(1), 2, "expected generation 1"},
        Case{head + row + "\n", 3, "expected 11 values, found 1"},
        Case{head + row + row, 3, "expected generation 2"},
        Case{head + "1,0.5,0.25,1.5,0.5,0.5,0.01,0.9,0,0,0\n", 2, "from 0 to 1"},
        Case{head + "1,0.5,0.25,0.5,0.5,0.6,0.01,0.9,0,0,0\n", 2, "expected fitness 0.50000"},
        Case{head + "1,0.5,0.25,0.5,0.5,0.5,nan,0.9,0,0,0\n", 2, "lr0: expected a number"},
        Case{(head + row).substr(0, head.size() + row.size() - 1), 2, "a whole line"}}) {
    try {
      read_evolution(one.text, "evolve.csv", kNames);
      ADD_FAILURE() << "accepted: " << one.text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      EXPECT_EQ(error.where().file, "evolve.csv");
      EXPECT_EQ(error.where().line, one.line) << one.text;
      EXPECT_NE(error.text().find(one.says), std::string::npos) << error.text();
    }
  }
}

TEST(Evolution, ValuesThatCannotChangeAreRefused) {
  EXPECT_THROW(next_generation({{"fl_gamma"}, {generation(0.5, {0})}}, 0), Error);
  EXPECT_THROW(next_generation({{"degrees"}, {generation(0.5, {0})}}, 0), Error);
}

TEST(Evolution, ThePictureHasAPanelForEachNameWithSeveralValues) {
  const Sheet sheet = sheet_of(
      evolution({generation(0.1, {0.01, 0.9, 0, 1, 0}), generation(0.3, {0.02, 0.9, 0, 2, 0})}));
  const auto says = [&](const std::string& text) {
    return std::any_of(sheet.shapes.begin(), sheet.shapes.end(),
                       [&](const PlotShape& shape) { return shape.text == text; });
  };
  EXPECT_TRUE(says("fitness by generation"));
  EXPECT_TRUE(says("lr0"));
  EXPECT_TRUE(says("degrees"));
  EXPECT_FALSE(says("momentum"));
}

}  // namespace
}  // namespace syolo
