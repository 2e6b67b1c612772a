// Every activation at points computed by hand from its formula, and its promises at the ends of
// the number line.
#include "syolo/graph/activation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

namespace syolo::test {
namespace {

struct Point {
  double x, y;
};
struct Formula {
  const char* name;
  std::vector<Point> points;
};
void PrintTo(const Formula& formula, std::ostream* out) {
  *out << formula.name;
}

// Eleven digits, computed in 40-digit arithmetic from the formulas in docs/layers.md.
std::vector<Formula> formulas() {
  return {
      {"linear", {{-3, -3}, {-0.5, -0.5}, {0, 0}, {0.5, 0.5}, {2, 2}}},
      {"logistic",
       {{-3, 0.047425873178},
        {-0.5, 0.3775406688},
        {0, 0.5},
        {0.5, 0.6224593312},
        {2, 0.88079707798}}},
      {"swish",
       {{-3, -0.14227761953},
        {-0.5, -0.1887703344},
        {0, 0},
        {0.5, 0.3112296656},
        {2, 1.761594156}}},
      {"mish",
       {{-5, -0.03357623773},
        {-1, -0.30340146137},
        {0, 0},
        {1, 0.86509838827},
        {3.5, 3.4939907151}}},
      {"hard_mish", {{-3, 0}, {-2, 0}, {-0.5, -0.375}, {0, 0}, {1.5, 1.5}}},
      {"leaky", {{-3, -0.3}, {-0.5, -0.05}, {0, 0}, {0.5, 0.5}, {2, 2}}},
      {"revleaky", {{-3, -0.3}, {-0.5, -0.05}, {0, 0}, {0.5, 0.5}, {2, 2}}},
      {"relu", {{-3, 0}, {-0.5, 0}, {0, 0}, {0.5, 0.5}, {2, 2}}},
      {"relie", {{-3, -0.03}, {-0.5, -0.005}, {0, 0}, {0.5, 0.5}, {2, 2}}},
      {"relu6", {{-3, 0}, {0, 0}, {2.5, 2.5}, {6, 6}, {9, 6}}},
      {"elu", {{-3, -0.95021293163}, {-0.5, -0.39346934029}, {0, 0}, {0.5, 0.5}, {2, 2}}},
      {"selu", {{-3, -1.6705040185}, {-0.5, -0.69173139221}, {0, 0}, {0.5, 0.52535}, {2, 2.1014}}},
      {"gelu",
       {{-3, -0.0036374625775},
        {-0.5, -0.15428595421},
        {0, 0},
        {0.5, 0.34571404579},
        {2, 1.9545974823}}},
      {"tanh",
       {{-3, -0.99505475369},
        {-0.5, -0.46211715726},
        {0, 0},
        {0.5, 0.46211715726},
        {2, 0.96402758008}}},
      {"loggy",
       {{-3, -0.90514825364},
        {-0.5, -0.2449186624},
        {0, 0},
        {0.5, 0.2449186624},
        {2, 0.76159415596}}},
      {"ramp", {{-3, -0.3}, {-0.5, -0.05}, {0, 0}, {0.5, 0.55}, {2, 2.2}}},
      {"lhtan", {{-2, -0.002}, {0, 0}, {0.4, 0.4}, {1, 1}, {3, 1.002}}},
      {"hardtan", {{-3, -1}, {-0.5, -0.5}, {0, 0}, {0.5, 0.5}, {2, 1}}},
      {"plse", {{-6, -0.02}, {-4, 0}, {-1, 0.375}, {2, 0.75}, {7, 1.03}}},
      {"stair", {{-1.25, -1}, {0.5, 0}, {1.25, 0.25}, {2.75, 1}, {3.5, 1.5}}},
  };
}

class Activation : public testing::TestWithParam<Formula> {};

TEST_P(Activation, HasItsValues) {
  const auto act = Act::find(GetParam().name);
  ASSERT_TRUE(act.has_value());
  for (const auto& [x, y] : GetParam().points) {
    EXPECT_NEAR(act->apply(x), y, 1e-9 * std::max(1.0, std::abs(y))) << "at " << x;
  }
}

INSTANTIATE_TEST_SUITE_P(ByHand, Activation, testing::ValuesIn(formulas()),
                         [](const auto& it) { return std::string(it.param.name); });

TEST(Activations, AreAllTestedByHand) {
  std::set<std::string_view> tested;
  const auto all = formulas();
  for (const Formula& formula : all) tested.insert(formula.name);
  for (const std::string_view name : Act::names()) {
    if (Act::find(name)->across() == Across::none) {
      EXPECT_TRUE(tested.count(name)) << name;
    }
  }
}

TEST(Activations, AreFoundByNameAndBySilu) {
  for (const std::string_view name : Act::names()) {
    ASSERT_TRUE(Act::find(name).has_value()) << name;
    EXPECT_EQ(Act::find(name)->name(), name);
  }
  EXPECT_EQ(Act::find("silu"), Act::of<formula::Swish>());
  EXPECT_EQ(Act::find("normalize_channels")->across(), Across::relu_sum);
  EXPECT_EQ(Act::find("normalize_channels_softmax")->across(), Across::exp_sum);
  EXPECT_EQ(Act::find("normalize_channels_softmax_maxval")->across(), Across::exp_sum_shifted);
  for (const std::string_view name : {"", "foo", "Mish", "mish ", "softmax2"}) {
    EXPECT_EQ(Act::find(name), std::nullopt) << name;
  }
  EXPECT_TRUE(Act().is_linear());
  EXPECT_FALSE(Act::of<formula::Mish>().is_linear());
  EXPECT_FALSE(Act(Across::softmax).is_linear());
}

// No formula may make NaN or infinity of a finite float (e^x of a branch not taken does).
TEST(Activations, StayFiniteOnEveryFiniteFloat) {
  for (const std::string_view name : Act::names()) {
    const Act act = *Act::find(name);
    if (act.across() != Across::none) continue;

    for (const double size : {0.0, 1e-40, 1e-3, 20.0, 88.0, 90.0, 710.0, 1e10, 3.4e38}) {
      EXPECT_TRUE(std::isfinite(act.apply(size))) << name << " at " << size;
      EXPECT_TRUE(std::isfinite(act.apply(-size))) << name << " at " << -size;
    }
  }
}

TEST(Activations, PassNotANumberOn) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const std::string_view name : {"linear", "logistic", "swish", "mish", "tanh", "gelu"}) {
    EXPECT_TRUE(std::isnan(Act::find(name)->apply(nan))) << name;
  }
}

// Measured on the formula: the minimum of mish is -0.3088 at x = -1.1925.
TEST(Mish, HasItsMinimumWhereThePaperSays) {
  const Act mish = Act::of<formula::Mish>();
  EXPECT_NEAR(mish.apply(-1.1925), -0.3088, 5e-5);
  EXPECT_GT(mish.apply(-1.1925 - 0.05), mish.apply(-1.1925));
  EXPECT_GT(mish.apply(-1.1925 + 0.05), mish.apply(-1.1925));
}

}  // namespace
}  // namespace syolo::test
