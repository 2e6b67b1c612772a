#include "syolo/weights/transfer.h"

namespace syolo {

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
