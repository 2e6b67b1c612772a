// One result told to people: tables, plots and a self-contained page.
#pragma once

#include <optional>
#include <utility>

#include "syolo/eval/coco_ap.h"
#include "syolo/eval/curves.h"
#include "syolo/eval/intervals.h"
#include "syolo/eval/lrp.h"
#include "syolo/eval/plot.h"

namespace syolo {

/// Thresholds of one class, or of all as one.
struct ClassThresholds {
  std::string name;
  double best_f1 = 0, best_score = 0;           // F1 0: no prediction counts
  double wanted_score = 0, wanted_recall = -1;  // recall -1: the precision is never reached
};

struct EvalReport {
  CocoReport coco;
  ScoreCurve all;
  std::vector<ScoreCurve> classes;  // as coco.classes
  Lrp lrp;
  Calibration calibration;
  Confusion confusion;
  double confusion_score = 0;  // predictions above it
  double wanted_precision = 0.9;
  std::optional<Bootstrap> intervals;
};
struct EvalReportOptions {
  double wanted_precision = 0.9;
  double confusion_score = -1;  // below 0: where F1 of all is greatest
  int bootstrap_rounds = 0;     // 0: no intervals
  std::uint64_t seed = 0;
  int threads = 0;
};
EvalReport eval_report(const Dataset& dataset, std::span<const Prediction> predictions,
                       const EvalReportOptions& options);

ClassThresholds thresholds_of(const ScoreCurve& curve, double wanted_precision, std::string name);

/// File name without suffix and sheet: precision_recall, f1, calibration, confusion.
std::vector<std::pair<std::string, Sheet>> eval_plots(const EvalReport& report,
                                                      const Dataset& dataset);
/// Tables and curves, to be part of a page.
std::string eval_section(const EvalReport& report, const Dataset& dataset);

}  // namespace syolo
