#include "app/cli/help.h"

#include <CLI/App.hpp>

#include "syolo/base/text.h"

namespace syolo::cli {

std::string program_help() {
  std::string out =
      "syolo: finds objects in pictures with networks of the YOLOv4 family\n\n"
      "usage: syolo COMMAND MODEL [INPUT...] [options]\n\n";
  for (const Command& row : commands()) {
    const std::string name =
        std::string(row.name) + (row.alias.empty() ? "" : " (" + std::string(row.alias) + ")");
    out += format("  {:<17} {}\n", name, row.summary);
  }
  out +=
      "\nall commands: --threads N  --seed N  --json  --quiet  --help  --version\n"
      "key=value works for --key value; -- ends the options\n"
      "exit codes: 0 done, 1 the answer is no, 2 wrong request or file, 3 done in part,\n"
      "            4 the machine says no, 6 a process lost, 7 data refused, 8 stopped, 9 a bug\n\n"
      "example: " +
      std::string(commands().front().example) + "\n";
  return out;
}

std::string command_help(const Command& command, const CLI::App& cli) {
  std::string out = format("syolo {}: {}\n\nusage: syolo {} {}\n", command.name, command.summary,
                           command.name, command.usage);
  for (const CLI::Option* option : cli.get_options()) {
    if (option->get_positional()) {
      out += format("  {:<26} {}\n", option->get_type_name(), option->get_description());
    }
  }
  for (const CLI::Option* option : cli.get_options()) {
    if (option->get_positional() || option->get_group().empty()) continue;
    std::string name = "--" + option->get_lnames().front();
    if (option->get_items_expected_max() > 0) name += " " + option->get_type_name();
    out += format("  {:<26} {}\n", name, option->get_description());
  }
  out += "  all commands: --threads N  --seed N  --json  --quiet  --help  --version\n\n";
  return out + "example: " + std::string(command.example) + "\n";
}

}  // namespace syolo::cli
