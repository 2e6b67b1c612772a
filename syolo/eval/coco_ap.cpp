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
  std::array<std::array<std::array<double, kRecallPoints>, kIouThresholds>, kAreas> precision;
  std::array<std::array<double, kIouThresholds>, kAreas> recall;  // of kMaxPredictions
  std::array<std::array<double, kIouThresholds>, 2> recall_few;   // of 1 and 10; area `all`
};

double recall_of_first(const ClassMatches& matches, int max_dets, std::size_t t) {
  if (matches.truths[0] == 0) return -1;
  std::int64_t hits = 0;
  for (std::size_t i = 0; i < matches.scores.size(); ++i) {
    const Outcome outcome = matches.outcomes[0][i];
    hits += matches.ranks[i] < max_dets && (outcome.hit >> t & 1) != 0;
  }
  return static_cast<double>(hits) / static_cast<double>(matches.truths[0]);
}

ClassCurves curves(const ClassMatches& matches) {
  ClassCurves out;
  for (std::size_t t = 0; t < kIouThresholds; ++t) {
    for (std::size_t a = 0; a < kAreas; ++a) {
      out.recall[a][t] = precision_at_recalls(matches, static_cast<int>(t),
                                              static_cast<AreaClass>(a), {}, out.precision[a][t]);
    }
    for (std::size_t m = 0; m < 2; ++m) {
      out.recall_few[m][t] = recall_of_first(matches, kMaxDets[m], t);
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
          if (one.precision[area][t][r] > -1) values.push_back(one.precision[area][t][r]);
        }
      }
    }
    return numpy_mean(values);
  };
  const auto recall = [&](const auto& of) {
    values.clear();
    for (std::size_t t = 0; t < kIouThresholds; ++t) {
      for (const ClassCurves& one : all) {
        if (of(one)[t] > -1) values.push_back(of(one)[t]);
      }
    }
    return numpy_mean(values);
  };
  const auto recall_of_area = [&](std::size_t area) {
    return recall([area](const ClassCurves& one) -> const auto& { return one.recall[area]; });
  };
  const auto recall_of_few = [&](std::size_t m) {
    return recall([m](const ClassCurves& one) -> const auto& { return one.recall_few[m]; });
  };
  return {{precision(0, 0, kIouThresholds), precision(0, 0, 1), precision(0, 5, 6),
           precision(1, 0, kIouThresholds), precision(2, 0, kIouThresholds),
           precision(3, 0, kIouThresholds), recall_of_few(0), recall_of_few(1), recall_of_area(0),
           recall_of_area(1), recall_of_area(2), recall_of_area(3)}};
}

}  // namespace

double numpy_mean(std::span<const double> values) {
  if (values.empty()) return -1;
  return pairwise_sum(values) / static_cast<double>(values.size());
}

double precision_at_recalls(const ClassMatches& matches, int threshold, AreaClass area,
                            std::span<const int> weights,
                            std::array<double, kRecallPoints>& points) {
  const auto a = static_cast<std::size_t>(area);
  std::int64_t truths = matches.truths[a];
  if (!weights.empty()) {
    SYOLO_ASSERT(area == AreaClass::all, "weights are for all sizes together");
    truths = 0;
    for (const auto& [item, count] : matches.item_truths) {
      truths += static_cast<std::int64_t>(weights[static_cast<std::size_t>(item)]) * count;
    }
  }
  if (truths == 0) {
    points.fill(-1);
    return -1;
  }
  // Ignored predictions repeat the point before them, so that leaving them out changes nothing.
  std::vector<double> recall, precision;
  recall.reserve(matches.scores.size());
  precision.reserve(matches.scores.size());
  std::int64_t hits = 0, misses = 0;
  for (std::size_t i = 0; i < matches.scores.size(); ++i) {
    const Outcome outcome = matches.outcomes[a][i];
    if ((outcome.ignored >> threshold & 1) != 0) continue;
    const int weight = weights.empty() ? 1 : weights[static_cast<std::size_t>(matches.items[i])];
    if (weight == 0) continue;
    ((outcome.hit >> threshold & 1) != 0 ? hits : misses) += weight;
    const auto tp = static_cast<double>(hits), fp = static_cast<double>(misses);
    recall.push_back(tp / static_cast<double>(truths));
    precision.push_back(tp / (fp + tp + std::numeric_limits<double>::epsilon()));
  }
  for (std::size_t i = precision.size(); i-- > 1;) {
    precision[i - 1] = std::max(precision[i - 1], precision[i]);
  }
  static const std::array<double, kRecallPoints> at = recall_points();
  std::size_t i = 0;
  for (std::size_t r = 0; r < kRecallPoints; ++r) {
    while (i < recall.size() && recall[i] < at[r]) ++i;
    points[r] = i < recall.size() ? precision[i] : 0;
  }
  return recall.empty() ? 0 : recall.back();
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
  for (std::size_t t = 0; t < kIouThresholds; ++t) {
    for (std::size_t r = 0; r < kRecallPoints; ++r) {
      for (const ClassCurves& one : all) {
        for (std::size_t a = 0; a < kAreas; ++a) {
          report.precision.push_back(one.precision[a][t][r]);
        }
      }
    }
  }
  return report;
}

}  // namespace syolo
