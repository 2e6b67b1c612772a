// The prices that a fit needs, measured where they matter first.
#pragma once

#include "app/cli/console.h"
#include "app/cli/fit.h"
#include "app/cli/price_file.h"

namespace syolo::cli {

struct PricingTask {
  const std::vector<Member>& grid;
  int classes;
  const Budget& budget;
  const QualityFit& quality;
  const PlanOptions& options;
  double seconds;
};

/// Members of equal shapes share their prices: the shallowest of each group is run. Those groups
/// come first that promise the best member within the budget, by what measured ones needed for
/// their work; without a budget, those of least work. Ends when no group promises anything better,
/// when the time is up, or when the list ends.
void measure_prices(const PricingTask& task, PriceFile& file, Console& out);

}  // namespace syolo::cli
