#include "syolo/weights/half.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "syolo/base/error.h"

namespace syolo {

float half_to_float(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000U) << 16;
  const std::uint32_t exponent = (half >> 10) & 0x1FU;
  const std::uint32_t fraction = half & 0x3FFU;
  if (exponent == 0) {
    const float value = static_cast<float>(fraction) * 0x1p-24F;
    return sign != 0 ? -value : value;
  }
  const std::uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | fraction << 13);
}

float bf16_to_float(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

std::uint16_t float_to_half(float value) {
  constexpr std::uint32_t kInfinity = 0x7F800000, kTooLarge = 0x47800000, kNormal = 0x38800000;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (bits >> 16) & 0x8000U, size = bits & 0x7FFFFFFFU;
  if (size > kInfinity) return static_cast<std::uint16_t>(sign | 0x7E00U);
  if (size >= kTooLarge) return static_cast<std::uint16_t>(sign | 0x7C00U);
  if (size < kNormal) {  // steps of 2^-24
    const float steps = std::nearbyint(std::bit_cast<float>(size) * 0x1p24F);
    return static_cast<std::uint16_t>(sign | static_cast<std::uint32_t>(steps));
  }
  const std::uint32_t rounded = size + 0xFFFU + ((size >> 13) & 1U);
  return static_cast<std::uint16_t>(sign | (rounded - 0x38000000U) >> 13);
}

bool is_half(const Tensor& tensor) {
  return std::ranges::all_of(
      tensor.values(), [](float value) { return half_to_float(float_to_half(value)) == value; });
}

Weights with_half_kernels(const Weights& weights) {
  Weights rounded = weights;
  for (const auto& [id, tensor] : weights.all()) {
    if (id.role != Role::kernel) continue;
    std::vector<float> values;
    for (const float value : tensor.values()) {
      values.push_back(half_to_float(float_to_half(value)));
      require(std::isfinite(values.back()),
              "{}: expected values that half precision has, up to 65504, found {}", to_text(id),
              value);
    }
    rounded.set(id, Tensor(tensor.shape(), std::move(values)));
  }
  return rounded;
}

}  // namespace syolo
