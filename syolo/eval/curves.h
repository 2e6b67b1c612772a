// What lies behind an average, at IoU 0.5 and COCO's matching: precision, recall and F1 along the
// scores, calibration, confusion of classes, thresholds for a wanted precision.
#pragma once

#include "syolo/eval/match.h"

namespace syolo {

/// By falling score; one point per prediction that counts (not ignored, score a number).
struct ScoreCurve {
  std::int64_t truths = 0;
  std::vector<double> score, precision, recall;
  double f1(std::size_t i) const;
  /// Where F1 is greatest, the highest such score; size() when there is no point.
  std::size_t best_f1() const;
  /// The lowest score down to which precision is at least `wanted`; nothing when it never is.
  /// Of equal scores all count, or none.
  std::size_t point_of_precision(double wanted) const;  // size() = never
  std::size_t size() const { return score.size(); }
};
ScoreCurve score_curve(const ClassMatches& matches);
/// All classes in one, as if there were one class.
ScoreCurve score_curve(const Matches& matches);

/// How often predictions of a score are right: ten bins of equal width.
struct Calibration {
  struct Bin {
    std::int64_t count = 0;
    double score = 0, right = 0;  // means; 0 when empty
  };
  std::array<Bin, 10> bins;
  double error = 0;  // expected calibration error: mean of |score - right| over predictions
};
Calibration calibration(const Matches& matches);

/// Counts [class of the truth][class predicted]; the last row and column are the background.
struct Confusion {
  std::size_t classes = 0;
  std::vector<std::int64_t> counts;
  std::int64_t at(std::size_t truth, std::size_t predicted) const {
    return counts[truth * (classes + 1) + predicted];
  }
};
/// Pairs are made by falling overlap above 0.5 whatever the class; crowds and difficult truths
/// take part in none, nor does a background prediction that overlaps one.
Confusion confusion(const Dataset& dataset, std::span<const Prediction> predictions, double score);

}  // namespace syolo
