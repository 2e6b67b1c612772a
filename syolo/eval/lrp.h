// Localisation recall precision: one number for missed truths, false boxes and badly placed ones, 0
// is perfect and 1 is useless. Source: arXiv:1807.01696, at IoU 0.5.
#pragma once

#include "syolo/eval/match.h"

namespace syolo {

/// The optimal LRP of a class: of all scores above which boxes may be kept, the one with the least
/// error. 1 at no box when nothing is found.
struct ClassLrp {
  int cls = 0;  // position in Dataset::names
  double error = 1;
  double score = 1;                                        // the lowest that is kept
  double location = 0, false_share = 0, missed_share = 1;  // mean 1 - IoU; 1 - precision, - recall
};

struct Lrp {
  double error = -1;  // mean over the classes with truths; -1 when there are none
  std::vector<ClassLrp> classes;
};

Lrp optimal_lrp(const Dataset& dataset, std::span<const Prediction> predictions,
                const Matches& matches);

}  // namespace syolo
