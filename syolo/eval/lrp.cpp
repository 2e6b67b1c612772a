#include "syolo/eval/lrp.h"

#include <cmath>
#include <map>

namespace syolo {
namespace {

constexpr double kThreshold = 0.5;

/// The overlap of each hit with its truth, in the order of `matches`; 0 for others. Hits take the
/// truth that they overlap most, the best score first, as the pairing at IoU 0.5 does.
std::vector<double> overlaps(const Dataset& dataset, std::span<const Prediction> predictions,
                             const ClassMatches& matches) {
  std::map<int, std::vector<const Truth*>> open;  // of a picture, not yet found
  std::vector<double> result(matches.scores.size());
  for (std::size_t i = 0; i < result.size(); ++i) {
    if ((matches.outcomes[0][i].hit & 1) == 0) continue;
    const auto [at, is_new] = open.try_emplace(matches.items[i]);
    if (is_new) {
      for (const Truth& truth : dataset.items[static_cast<std::size_t>(at->first)].truths) {
        if (truth.cls == matches.cls && !truth.crowd) at->second.push_back(&truth);
      }
    }
    const BoxXywh& box = predictions[static_cast<std::size_t>(matches.rows[i])].box;
    const Truth** best = nullptr;
    for (const Truth*& truth : at->second) {
      const double iou = truth == nullptr ? 0 : coco_iou(box, truth->box, false);
      if (iou > result[i]) result[i] = iou, best = &truth;
    }
    if (best != nullptr) *best = nullptr;
  }
  return result;
}

ClassLrp optimal(const ClassMatches& matches, const std::vector<double>& ious) {
  ClassLrp best;
  best.cls = matches.cls;
  const auto truths = static_cast<double>(matches.truths[0]);
  double hits = 0, wrong = 0, misplaced = 0;
  const std::size_t count = matches.scores.size();
  for (std::size_t i = 0; i < count && !std::isnan(matches.scores[i]); ++i) {
    const Outcome& outcome = matches.outcomes[0][i];
    if ((outcome.hit & 1) != 0) {
      ++hits, misplaced += 1 - ious[i];
    } else if ((outcome.ignored & 1) == 0) {
      ++wrong;
    }
    if (i + 1 < count && matches.scores[i + 1] == matches.scores[i]) continue;  // all of a score
    const double error = (misplaced / (1 - kThreshold) + wrong + truths - hits) / (truths + wrong);
    if (hits == 0 || error >= best.error) continue;
    best.error = error, best.score = matches.scores[i];
    best.location = misplaced / hits, best.false_share = wrong / (hits + wrong);
    best.missed_share = 1 - hits / truths;
  }
  return best;
}

}  // namespace

Lrp optimal_lrp(const Dataset& dataset, std::span<const Prediction> predictions,
                const Matches& matches) {
  Lrp result;
  double sum = 0;
  for (const ClassMatches& one : matches.classes) {
    if (one.truths[0] == 0) continue;
    result.classes.push_back(optimal(one, overlaps(dataset, predictions, one)));
    sum += result.classes.back().error;
  }
  if (!result.classes.empty()) result.error = sum / static_cast<double>(result.classes.size());
  return result;
}

}  // namespace syolo
