#include "syolo/train/freeze_impl.h"

#include <algorithm>

#include "syolo/train/hints_impl.h"

namespace syolo::train {

Freeze::Freeze(const Graph& graph, int layers) : steps_(graph.nodes().size()) {
  const int burn_in = Hints(graph.net().hints, {.item = "[net]"}).integer("burn_in", 0);
  const int count = static_cast<int>(graph.nodes().size());
  int stopped = -1;  // the last layer of stopbackward=1
  const auto none_up_to = [&](NodeId last) {
    for (NodeId below = 0; below <= last; ++below)
      steps_[static_cast<std::size_t>(below)].none = true;
  };
  for (NodeId node = 0; node < count; ++node) {
    const Hints keys(graph.node(node).hints, graph.node(node).where);
    Steps& own = steps_[static_cast<std::size_t>(node)];
    own.first = std::max(own.first, std::int64_t{keys.integer("burnin_update", 0)} * burn_in);
    own.first = std::max(own.first, std::int64_t{keys.integer("dont_update", 0)} + 1);
    const int stop = keys.integer("stopbackward", 0);
    if (stop == 1) stopped = node;
    if (stop > 1) {  // through this step
      for (NodeId below = 0; below <= node; ++below) {
        Steps& of = steps_[static_cast<std::size_t>(below)];
        of.first = std::max(of.first, std::int64_t{stop} + 1);
      }
    }
    if (keys.flag("train_only_bn")) none_up_to(node);
    if (keys.flag("onlyforward")) own.none = true, only_forward_.insert(node);
  }
  none_up_to(std::min(std::max(stopped, layers - 1), count - 1));
  for (NodeId node = 0; node < std::min(std::max(stopped, layers), count); ++node) {
    still_.insert(node);
  }
}

bool Freeze::learns(NodeId node, std::int64_t step) const {
  const Steps& steps = steps_[static_cast<std::size_t>(node)];
  return !steps.none && step >= steps.first;
}

}  // namespace syolo::train
