// The commands, in the order in which people meet them.

#include <array>

#include "app/cli/command.h"

namespace syolo::cli {

std::span<const Command> commands() {
  static const std::array rows = {
      detect_command(),  train_command(),        train_evolve_command(), cost_command(),
      scale_command(),   fit_command(),          bench_command(),        trace_command(),
      convert_command(), lint_command(),         stats_command(),        eval_command(),
      compare_command(), why_command(),          anchors_command(),      preview_command(),
      split_command(),   convert_data_command(), list_command(),         doctor_command()};
  return rows;
}

const Command* find_command(std::string_view name) {
  for (const Command& row : commands()) {
    if (row.name == name || (!row.alias.empty() && row.alias == name)) return &row;
  }
  return nullptr;
}

}  // namespace syolo::cli
