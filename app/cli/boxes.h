// Which boxes a detector keeps: options that every command with a detector shares.
#pragma once

#include "app/cli/options.h"
#include "syolo/boxes/nms.h"

namespace syolo::cli {

struct BoxArgs {
  double conf = 0.25, nms = 0.45;
  int nms_kind = 0;  // model
  int max_det = 300;
  std::string classes;
  bool agnostic = false, letterbox = false, stretch = false;
};

/// Defaults are those that `args` holds.
void add_boxes(CLI::App& cli, BoxArgs& args);
void add_fit(CLI::App& cli, BoxArgs& args);
/// @throws Error(usage) for unknown classes
NmsOptions nms_options(const BoxArgs& args, const std::vector<std::string>& names);
/// Overrides how the model fits pictures into its input. @throws Error(usage) when both are asked
void set_fit(const BoxArgs& args, Model& model, Console& out);

}  // namespace syolo::cli
