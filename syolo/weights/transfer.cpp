#include "syolo/weights/transfer.h"

#include <algorithm>

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

int common_layers(const Graph& a, const Graph& b) {
  const auto most = static_cast<NodeId>(std::min(a.nodes().size(), b.nodes().size()));
  const auto alike = [&](NodeId id) {
    const std::vector<ParamSpec> of_a = a.params(id), of_b = b.params(id);
    return a.node(id).section == b.node(id).section && a.node(id).src == b.node(id).src &&
           std::ranges::equal(of_a, of_b, [](const ParamSpec& x, const ParamSpec& y) {
             return x.role == y.role && x.shape == y.shape;
           });
  };
  NodeId common = 0;
  while (common < most && alike(common)) ++common;
  return common;
}

}  // namespace syolo
