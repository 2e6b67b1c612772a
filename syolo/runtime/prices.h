// What layers cost on a machine: milliseconds by kind, window and shapes, measured by running
// networks with the engine's own steps. A network's price is the sum of its layers'.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "syolo/runtime/plan.h"

namespace syolo {

struct PriceList {
  std::map<std::string, double> ms;  // by layer_key
  double spread = 1.1;               // 95th percentile over the lower quartile of runs

  /// Milliseconds of a run that nothing disturbs. Nothing when a layer has no price.
  std::optional<double> price(const Graph& graph) const;
};

/// Layers of equal keys cost the same: section, keys, shapes, and whether a sum follows.
std::string layer_key(const Graph& graph, NodeId node);

/// Times of a network on this machine.
struct RunTimes {
  double quartile_ms = 0;  // the lower one: what a run takes when little disturbs it
  double p95_ms = 0;
  double least_ms = 0;
  std::int64_t memory_bytes = 0;  // arena and packed weights
};

/// Runs the network with random weights and adds the prices of layers that have none yet.
RunTimes measure_prices(const Graph& graph, const PlanOptions& options, PriceList& prices);

/// Times alone: 21 runs and `seconds` at least, but no more than ten times as long.
RunTimes measure_run(const Graph& graph, const PlanOptions& options, double seconds);

}  // namespace syolo
