// What `syolo fit` finds and draws.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "syolo/eval/plot.h"
#include "syolo/zoo/search.h"

namespace syolo::cli {

struct Budget {
  double latency_ms = 0;          // 95th percentile of one picture
  std::int64_t memory_bytes = 0;  // 0: any
};

struct FitRow {
  Member member;
  double gflops = 0;
  std::int64_t parameters = 0, memory_bytes = 0;
  double predicted_ms = 0;                                   // 95th percentile
  double predicted_typical_ms = 0, measured_typical_ms = 0;  // lower quartile
  std::optional<double> measured_ms;                         // 95th percentile
  double predicted_ap = 0;
  bool seen = true;  // within the work of the published networks
};

/// Those that no other one beats in both time and AP, fastest first.
std::vector<FitRow> pareto(std::vector<FitRow> rows);

/// AP against milliseconds (logarithmic): all rows as dots, the front as a line, the budget, the
/// chosen one.
Sheet fit_sheet(const std::vector<FitRow>& rows, const Budget& budget, const FitRow* chosen);
/// A page with the plot and the table of the front.
std::string fit_page(const std::vector<FitRow>& rows, const Budget& budget, const FitRow* chosen,
                     const std::string& machine);

}  // namespace syolo::cli
