// Weights of one network for another that shares most of its layers.
#pragma once

#include <set>

#include "syolo/weights/weights.h"

namespace syolo {

struct Transferred {
  Weights weights;
  std::set<NodeId> random;  // layers with a parameter that `from` had not in this shape
};

/// Nodes that have parameters.
std::set<NodeId> nodes_with_weights(const Graph& graph);

/// Parameters of the same layer, role and shape are taken over, the others are random ones.
Transferred transferred(const Weights& from, const Graph& graph, std::uint64_t seed);

/// How many of the first layers are alike in both: kinds, sources and the shapes of parameters.
int common_layers(const Graph& a, const Graph& b);

}  // namespace syolo
