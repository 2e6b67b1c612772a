// What a training run will need, said and checked before its first step.
#pragma once

#include "app/cli/console.h"
#include "syolo/train/trainer.h"

namespace syolo::cli {

struct TrainingNeeds {
  std::int64_t parameters = 0;    // values
  std::int64_t memory_bytes = 0;  // a forecast: weights, optimiser, kept activations of a batch
  std::int64_t disk_bytes = 0;    // three states and three model files
};
/// From the graph alone: every value of the program is kept until the way back, or with
/// options.recompute those that its segments exchange and one segment's.
TrainingNeeds training_needs(const Model& model, const TrainOptions& options);

/// Of --recompute. @param choice  0: when memory is short without it, 1: yes, 2: no
bool recomputes(const Model& model, const TrainOptions& options, int choice);

/// Prints parameters, memory, disk and what part of the boxes the anchors can find.
/// @throws Error(io) when the disk of the run folder lacks the room, Error(limit) when memory is
///         short for a batch, naming the batch that would fit
void preflight(const Model& model, const Dataset& train, const TrainOptions& options, Console& out);

}  // namespace syolo::cli
