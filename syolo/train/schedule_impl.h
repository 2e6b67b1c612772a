// Learning rates as functions of the step: ScaledYOLOv4's warm-up and cosine, Darknet's policies.
#pragma once

#include <cstdint>
#include <vector>

#include "syolo/base/error.h"
#include "syolo/graph/net.h"

namespace syolo::train {

/// Rates of one step: of the weights, and of all biases, which warm up downwards.
struct Rates {
  double weights = 0, biases = 0, momentum = 0;
};

/// ScaledYOLOv4's; names and defaults of its files.
struct CosineSchedule {
  double lr0 = 0.01, lrf = 0.2;
  double momentum = 0.937;
  double warmup_epochs = 3, warmup_momentum = 0.9, warmup_bias_lr = 0.1;
  std::int64_t warmup_least = 1000;  // batches, but never more than a tenth of the run
  std::int64_t epochs = 300, batches_per_epoch = 1;
  double nominal_batch = 64;  // pictures of one step
  int batch = 16;             // pictures of one batch

  /// lr0 times this in an epoch: from 1 down to lrf along half a cosine.
  double factor(std::int64_t epoch) const;
  std::int64_t warmup_batches() const;
  /// @param batch_number  counted from 0 over the whole run
  Rates rates(std::int64_t batch_number) const;
  /// How many batches make one step after the warm-up.
  double batches_per_step() const;
  /// How many batches make one step now.
  int accumulate(std::int64_t batch_number) const;
  /// Of the whole run, had it no warm-up.
  std::int64_t steps() const;
};

/// Pictures of one step: the published 64, and fewer, down to one batch, where an epoch of them
/// would have less than 16 steps.
double nominal_batch_for(std::int64_t images, int batch);

/// How the weights are averaged: published are 0.9999 and 2000 for half a million steps. Shorter
/// runs average over their last fiftieth, too, and follow closely in their first twentieth.
struct AverageShape {
  double decay = 0.9999, ramp = 2000;
  /// How much of the old average stays at step `step`, counted from 1.
  double kept(std::int64_t step) const;
};
AverageShape average_for(std::int64_t steps);

/// What [net] says; Darknet's names and defaults. Steps are counted from 1.
struct DarknetSchedule {
  enum class Policy { constant, step, steps, exp, poly, sig, sgdr };
  Policy policy = Policy::constant;
  double learning_rate = 0.001, learning_rate_min = 0.00001;
  double momentum = 0.9, decay = 0.0001;
  std::int64_t burn_in = 0, max_batches = 0;
  double power = 4, gamma = 1, scale = 1;
  std::int64_t step = 1;
  std::vector<std::int64_t> steps;
  std::vector<double> scales;
  std::int64_t sgdr_cycle = 0;  // max_batches where not given
  double sgdr_mult = 2;

  double rate(std::int64_t step_number) const;
};
/// The same over a run of `steps`: every number of steps in proportion, burn-in at most a fifth:
/// shorter ones drive the objectness of all slots down before anything is learnt.
DarknetSchedule fitted(const DarknetSchedule& schedule, std::int64_t steps);
/// @param net  the hints of [net]
/// @throws Error(input) at `where` for an unknown policy, or steps without as many scales
DarknetSchedule darknet_schedule(const KeyValues& net, const Where& where);

}  // namespace syolo::train
