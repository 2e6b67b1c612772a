// Graph -> graph: the network of an edited cfg.
#pragma once

#include <map>

#include "syolo/graph/graph.h"

namespace syolo {

/// What a node's section says, key by key, as write_cfg() writes it.
KeyValues keys_of(const Graph& graph, NodeId node);

/// The graph with other values of some keys, shapes inferred anew; places and hints stay.
/// @throws Error with the node's place for values that the layer refuses
Graph with_keys(const Graph& graph, const std::map<NodeId, KeyValues>& changes);

/// The network for another number of classes: heads or the last [softmax], and filters of the
/// convolutions before them.
/// @throws Error(unsupported) at a head without a convolution before it
Graph with_classes(const Graph& graph, int classes);

}  // namespace syolo
