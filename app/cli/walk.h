// A detector over the pictures of a dataset: what eval and why measure.
#pragma once

#include <vector>

#include "app/cli/boxes.h"
#include "syolo/data/formats.h"
#include "syolo/eval/predictions.h"

namespace syolo::cli {

/// Thresholds as published averages have them: nearly every box is kept.
struct WalkArgs {
  WalkArgs() { boxes.conf = 0.001, boxes.nms = 0.6; }
  ModelArgs model;
  PlanArgs plan;
  BoxArgs boxes;
  bool allow_missing = false;
  bool classifiers = false;  // their answers count, too
};
/// All options of a walk; MODEL may be left out.
void add_walk(CLI::App& cli, WalkArgs& args);

struct Walk {
  std::vector<Prediction> rows;
  double decode_ms = 0, preprocess_ms = 0, infer_ms = 0, postprocess_ms = 0;  // per picture
  double pictures_per_second = 0;
  std::vector<bool> judged;  // which of the dataset's classes the model has
  bool stopped = false;      // by a signal: rows are incomplete
};
/// Pictures that cannot be read are an error; with allow_missing they are taken out of `data`.
/// A classifier's rows are the five likeliest classes of each picture, whatever their score.
/// @throws Error(data_refused) naming the first of them and their number
Walk walk(const WalkArgs& args, Dataset& data, Console& out);

}  // namespace syolo::cli
