// A training run as commands start it: the options that say it, and the run itself.
#pragma once

#include <functional>

#include "app/cli/json.h"
#include "app/cli/setup.h"
#include "syolo/train/trainer.h"

namespace syolo::cli {

struct TrainArgs {
  ModelArgs model;
  std::string data, out, resume, device = "cpu", hyp, backbone, teacher;
  int epochs = 0, batch = 0, overfit = 0, profile = 0, patience = 0, evaluate_every = 1;
  int recipe = 0;             // of TrainRecipe
  int optimizer = 0;          // of TrainOptimizer
  int precision = 0;          // f32, bf16, auto
  int sync_bn = 0;            // on, off
  int autoanchor = 0;         // on, off
  int recompute = 0;          // auto, on, off
  int freeze = 0, ranks = 0;  // ranks 0: one, or as many as the run to go on with
  RankPlace place;            // of this process
  bool single_class = false, multi_scale = false, image_weights = false;
  std::int64_t cache = std::int64_t{1} << 30;
  double lr0 = 0, mosaic = 0, mixup = 0, max_unusable = 0.1;
  /// Numbers of the scaled-yolov4 recipe that the command line says beside the file of them.
  struct Number {
    const CLI::Option* option;
    std::function<void(TrainOptions& options)> set;
  };
  std::vector<Number> numbers;
  // A run of a search: its hyper-parameters, instead of those above; what follows once the folder
  // is there. AP must be measurable then, and the report is left out.
  Json values;
  std::function<void()> began;
  bool in_search = false;
};

/// MODEL and all options of training; `args` stays where it is as long as it is used.
void add_training(CLI::App& cli, TrainArgs* args);

/// Sets the hyper-parameters that the arguments say.
void set_given(const TrainArgs& args, TrainOptions& options);

/// RUNS/NAME, RUNS/NAME-2, ...: the first that is not there.
std::string new_folder(const std::string& runs, const std::string& model);

struct TrainRun {
  Path out;
  TrainResult result;
  bool classifies = false;
};
/// Prepares, trains and writes the run folder; prints nothing to stdout.
/// @param args  with `resume` alone: goes on with that run, under the options it began with
TrainRun run_training(TrainArgs args, Console& out);

}  // namespace syolo::cli
