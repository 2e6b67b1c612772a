#include "syolo/eval/coco_ap.h"

#include <algorithm>
#include <limits>

#include "syolo/base/parallel.h"

namespace syolo {
namespace {

/// numpy.add.reduce over contiguous doubles: blocks of at most 128 with eight running sums, halves
/// above that.
double pairwise_sum(std::span<const double> a) {
  constexpr std::size_t kBlock = 128;
  const std::size_t n = a.size();
  if (n < 8) {
    double sum = 0;
    for (const double value : a) sum += value;
    return sum;
  }
  if (n <= kBlock) {
    std::array<double, 8> r{};
    std::copy_n(a.begin(), 8, r.begin());
    std::size_t i = 8;
    for (; i < n - n % 8; i += 8) {
      for (std::size_t j = 0; j < 8; ++j) r[j] += a[i + j];
    }
    double sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; ++i) sum += a[i];
    return sum;
  }
  const std::size_t half = n / 2 - n / 2 % 8;
  return pairwise_sum(a.first(half)) + pairwise_sum(a.subspan(half));
}

constexpr std::array<int, 3> kMaxDets = {1, 10, kMaxPredictions};

/// What a class adds to the averages.
struct ClassCurves {
  std::array<std::array<RecallCurve, kIouThresholds>, kAreas> best;  // of kMaxPredictions
  // The final recall: [area][threshold][limit]
  std::array<std::array<std::array<double, 3>, kIouThresholds>, kAreas> recall;
};

double recall_of_first(const ClassMatches& matches, int limit, std::size_t area, std::size_t t) {
  if (matches.truths[area] == 0) return -1;
  std::int64_t hits = 0;
  for (std::size_t i = 0; i < matches.scores.size(); ++i) {
    hits += matches.ranks[i] < limit && (matches.outcomes[area][i].hit >> t & 1) != 0;
  }
  return static_cast<double>(hits) / static_cast<double>(matches.truths[area]);
}

ClassCurves curves(const ClassMatches& matches) {
  ClassCurves out;
  for (std::size_t a = 0; a < kAreas; ++a) {
    for (std::size_t t = 0; t < kIouThresholds; ++t) {
      out.best[a][t] = recall_curve(matches, static_cast<int>(t), static_cast<AreaClass>(a));
      auto& recall = out.recall[a][t];
      for (std::size_t m = 0; m < 2; ++m) recall[m] = recall_of_first(matches, kMaxDets[m], a, t);
      recall[2] = out.best[a][t].recall;
    }
  }
  return out;
}

/// Averages over classes [first, last) in the order of pycocotools: threshold, recall point, class.
CocoNumbers averages(std::span<const ClassCurves> all) {
  std::vector<double> values;
  const auto precision = [&](std::size_t area, std::size_t first, std::size_t last) {
    values.clear();
    for (std::size_t t = first; t < last; ++t) {
      for (std::size_t r = 0; r < kRecallPoints; ++r) {
        for (const ClassCurves& one : all) {
          const double value = one.best[area][t].precision[r];
          if (value > -1) values.push_back(value);
        }
      }
    }
    return numpy_mean(values);
  };
  const auto recall = [&](std::size_t area, std::size_t limit) {
    values.clear();
    for (std::size_t t = 0; t < kIouThresholds; ++t) {
      for (const ClassCurves& one : all) {
        const double value = one.recall[area][t][limit];
        if (value > -1) values.push_back(value);
      }
    }
    return numpy_mean(values);
  };
  return {{precision(0, 0, kIouThresholds), precision(0, 0, 1), precision(0, 5, 6),
           precision(1, 0, kIouThresholds), precision(2, 0, kIouThresholds),
           precision(3, 0, kIouThresholds), recall(0, 0), recall(0, 1), recall(0, 2), recall(1, 2),
           recall(2, 2), recall(3, 2)}};
}

}  // namespace

double numpy_mean(std::span<const double> values) {
  if (values.empty()) return -1;
  return pairwise_sum(values) / static_cast<double>(values.size());
}

namespace {

std::int64_t counting_truths(const ClassMatches& matches, AreaClass area,
                             std::span<const int> weights) {
  if (weights.empty()) return matches.truths[static_cast<std::size_t>(area)];
  SYOLO_ASSERT(area == AreaClass::all, "weights are for all sizes together");
  std::int64_t truths = 0;
  for (const auto& [item, count] : matches.item_truths) {
    truths += static_cast<std::int64_t>(weights[static_cast<std::size_t>(item)]) * count;
  }
  return truths;
}

struct Hit {
  double recall, precision, score;
};

/// Behind a miss precision is below that at the hit before it: hits alone make the envelope.
std::vector<Hit> hits_of(const ClassMatches& matches, int threshold, AreaClass area,
                         std::span<const int> weights, std::int64_t truths) {
  const auto& outcomes = matches.outcomes[static_cast<std::size_t>(area)];
  std::vector<Hit> result;
  std::int64_t hits = 0, misses = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if ((outcomes[i].ignored >> threshold & 1) != 0) continue;
    const int weight = weights.empty() ? 1 : weights[static_cast<std::size_t>(matches.items[i])];
    if (weight == 0) continue;
    if ((outcomes[i].hit >> threshold & 1) == 0) {
      misses += weight;
      continue;
    }
    hits += weight;
    const auto tp = static_cast<double>(hits), fp = static_cast<double>(misses);
    result.push_back({tp / static_cast<double>(truths),
                      tp / (fp + tp + std::numeric_limits<double>::epsilon()), matches.scores[i]});
  }
  return result;
}

}  // namespace

RecallCurve recall_curve(const ClassMatches& matches, int threshold, AreaClass area,
                         std::span<const int> weights) {
  RecallCurve curve;
  const std::int64_t truths = counting_truths(matches, area, weights);
  if (truths == 0) {
    curve.precision.fill(-1), curve.scores.fill(-1);
    curve.recall = -1;
    return curve;
  }
  std::vector<Hit> hits = hits_of(matches, threshold, area, weights, truths);
  for (std::size_t i = hits.size(); i-- > 1;) {
    hits[i - 1].precision = std::max(hits[i - 1].precision, hits[i].precision);
  }
  static const std::array<double, kRecallPoints> at = recall_points();
  std::size_t i = 0;
  for (std::size_t r = 0; r < kRecallPoints; ++r) {
    while (i < hits.size() && hits[i].recall < at[r]) ++i;
    if (i == hits.size()) break;
    curve.precision[r] = hits[i].precision;
    curve.scores[r] = hits[i].score;
  }
  // Recall 0 is reached before anything is found.
  if (!matches.scores.empty()) curve.scores[0] = matches.scores[0];
  curve.recall = hits.empty() ? 0 : hits.back().recall;
  return curve;
}

CocoReport coco_ap(const Matches& matches, int threads) {
  const std::size_t n = matches.classes.size();
  std::vector<ClassCurves> all(n);
  CocoReport report;
  report.classes.resize(n);
  for_each_parallel(n, threads, [&](std::size_t k, std::size_t) {
    const ClassMatches& one = matches.classes[k];
    all[k] = curves(one);
    report.classes[k] = {one.cls, one.truths[0], static_cast<std::int64_t>(one.scores.size()),
                         averages({&all[k], 1})};
  });
  report.numbers = averages(all);
  report.precision.reserve(n * kIouThresholds * kRecallPoints * kAreas);
  report.scores.reserve(report.precision.capacity());
  for (std::size_t t = 0; t < kIouThresholds; ++t) {
    for (std::size_t r = 0; r < kRecallPoints; ++r) {
      for (const ClassCurves& one : all) {
        for (std::size_t a = 0; a < kAreas; ++a) {
          report.precision.push_back(one.best[a][t].precision[r]);
          report.scores.push_back(one.best[a][t].scores[r]);
        }
      }
    }
    for (const ClassCurves& one : all) {
      for (std::size_t a = 0; a < kAreas; ++a) {
        for (const double recall : one.recall[a][t]) report.recall.push_back(recall);
      }
    }
  }
  return report;
}

}  // namespace syolo
