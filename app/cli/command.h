// A command of the program: what it binds to the command line and what it then does.
// Commands have no `try`: main turns an Error into its message and exit code.
#pragma once

#include <functional>
#include <span>
#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's name
class App;
}

namespace syolo::cli {

class Console;

/// Exit codes (docs/errors.md): the numbers are a contract.
enum class Exit {
  done = 0,
  no = 1,        // done, and the answer is "no"
  usage = 2,     // request or input file is wrong, or a part is not built in
  part = 3,      // done in part: some inputs failed, counted and listed
  machine = 4,   // missing file, permission, disk, memory, limit
  diverged = 5,  // training, beyond rescue
  lost = 6,      // a process of several that train together, too often
  refused = 7,   // data refused (--strict)
  stopped = 8,   // by the user
  bug = 9
};

using Action = std::function<Exit(Console& out)>;

/// A row of rows.cpp. The name may have two words, as in "train evolve". `usage` follows it,
/// `example` is a whole command that works.
struct Command {
  std::string_view name, alias, summary, usage, example;
  Action (*bind)(CLI::App& cli);
  bool computes = false;  // runs a network
};

std::span<const Command> commands();
const Command* find_command(std::string_view name);  // by name or alias; null if unknown

Command detect_command();
Command train_command();
Command train_evolve_command();
Command cost_command();
Command scale_command();
Command fit_command();
Command bench_command();
Command trace_command();
Command convert_command();
Command lint_command();
Command stats_command();
Command eval_command();
Command compare_command();
Command why_command();
Command anchors_command();
Command preview_command();
Command split_command();
Command convert_data_command();
Command list_command();
Command doctor_command();

}  // namespace syolo::cli
