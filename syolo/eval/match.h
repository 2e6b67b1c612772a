// How each prediction fared against the truths, by COCO's rules: the common ground of AP, curves,
// intervals and comparisons. Source: the protocol of the COCO detection challenge, bounding boxes.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "syolo/eval/predictions.h"

namespace syolo {

constexpr int kIouThresholds = 10;  // 0.50, 0.55, ..., 0.95
constexpr int kRecallPoints = 101;  // 0, 0.01, ..., 1
enum class AreaClass { all, small, medium, large };
constexpr int kAreas = 4;
constexpr int kMaxPredictions = 100;  // per picture and class; the best count

/// Bit t: at IoU threshold t. A prediction that is neither hit nor ignored is false.
struct Outcome {
  std::uint16_t hit = 0, ignored = 0;
};

/// One class: its predictions by score, best first; equal scores in the order of image ids, then of
/// the file; NaN last.
struct ClassMatches {
  int cls = 0;  // position in Dataset::names
  std::vector<double> scores;
  std::vector<int> items;  // position in Dataset::items
  std::vector<int> ranks;  // among the predictions of this class in its picture, from 0
  std::vector<int> rows;   // position in the predictions given
  std::array<std::vector<Outcome>, kAreas> outcomes;
  std::array<std::int64_t, kAreas> truths{};     // that count (neither crowd nor out of range)
  std::vector<std::pair<int, int>> item_truths;  // item, number that count; area `all`
};

/// Classes by ascending id, as COCO orders them.
struct Matches {
  std::vector<ClassMatches> classes;
  int items = 0;
};

/// @param threads  0 = what this process may use; the result does not depend on it
Matches match(const Dataset& dataset, std::span<const Prediction> predictions, int threads = 0);

/// COCO's overlap: by the area of the prediction where the truth is a crowd; no +1 on sides.
double coco_iou(const BoxXywh& prediction, const BoxXywh& truth, bool crowd);

/// 0.50, 0.55, ..., 0.95 and 0, 0.01, ..., 1, with the rounding of numpy.linspace.
std::array<double, kIouThresholds> iou_thresholds();
std::array<double, kRecallPoints> recall_points();

}  // namespace syolo
