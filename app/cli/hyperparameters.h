// The hyper-parameters of training by their names in ScaledYOLOv4's files.
#pragma once

#include "app/cli/json.h"
#include "syolo/train/trainer.h"

namespace syolo::cli {

/// Sets what a file of lines "name: value" says; the rest stays.
/// @throws Error with file and line: unknown names (with a suggestion), values out of range
void read_hyperparameters(const Path& file, TrainOptions& options);

Json hyperparameters(const TrainOptions& options);
/// @throws Error(input) at `where` for what hyperparameters() does not write
void set_hyperparameters(const Json& values, const Where& where, TrainOptions& options);

}  // namespace syolo::cli
