// What a training run starts from: the pictures, and the network with its weights.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "app/cli/train.h"

namespace syolo::cli {

struct Sets {
  Dataset train, val;
};
/// The parts of a dataset, prepared as the arguments say (single class, first pictures alone).
/// @throws Error(data_refused) for what the arguments do not accept
Sets training_sets(const TrainArgs& args, Console& out);

/// Pictures as they are, letterboxed or stretched.
AugmentOptions without_changes(const AugmentOptions& augmentation);

std::set<std::string> picture_folders(const Sets& sets);

struct Start {
  Model model;
  std::set<NodeId> random;  // layers whose weights are random
};
/// The model whose answers are learnt; none without --teacher.
/// @throws Error(input) for one of other classes than the dataset's
std::shared_ptr<const Model> teacher_for(const TrainArgs& args, const Dataset& data, Console& out);

/// The model to start from, its classes the dataset's, its input and preprocessing as trained.
/// @throws Error(input) where network, weights and dataset do not fit
Start start_for(const TrainArgs& args, const Dataset& data, Console& out);

}  // namespace syolo::cli
