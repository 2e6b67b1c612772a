// A built network at a glance: what its parts cost, and a drawing of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "syolo/graph/cost.h"
#include "syolo/zoo/recipe.h"

namespace syolo {

std::string_view word(NetworkPart::Kind kind);  // "stem", "stage", "neck", "head"

struct PartCost {
  NetworkPart part;
  Shape out;  // of its last layer that is no head
  std::int64_t parameters = 0, macs = 0;
};
/// @param table  cost of the blueprint's graph
std::vector<PartCost> part_costs(const Blueprint& built, const CostTable& table);

/// Stages from left to right, levels from fine (top) to coarse, the neck's way down and up again,
/// heads at the right. A box's bar is its share of the network's work.
std::string network_svg(const Blueprint& built, const CostTable& table);

}  // namespace syolo
