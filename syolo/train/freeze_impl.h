// Which layers of a network learn, and when: what the cfg says (stopbackward, train_only_bn,
// burnin_update, dont_update, onlyforward, with Darknet's meaning) and frozen first layers.
#pragma once

#include <set>
#include <vector>

#include "syolo/graph/graph.h"

namespace syolo::train {

class Freeze {
 public:
  /// @param layers  so many of the first stay as they are
  /// @throws Error(input) at the section for a value that is no number
  Freeze(const Graph& graph, int layers);

  /// Whether step `step`, counted from 1, changes the layer's parameters.
  bool learns(NodeId node, std::int64_t step) const;
  /// Layers whose normalisation goes by the running statistics and leaves them as they are.
  const std::set<NodeId>& still() const { return still_; }
  /// Layers that hand no gradient to what they read.
  const std::set<NodeId>& only_forward() const { return only_forward_; }

 private:
  /// Steps at which a layer learns.
  struct Steps {
    std::int64_t first = 1;
    bool none = false;
  };
  std::vector<Steps> steps_;  // by node
  std::set<NodeId> still_, only_forward_;
};

}  // namespace syolo::train
