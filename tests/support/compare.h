// Comparisons that say where, how much and how far beyond the tolerance.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "tests/support/oracle.h"

namespace syolo::test {

/// Every |got[i] - want[i]| <= tolerance(i); NaN only where NaN is wanted.
template <class Got, class Want, class Tolerance>
testing::AssertionResult all_within(const Got& got, const Want& want, const Tolerance& tolerance) {
  if (std::size(got) != std::size(want)) {
    return testing::AssertionFailure()
           << "expected " << std::size(want) << " values, found " << std::size(got);
  }
  std::size_t beyond = 0, worst = 0;
  double worst_ratio = 0;
  for (std::size_t i = 0; i < std::size(want); ++i) {
    const double a = got[i], b = want[i];
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double ratio = std::abs(a - b) / tolerance(i);
    if (ratio <= 1) continue;
    ++beyond;
    if (std::isnan(ratio) || ratio > worst_ratio) worst = i, worst_ratio = ratio;
    if (std::isnan(ratio)) break;
  }
  if (beyond == 0) return testing::AssertionSuccess();
  return testing::AssertionFailure()
         << beyond << " of " << std::size(want) << " values beyond the tolerance; worst at "
         << worst << ": expected " << double(want[worst]) << ", found " << double(got[worst])
         << ", " << worst_ratio << " tolerances apart";
}

/// Mean and standard deviation (population), in double.
struct Moments {
  double mean = 0, std = 0;
};
template <class Values>
Moments moments(const Values& values) {
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double mean = sum / static_cast<double>(std::size(values));
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / static_cast<double>(std::size(values)))};
}

/// A layer of a deep network against its samples: the relative error of the sampled values as a
/// vector, and mean and deviation, all within `relative`.
template <class Values>
testing::AssertionResult layer_agrees(const Values& got, const OracleLayer& want, double relative) {
  double error = 0, size = 0;
  for (const auto& [at, value] : want.samples) {
    if (at >= std::size(got)) {
      return testing::AssertionFailure()
             << "found " << std::size(got) << " values, sample at " << at;
    }
    error += (got[at] - value) * (got[at] - value);
    size += value * value;
  }
  const double sampled = size > 0 ? std::sqrt(error / size) : std::sqrt(error);
  if (!(sampled <= relative)) {
    return testing::AssertionFailure() << "relative error of the sampled values " << sampled
                                       << ", expected at most " << relative;
  }
  if (std::isnan(want.mean)) return testing::AssertionSuccess();
  const Moments found = moments(got);
  const double scale = relative * std::max(want.std, std::abs(want.mean));
  if (std::abs(found.mean - want.mean) <= scale && std::abs(found.std - want.std) <= scale) {
    return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << "expected mean " << want.mean << ", deviation " << want.std
                                     << "; found " << found.mean << ", " << found.std;
}

}  // namespace syolo::test
