// What cost and scale print of a network's costs.
#pragma once

#include "app/cli/json.h"
#include "syolo/graph/cost.h"

namespace syolo::cli {

/// The document of `syolo cost --json`: docs/formats.md.
Json cost_json(const CostTable& table);
/// The totals, one a line.
std::string cost_totals(const CostTable& table);

}  // namespace syolo::cli
