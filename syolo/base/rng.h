// Random numbers as a function of their place: Rng(seed, stream, epoch, sample) gives the
// same sequence on every machine, whatever ran before it.
#pragma once

#include <cstdint>

namespace syolo {

enum class Stream : std::uint32_t { init, sampler, augment, dropout, search, test };

/// The splitmix64 mixing step; also the generator of the oracles' counter weights.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

class Rng {
 public:
  Rng(std::uint64_t seed, Stream stream, std::uint64_t epoch = 0, std::uint64_t sample = 0);
  std::uint64_t next() { return mix64(key_ + 0x9E3779B97F4A7C15ULL * ++counter_); }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1p-53; }  // [0, 1)
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  int below(int n);  // [0, n), n >= 1
  bool chance(double p) { return uniform() < p; }
  double normal();  // mean 0, variance 1

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
};

}  // namespace syolo
