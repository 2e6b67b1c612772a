#include "syolo/weights/half.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "syolo/base/error.h"
#include "syolo/graph/cfg.h"
#include "syolo/weights/formats/safetensors.h"
#include "tests/support/engine.h"
#include "tests/support/weights_testing.h"

namespace syolo::test {
namespace {

TEST(Half, EveryHalfComesBack) {
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(half_to_float(float_to_half(value))));
    } else {
      ASSERT_EQ(float_to_half(value), half);
    }
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  // Between each pair of neighbours: below, at and above the middle, which single precision has.
  for (std::uint16_t half = 0; half < 0x7BFF; ++half) {
    const auto next = static_cast<std::uint16_t>(half + 1);
    const float low = half_to_float(half), high = half_to_float(next);
    const float middle = low + (high - low) / 2;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0F)), half);
    ASSERT_EQ(float_to_half(std::nextafter(middle, high)), next);
    ASSERT_EQ(float_to_half(middle), half % 2 == 0 ? half : next);
    ASSERT_EQ(float_to_half(-middle), 0x8000 | (half % 2 == 0 ? half : next));
  }
  EXPECT_EQ(float_to_half(65519.9F), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0F), 0x7C00) << "the tie beyond the greatest goes to infinity";
  EXPECT_EQ(float_to_half(std::numeric_limits<float>::max()), 0x7C00);
}

TEST(Half, KernelsOfHalvesTakeTwoBytesInAModelFile) {
  Findings findings;
  const Graph graph = read_cfg(head_cfg(3), "test.cfg", findings);
  Model model = model_of(graph, random_weights(graph, 11));
  const std::size_t before = write_model(model).size();
  model.weights = with_half_kernels(model.weights);
  const std::vector<std::byte> bytes = write_model(model);
  std::int64_t kernels = 0;
  for (const auto& [id, tensor] : model.weights.all()) {
    if (id.role == Role::kernel) kernels += tensor.shape().elements();
  }
  EXPECT_NEAR(static_cast<double>(before - bytes.size()), 2.0 * static_cast<double>(kernels), 64)
      << "but for the header";
  const Model again = read_model_file(in_memory(bytes));
  for (const auto& [id, tensor] : model.weights.all()) {
    EXPECT_TRUE(std::ranges::equal(tensor.values(), again.weights.at(id).values()));
  }
  EXPECT_EQ(write_model(again), bytes);
}

TEST(Half, KernelsBeyondItsRangeAreRefused) {
  Weights weights;
  weights.set({0, Role::kernel}, Tensor({1, 1, 1, 1}, {70000.0F}));
  EXPECT_THROW(with_half_kernels(weights), Error);
}

}  // namespace
}  // namespace syolo::test
