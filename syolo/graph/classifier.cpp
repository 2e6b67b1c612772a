#include "syolo/graph/classifier.h"

#include "syolo/graph/lower.h"

namespace syolo {

bool is_classifier(const Graph& graph) {
  if (graph.nodes().empty() || graph.nodes().back().section != "softmax") return false;
  return heads(lower(graph)).empty();
}

}  // namespace syolo
