// The building blocks: layers of a stage, stages, groups of a neck, pooling pyramids.
#pragma once

#include <array>

#include "syolo/zoo/builder_impl.h"

namespace syolo::zoo {

/// What a stage hands on. `tap`: what a neck takes sideways; `inner`: before its last layer;
/// `before`: the first layer's expanded map at the size of the stage before, if it halves inside.
struct Feature {
  NodeId out = -1, tap = -1, inner = -1, before = -1;
};

/// `depth` layers on a path of `carry` channels; hidden widths follow the stage's own width.
/// @return  out, and inner where there is a last layer
Feature layers(Builder& b, NodeId x, const Stage& stage, int carry, Act act);

/// The stage with its halving of the map.
Feature stage(Builder& b, NodeId x, const Stage& stage, Act act);

/// Maxima of 5, 9 and 13 cells (or as said) joined with the map itself.
NodeId pyramid(Builder& b, NodeId x, std::array<int, 3> sizes = {5, 9, 13});

/// 1x1 n, then `depth` times 3x3 2n, 1x1 n; `spp`: the pyramid and another 1x1 behind the first.
NodeId plain_group(Builder& b, NodeId x, int n, const Neck& neck, bool spp, Act act);

/// 1x1 n; CSP of pairs 1x1 n, 3x3 n without sums; 1x1 n.
NodeId csp_group(Builder& b, NodeId x, int n, int depth, Act act);
/// The topmost group, with the pyramid on its main path.
NodeId csp_spp_group(Builder& b, NodeId x, int n, const Neck& neck, Act act);
/// The two paths of a CSP group joined; the PyTorch modules treat them once more.
NodeId join(Builder& b, NodeId main, NodeId bypass, Act act);
/// `depth` pairs of 1x1 n, 3x3 n.
NodeId pairs(Builder& b, NodeId x, int n, int depth, Act act);

}  // namespace syolo::zoo
