// What a training run refuses before it starts.
#pragma once

#include <vector>

#include "syolo/train/trainer.h"

namespace syolo::train {

/// Of a network's heads, in file order; a classifier has none.
std::vector<HeadSpec> heads_of(const Graph& graph);

/// @throws like train_model() for a model, a dataset and options that do not fit each other
void check(const Model& model, const Dataset& data, const TrainOptions& options);

}  // namespace syolo::train
