#include "syolo/graph/classifier.h"

#include "syolo/graph/lower.h"

namespace syolo {

bool ends_in_softmax(const Program& program) {
  if (program.node_values.empty()) return false;
  const Instr& last = program.code.back();
  const auto* act = std::get_if<Activate>(&last.op);
  return act != nullptr && act->act.across() == Across::softmax &&
         last.dst == program.node_values.back();
}

bool is_classifier(const Graph& graph) {
  const Program program = lower(graph);
  return heads(program).empty() && ends_in_softmax(program);
}

}  // namespace syolo
