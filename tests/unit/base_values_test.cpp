// Random numbers by place, boxes and maps, shapes and tensors, and the threads a process may use.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>

#include "syolo/base/geometry.h"
#include "syolo/base/parallel.h"
#include "syolo/base/rng.h"
#include "syolo/base/tensor.h"
#include "tests/support/weights_testing.h"

namespace syolo::test {
namespace {

std::vector<std::uint64_t> draws(Rng rng) {
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 8; ++i) values.push_back(rng.next());
  return values;
}

// The published sequence of splitmix64 from seed 0.
TEST(Mix64, IsSplitmix64) {
  EXPECT_EQ(mix64(0), 0xE220A8397B1DCDAFULL);
  EXPECT_EQ(mix64(0x9E3779B97F4A7C15ULL), 0x6E789E6AA1B965F4ULL);
}

TEST(Rng, OfOnePlaceIsOneSequence) {
  Rng busy(9, Stream::test, 1, 2);
  for (int i = 0; i < 100; ++i) busy.normal();
  EXPECT_EQ(draws(Rng(7, Stream::augment, 3, 4)), draws(Rng(7, Stream::augment, 3, 4)));
}

TEST(Rng, OfDifferentPlacesDiffers) {
  std::set<std::vector<std::uint64_t>> seen;
  int places = 0;
  for (const std::uint64_t seed : {0U, 1U, 2U}) {
    for (const Stream stream : {Stream::init, Stream::sampler, Stream::test}) {
      for (const std::uint64_t epoch : {0U, 1U, 2U}) {
        for (const std::uint64_t sample : {0U, 1U, 2U}) {
          seen.insert(draws(Rng(seed, stream, epoch, sample)));
          ++places;
        }
      }
    }
  }
  EXPECT_EQ(static_cast<int>(seen.size()), places);
}

TEST(Rng, BelowReachesEveryNumberAndNoOther) {
  Rng rng(1, Stream::test);
  std::array<int, 7> counts{};
  for (int i = 0; i < 7000; ++i) {
    const int n = rng.below(7);
    ASSERT_GE(n, 0);
    ASSERT_LT(n, 7);
    ++counts[static_cast<std::size_t>(n)];
  }
  // Deviation of a count: sqrt(7000 * 1/7 * 6/7) = 29.3; six of them.
  for (const int count : counts) EXPECT_NEAR(count, 1000, 176);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(rng.below(1), 0);
  for (int i = 0; i < 100; ++i) EXPECT_GE(rng.below(2147483647), 0);
}

TEST(Rng, UniformAndNormalHaveTheirMoments) {
  Rng rng(1, Stream::test);
  double sum = 0, normal = 0, squares = 0;
  constexpr int kDraws = 10'000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = rng.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    sum += u;
    const double n = rng.normal();
    normal += n, squares += n * n;
  }
  // Six deviations of the means: 6/sqrt(12 n), 6/sqrt(n), 6 sqrt(2/n).
  EXPECT_NEAR(sum / kDraws, 0.5, 0.0174);
  EXPECT_NEAR(normal / kDraws, 0, 0.06);
  EXPECT_NEAR(squares / kDraws, 1, 0.085);
  const double v = rng.uniform(-3, -2);
  EXPECT_GE(v, -3);
  EXPECT_LT(v, -2);
}

TEST(Clipped, KeepsThePartInsideTheImage) {
  const Size image{100, 50};
  EXPECT_EQ(clipped({-5, -5, 10, 10}, image), (Box{0, 0, 10, 10}));
  EXPECT_EQ(clipped({90, 40, 110, 60}, image), (Box{90, 40, 100, 50}));
  EXPECT_EQ(clipped({10, 10, 20, 20}, image), (Box{10, 10, 20, 20}));
  const Box outside = clipped({120, 60, 130, 70}, image);
  EXPECT_EQ(outside.width(), 0);
  EXPECT_EQ(outside.height(), 0);
}

TEST(ImageMap, GoesThereAndBack) {
  const ImageMap map{.sx = 0.5, .sy = 2, .tx = 10, .ty = -4, .image = {100, 100}};
  EXPECT_EQ(map.to_net({2, 3, 4, 5}), (Box{11, 2, 12, 6}));
  EXPECT_EQ(map.to_image(map.to_net({2, 3, 4, 5})), (Box{2, 3, 4, 5}));
}

TEST(Shape, CountsIn64Bits) {
  const Shape shape{1, 65535, 65535, 65535};
  EXPECT_EQ(shape.elements(), std::int64_t{65535} * 65535 * 65535);
  EXPECT_EQ(shape.plane(), std::int64_t{65535} * 65535);
  EXPECT_EQ(to_text(Shape{1, 64, 19, 20}), "64x19x20");
  EXPECT_EQ(to_text(Shape{8, 64, 19, 20}), "8x64x19x20");
}

TEST(Tensor, BeginsAsZeros) {
  const Tensor tensor({1, 2, 2, 1});
  ASSERT_EQ(tensor.values().size(), 4U);
  for (const float v : tensor.values()) EXPECT_EQ(v, 0.0F);
  EXPECT_TRUE(Tensor().empty());
}

TEST(Tensor, MayChangeWhileItOwnsItsValuesAlone) {
  Tensor tensor({1, 2, 1, 1}, {1, 2});
  tensor.mutable_values()[0] = 5;
  EXPECT_EQ(tensor.values()[0], 5.0F);
  {
    const Tensor copy = tensor;
    EXPECT_EQ(copy.values().data(), tensor.values().data());  // shared, not copied
    EXPECT_EQ(error_of([&] { tensor.mutable_values(); }).kind(), ErrorKind::internal);
  }
  tensor.mutable_values()[0] = 6;
  EXPECT_EQ(tensor.values()[0], 6.0F);
}

TEST(Tensor, OfForeignMemoryCannotChangeAndKeepsItsOwnerAlive) {
  auto memory = std::make_shared<std::vector<float>>(std::vector<float>{1, 2});
  const std::weak_ptr<std::vector<float>> watch = memory;
  Tensor view({1, 2, 1, 1}, *memory, memory);
  EXPECT_EQ(error_of([&] { view.mutable_values(); }).kind(), ErrorKind::internal);
  memory.reset();
  EXPECT_FALSE(watch.expired());
  // Alone with its owner it is still a view of what may be a read-only mapping.
  EXPECT_EQ(error_of([&] { view.mutable_values(); }).kind(), ErrorKind::internal);
  EXPECT_EQ(view.values()[1], 2.0F);
  view = Tensor();
  EXPECT_TRUE(watch.expired());
}

TEST(Tensor, RefusesAnotherNumberOfValues) {
  EXPECT_EQ(error_of([] { Tensor({1, 2, 2, 1}, {1, 2, 3}); }).kind(), ErrorKind::internal);
}

TEST(CpuBudget, IsAtLeastOneThread) {
  const CpuBudget here = cpu_budget();
  EXPECT_GE(here.threads(), 1);
  EXPECT_LE(here.threads(), here.cores);
  EXPECT_GE(here.affinity, 1);
  EXPECT_GE(here.quota, 0);
  EXPECT_FALSE(cpu_model().empty());
}

TEST(CpuBudget, TakesTheTightestLimit) {
  EXPECT_EQ((CpuBudget{8, 8, 0}).threads(), 8);
  EXPECT_EQ((CpuBudget{8, 3, 0}).threads(), 3);
  EXPECT_EQ((CpuBudget{8, 8, 2}).threads(), 2);
  EXPECT_EQ((CpuBudget{8, 8, 1.5}).threads(), 2);
  EXPECT_EQ((CpuBudget{8, 8, 0.1}).threads(), 1);
  EXPECT_EQ((CpuBudget{0, 0, 0}).threads(), 1);
}

}  // namespace
}  // namespace syolo::test
