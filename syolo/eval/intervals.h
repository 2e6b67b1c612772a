// How sure an average is: intervals and comparisons from pictures drawn again and again (bootstrap;
// Efron 1979). The same seed draws the same pictures.
#pragma once

#include "syolo/eval/match.h"

namespace syolo {

/// COCO's averages over all sizes.
struct Averages {
  double ap = -1, ap50 = -1;
};
/// @param weights  how often each picture counts; empty: once
Averages averages(const Matches& matches, std::span<const int> weights = {});

struct Interval {
  double value = 0, low = 0, high = 0;  // low, high: 2.5 % and 97.5 %
};
struct Bootstrap {
  Interval ap, ap50;
};
Bootstrap bootstrap(const Matches& matches, int rounds, std::uint64_t seed, int threads = 0);

/// B less A, on the same pictures in every round.
struct Comparison {
  Interval ap, ap50;            // of the difference
  double p_ap = 1, p_ap50 = 1;  // two-sided: how often such a difference would be chance
};
/// @throws Error(input) when both are not of the same pictures
Comparison compare(const Matches& a, const Matches& b, int rounds, std::uint64_t seed,
                   int threads = 0);

}  // namespace syolo
