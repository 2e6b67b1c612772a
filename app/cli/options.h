// Options that several commands share, with their checks. Values are read strictly, so that an
// error names the option, what it takes and what was found.
#pragma once

#include <CLI/App.hpp>
#include <optional>
#include <string>
#include <vector>

#include "app/cli/console.h"
#include "syolo/base/geometry.h"
#include "syolo/runtime/plan.h"
#include "syolo/weights/model.h"

namespace syolo::cli {

void add_globals(CLI::App& cli, Globals& globals);

/// `value` is the word for the value in the help text. All throw Error(usage).
CLI::Option* add_int(CLI::App& cli, const std::string& name, int& target, int low, int high,
                     const std::string& value, const std::string& help);
CLI::Option* add_real(CLI::App& cli, const std::string& name, double& target, double low,
                      double high, const std::string& value, const std::string& help);
CLI::Option* add_text(CLI::App& cli, const std::string& name, std::string& target,
                      const std::string& value, const std::string& help);
/// One of `words`; `target` gets its position.
CLI::Option* add_choice(CLI::App& cli, const std::string& name, int& target,
                        const std::vector<std::string_view>& words, const std::string& value,
                        const std::string& help);
/// "416" or "640x480" (width x height).
CLI::Option* add_size(CLI::App& cli, const std::string& name, std::optional<Size>& target,
                      const std::string& help);
/// As add_size(), or "auto": a size of {0, 0}.
CLI::Option* add_size_or_auto(CLI::App& cli, const std::string& name, std::optional<Size>& target,
                              const std::string& help);
/// "512M", "4G" or bytes.
CLI::Option* add_bytes(CLI::App& cli, const std::string& name, std::int64_t& target,
                       const std::string& help);

/// What a command needs to find and read a model.
struct ModelArgs {
  std::string model, weights, names;
  std::optional<Size> input;
  bool round_input = false, allow_unknown_keys = false;
  int names_mismatch = 0;        // of NamesMismatch
  bool partial_weights = false;  // those of the first layers are enough
};
void add_model(CLI::App& cli, ModelArgs& args);
void add_weights(CLI::App& cli, ModelArgs& args);
void add_names(CLI::App& cli, ModelArgs& args);
void add_input(CLI::App& cli, ModelArgs& args);

struct PlanArgs {
  int precision = 0;  // of Precision
  bool tune = false;
  std::int64_t max_memory = PlanOptions{}.max_memory;
  PlanOptions options(const Globals& globals) const;
};
void add_plan(CLI::App& cli, PlanArgs& args);

/// "16" or "dog", separated by commas -> class numbers. @throws Error(usage) with a suggestion
std::vector<int> class_numbers(const std::string& list, const std::vector<std::string>& names);

}  // namespace syolo::cli
