#include "syolo/eval/curves.h"

#include <algorithm>
#include <cmath>

namespace syolo {
namespace {

struct ScoredHit {
  double score;
  bool hit;
};

void add_points(const ClassMatches& matches, std::vector<ScoredHit>& points) {
  const auto& outcomes = matches.outcomes[0];
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    if ((outcomes[i].ignored & 1) != 0 || std::isnan(matches.scores[i])) continue;
    points.push_back({matches.scores[i], (outcomes[i].hit & 1) != 0});
  }
}

ScoreCurve curve_of(const std::vector<ScoredHit>& points, std::int64_t truths) {
  ScoreCurve curve;
  curve.truths = truths;
  double hits = 0, all = 0;
  for (const ScoredHit& point : points) {
    hits += point.hit ? 1 : 0;
    ++all;
    curve.score.push_back(point.score);
    curve.precision.push_back(hits / all);
    curve.recall.push_back(truths > 0 ? hits / static_cast<double>(truths) : 0);
  }
  return curve;
}

/// True behind the last of equal scores.
bool ends_group(const ScoreCurve& curve, std::size_t i) {
  return i + 1 == curve.size() || curve.score[i + 1] < curve.score[i];
}

}  // namespace

double ScoreCurve::f1(std::size_t i) const {
  const double sum = precision[i] + recall[i];
  return sum > 0 ? 2 * precision[i] * recall[i] / sum : 0;
}

std::size_t ScoreCurve::best_f1() const {
  std::size_t best = size();
  for (std::size_t i = 0; i < size(); ++i) {
    if (ends_group(*this, i) && (best == size() || f1(i) > f1(best))) best = i;
  }
  return best;
}

std::size_t ScoreCurve::point_of_precision(double wanted) const {
  for (std::size_t i = size(); i-- > 0;) {
    if (ends_group(*this, i) && precision[i] >= wanted) return i;
  }
  return size();
}

ScoreCurve score_curve(const ClassMatches& matches) {
  std::vector<ScoredHit> points;
  add_points(matches, points);
  return curve_of(points, matches.truths[0]);
}

ScoreCurve score_curve(const Matches& matches) {
  std::vector<ScoredHit> points;
  std::int64_t truths = 0;
  for (const ClassMatches& one : matches.classes) {
    add_points(one, points);
    truths += one.truths[0];
  }
  std::stable_sort(points.begin(), points.end(),
                   [](const ScoredHit& a, const ScoredHit& b) { return a.score > b.score; });
  return curve_of(points, truths);
}

Calibration calibration(const Matches& matches) {
  std::vector<ScoredHit> points;
  for (const ClassMatches& one : matches.classes) add_points(one, points);
  Calibration result;
  std::int64_t all = 0;
  for (const ScoredHit& point : points) {
    if (!(point.score >= 0 && point.score <= 1)) continue;  // no probability
    const auto bin = std::min<std::size_t>(9, static_cast<std::size_t>(point.score * 10));
    ++result.bins[bin].count, ++all;
    result.bins[bin].score += point.score;
    result.bins[bin].right += point.hit ? 1 : 0;
  }
  for (Calibration::Bin& bin : result.bins) {
    if (bin.count == 0) continue;
    const auto n = static_cast<double>(bin.count);
    bin.score /= n, bin.right /= n;
    result.error += std::abs(bin.score - bin.right) * n / static_cast<double>(all);
  }
  return result;
}

namespace {

struct Pair {
  double iou;
  std::size_t truth, row;
};

/// One picture's rows and truths into the counts.
class PictureConfusion {
 public:
  PictureConfusion(const Item& item, std::span<const Prediction* const> rows, Confusion& out) :
      rows_(rows), out_(out) {
    for (const Truth& truth : item.truths) {
      (truth.crowd || truth.difficult ? ignored_ : truths_).push_back(&truth);
    }
  }

  void operator()() {
    std::vector<char> truth_taken(truths_.size()), row_taken(rows_.size());
    for (const Pair& pair : pairs()) {
      if (truth_taken[pair.truth] || row_taken[pair.row]) continue;
      truth_taken[pair.truth] = row_taken[pair.row] = 1;
      count(truths_[pair.truth]->cls, rows_[pair.row]->cls);
    }
    for (std::size_t i = 0; i < truths_.size(); ++i) {
      if (!truth_taken[i]) count(truths_[i]->cls, background());
    }
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (!row_taken[i] && !on_ignored(rows_[i]->box)) count(background(), rows_[i]->cls);
    }
  }

 private:
  int background() const { return static_cast<int>(out_.classes); }
  void count(int truth, int predicted) {
    ++out_.counts[static_cast<std::size_t>(truth) * (out_.classes + 1) +
                  static_cast<std::size_t>(predicted)];
  }

  std::vector<Pair> pairs() const {
    std::vector<Pair> result;
    for (std::size_t t = 0; t < truths_.size(); ++t) {
      for (std::size_t r = 0; r < rows_.size(); ++r) {
        const double iou = coco_iou(rows_[r]->box, truths_[t]->box, false);
        if (iou > 0.5) result.push_back({iou, t, r});
      }
    }
    std::stable_sort(result.begin(), result.end(),
                     [](const Pair& a, const Pair& b) { return a.iou > b.iou; });
    return result;
  }

  bool on_ignored(const BoxXywh& box) const {
    return std::any_of(ignored_.begin(), ignored_.end(), [&](const Truth* truth) {
      return coco_iou(box, truth->box, truth->crowd) > 0.5;
    });
  }

  std::span<const Prediction* const> rows_;
  Confusion& out_;
  std::vector<const Truth*> truths_, ignored_;
};

}  // namespace

Confusion confusion(const Dataset& dataset, std::span<const Prediction> predictions, double score) {
  Confusion out;
  out.classes = dataset.names.size();
  out.counts.resize((out.classes + 1) * (out.classes + 1));
  std::vector<std::vector<const Prediction*>> rows(dataset.items.size());
  for (const Prediction& row : predictions) {
    if (row.score > score) rows.at(static_cast<std::size_t>(row.item)).push_back(&row);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) PictureConfusion(dataset.items[i], rows[i], out)();
  return out;
}

}  // namespace syolo
