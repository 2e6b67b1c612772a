// Help texts: made from what a command binds, so that they cannot lag behind; fit a screen.
#pragma once

#include <string>

#include "app/cli/command.h"

namespace syolo::cli {

std::string program_help();
std::string command_help(const Command& command, const CLI::App& cli);

}  // namespace syolo::cli
