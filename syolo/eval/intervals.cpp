#include "syolo/eval/intervals.h"

#include <algorithm>
#include <cmath>

#include "syolo/base/parallel.h"
#include "syolo/base/rng.h"
#include "syolo/eval/coco_ap.h"

namespace syolo {
namespace {

/// As many pictures as there are, with replacement.
std::vector<int> drawn(int items, std::uint64_t seed, std::size_t round) {
  std::vector<int> weights(static_cast<std::size_t>(items));
  Rng rng(seed, Stream::sampler, 0, round);
  for (int i = 0; i < items; ++i) ++weights[static_cast<std::size_t>(rng.below(items))];
  return weights;
}

/// The value between the two nearest of sorted values.
double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto i = static_cast<std::size_t>(at);
  if (i + 1 >= sorted.size()) return sorted.back();
  return sorted[i] + (at - static_cast<double>(i)) * (sorted[i + 1] - sorted[i]);
}

Interval interval(double value, std::vector<double> values) {
  if (values.empty()) return {value, value, value};
  std::sort(values.begin(), values.end());
  return {value, quantile(values, 0.025), quantile(values, 0.975)};
}

/// How often the drawn differences lie on the other side of zero; never 0, because a finite number
/// of rounds cannot say so.
double two_sided(const std::vector<double>& differences) {
  if (differences.empty()) return 1;
  double below = 1, above = 1;
  for (const double value : differences) below += value <= 0, above += value >= 0;
  return std::min(1.0, 2 * std::min(below, above) / static_cast<double>(differences.size() + 1));
}

/// Rounds in which nothing counts say nothing.
std::vector<double> defined(const std::vector<Averages>& rounds, double Averages::*which) {
  std::vector<double> values;
  for (const Averages& one : rounds) {
    if (one.*which > -1) values.push_back(one.*which);
  }
  return values;
}

std::vector<double> differences(const std::vector<Averages>& a, const std::vector<Averages>& b,
                                double Averages::*which) {
  std::vector<double> values;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].*which > -1 && b[i].*which > -1) values.push_back(b[i].*which - a[i].*which);
  }
  return values;
}

}  // namespace

Averages averages(const Matches& matches, std::span<const int> weights) {
  std::vector<double> all, half;
  for (int t = 0; t < kIouThresholds; ++t) {
    for (const ClassMatches& one : matches.classes) {
      const RecallCurve curve = recall_curve(one, t, AreaClass::all, weights);
      if (curve.recall < 0) continue;
      const double mean = numpy_mean(curve.precision);
      all.push_back(mean);
      if (t == 0) half.push_back(mean);
    }
  }
  return {numpy_mean(all), numpy_mean(half)};
}

Bootstrap bootstrap(const Matches& matches, int rounds, std::uint64_t seed, int threads) {
  std::vector<Averages> drawn_averages(static_cast<std::size_t>(rounds));
  for_each_parallel(drawn_averages.size(), threads, [&](std::size_t i, std::size_t) {
    drawn_averages[i] = averages(matches, drawn(matches.items, seed, i));
  });
  const Averages whole = averages(matches);
  return {interval(whole.ap, defined(drawn_averages, &Averages::ap)),
          interval(whole.ap50, defined(drawn_averages, &Averages::ap50))};
}

Comparison compare(const Matches& a, const Matches& b, int rounds, std::uint64_t seed,
                   int threads) {
  require(a.items == b.items && a.classes.size() == b.classes.size(),
          "expected two results for the same pictures and classes, found {} and {} pictures",
          a.items, b.items);
  std::vector<Averages> of_a(static_cast<std::size_t>(rounds)), of_b(of_a.size());
  for_each_parallel(of_a.size(), threads, [&](std::size_t i, std::size_t) {
    const std::vector<int> weights = drawn(a.items, seed, i);
    of_a[i] = averages(a, weights);
    of_b[i] = averages(b, weights);
  });
  const Averages first = averages(a), second = averages(b);
  const auto ap = differences(of_a, of_b, &Averages::ap);
  const auto ap50 = differences(of_a, of_b, &Averages::ap50);
  return {interval(second.ap - first.ap, ap), interval(second.ap50 - first.ap50, ap50),
          two_sided(ap), two_sided(ap50)};
}

}  // namespace syolo
