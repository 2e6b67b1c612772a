// What people type -> what CLI11 reads: key=value, spellings of other detectors, darknet's
// single dashes, options in any position. Says what is wrong better than a parser library can.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "app/cli/command.h"

namespace syolo::cli {

struct Request {
  const Command* command = nullptr;  // null: the program's own help or version
  bool help = false, version = false;
  std::vector<std::string> args;  // without the command
};

/// Finds the command among the arguments (global options may come before it).
/// @throws Error(usage) for an unknown command, with a suggestion
Request find_request(std::span<const std::string> args);

/// Options first, each as --name=value or --flag, then "--" and everything else.
/// @throws Error(usage) for unknown, repeated and valueless options
std::vector<std::string> canonical(const CLI::App& cli, const Command& command,
                                   std::span<const std::string> args);

}  // namespace syolo::cli
