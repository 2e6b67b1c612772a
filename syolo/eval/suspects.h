// Labels that a model disagrees with, the most doubtful first: people look at these, nothing is
// changed. A model that learned from the same labels repeats their faults; one of another fold, or
// of other data, finds more.
#pragma once

#include <span>

#include "syolo/data/lint.h"
#include "syolo/eval/predictions.h"

namespace syolo {

struct SuspectOptions {
  double score = 0.5;  // boxes above it are believed
  double seen = 0.05;  // a truth without a box above this is unseen
  double iou = 0.5;    // at which a box is on a truth
};

/// Appends findings of the rules suspect-*, with the boxes in question as marks: objects without a
/// label, labels of another class and at another place by falling score; then labels where the
/// model sees nothing, by falling size. Crowds excuse what lies in them.
/// @param judged  which of the dataset's classes the model knows; empty: all. Labels of others are
///                not doubted.
void add_suspects(const Dataset& dataset, std::span<const Prediction> predictions,
                  const std::vector<bool>& judged, const SuspectOptions& options,
                  LintReport& report);

}  // namespace syolo
