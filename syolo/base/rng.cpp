#include "syolo/base/rng.h"

#include <cmath>
#include <numbers>

namespace syolo {

Rng::Rng(std::uint64_t seed, Stream stream, std::uint64_t epoch, std::uint64_t sample) :
    key_(mix64(mix64(mix64(mix64(seed) ^ static_cast<std::uint64_t>(stream)) ^ epoch) ^ sample)),
    counter_(0) {}

int Rng::below(int n) {
  // Multiply-shift on 32 bits; the bias of at most n / 2^32 is far below what any use here sees.
  return static_cast<int>(((next() >> 32) * static_cast<std::uint64_t>(n)) >> 32);
}

double Rng::normal() {
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

}  // namespace syolo
