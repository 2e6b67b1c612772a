// COCO's average precision and recall for boxes, equal to pycocotools to the last bit.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "syolo/eval/match.h"

namespace syolo {

enum class CocoNumber { ap, ap50, ap75, aps, apm, apl, ar1, ar10, ar100, ars, arm, arl };
constexpr std::array<std::string_view, 12> kCocoNames = {
    "AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"};

/// The twelve numbers by CocoNumber; -1 where no truth counts (no picture of that size).
struct CocoNumbers {
  std::array<double, 12> values{};
  double operator[](CocoNumber which) const { return values[static_cast<std::size_t>(which)]; }
};

struct CocoClass {
  int cls = 0;                               // position in Dataset::names
  std::int64_t truths = 0, predictions = 0;  // truths that count
  CocoNumbers numbers;
};

struct CocoReport {
  CocoNumbers numbers;
  std::vector<CocoClass> classes;  // by ascending class id
  /// The arrays of pycocotools, with kMaxPredictions where it has several limits; -1 where no truth
  /// counts. [threshold][recall point][class as in `classes`][area]
  std::vector<double> precision, scores;
  std::vector<double> recall;  // [threshold][class][area][1, 10, kMaxPredictions]
};

/// All classes together and each alone (its precisions and recalls averaged in the same order).
CocoReport coco_ap(const Matches& matches, int threads = 0);

/// At one threshold, for sizes of one kind: the precision at the recall points (the envelope taken
/// from the right), the score that gets there, and the final recall. All -1 when no truth counts.
struct RecallCurve {
  std::array<double, kRecallPoints> precision{}, scores{};
  double recall = 0;
};
/// @param weights  how often each item counts (bootstrap), for area `all`; empty: once
RecallCurve recall_curve(const ClassMatches& matches, int threshold, AreaClass area,
                         std::span<const int> weights = {});

/// Sum of the values in the order of numpy's pairwise summation, over their number; -1 if empty.
double numpy_mean(std::span<const double> values);

}  // namespace syolo
