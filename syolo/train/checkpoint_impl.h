// What a run must remember between two steps, as a State: f32 values of the network, the
// optimiser and the average, and how far it is. Random numbers need none: they follow from the
// seed and the place in the data.
#pragma once

#include "syolo/data/loader.h"
#include "syolo/train/optimizer_impl.h"
#include "syolo/train/state_impl.h"

namespace syolo::train {

struct Progress {
  Cursor next;                   // batch
  std::int64_t images_seen = 0;  // by the network
  std::int64_t best_epoch = -1;
  double best = -1;
  bool operator==(const Progress&) const = default;
};

State checkpoint(const Net& net, const Optimizer& optimizer, const Average& average,
                 const Progress& progress);
/// Overwrites the three with what checkpoint() kept, bit by bit (f32).
/// @throws Error(input) when the state is of another network or optimiser
Progress restore(const State& state, Net& net, Optimizer& optimizer, Average& average);

}  // namespace syolo::train
