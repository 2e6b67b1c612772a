// A recipe's parts exchanged: other blocks in its stages, another neck, gated heads. Widths and
// depths stay what they were.
#pragma once

#include <optional>

#include "syolo/zoo/recipe.h"

namespace syolo {

/// What changes; what is not said stays.
struct Structure {
  std::optional<Block> block = {};
  std::optional<Csp> csp = {};
  std::optional<Fusion> fusion = {};
  std::optional<NeckKind> neck = {};  // fpn, pan, csp_pan or efm
  std::optional<Join> join = {};
  bool sam = false;  // heads of two 1x1 with a SAM between
};

/// Every stage alike. ResNeXt's widths go up to multiples of 64; blocks that cannot halve the map
/// get a 3x3 before them; yolov4-tiny's block has its own way of splitting.
/// @throws Error(usage) for a network whose neck cannot be exchanged
Recipe restructured(const Recipe& recipe, const Structure& structure);

}  // namespace syolo
