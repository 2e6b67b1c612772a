#include "syolo/weights/transfer.h"

namespace syolo {

std::set<NodeId> nodes_with_weights(const Graph& graph) {
  std::set<NodeId> nodes;
  for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
    if (!graph.params(node).empty()) nodes.insert(node);
  }
  return nodes;
}

Transferred transferred(const Weights& from, const Graph& graph, std::uint64_t seed) {
  Transferred result;
  for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
    for (const ParamSpec& spec : graph.params(node)) {
      const ParamId id{node, spec.role};
      const bool same = from.has(id) && from.at(id).shape() == spec.shape;
      result.weights.set(id, same ? from.at(id) : random_parameter(id, spec.shape, seed));
      if (!same) result.random.insert(node);
    }
  }
  return result;
}

}  // namespace syolo
