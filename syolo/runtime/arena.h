// One arena for all activations: offsets from lifetimes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace syolo {

struct Lifetime {
  int first = 0, last = 0;  // steps, both inclusive
  std::int64_t bytes = 0;
};

struct ArenaPlan {
  std::vector<std::int64_t> offsets;  // one per lifetime, multiples of 64
  std::int64_t bytes = 0;
  std::int64_t lower_bound = 0;  // the greatest sum of bytes alive at one step
};

/// Best fit in several orders; the smallest result is kept. Blocks alive at one step never overlap.
ArenaPlan plan_arena(std::span<const Lifetime> lifetimes);

}  // namespace syolo
