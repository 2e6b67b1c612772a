// The program: finds the command, runs it, turns whatever is thrown into a message and an exit
// code. The only `try` of the command line.

#include <CLI/CLI.hpp>  // the whole: App.hpp alone leaves its formatter undefined
#include <algorithm>
#include <filesystem>
#include <new>

#include "app/cli/arguments.h"
#include "app/cli/console.h"
#include "app/cli/help.h"
#include "app/cli/interrupt.h"
#include "app/cli/options.h"
#include "app/cli/waiting.h"

namespace syolo::cli {
namespace {

Exit exit_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
    case ErrorKind::input:
    case ErrorKind::unsupported:
      return Exit::usage;
    case ErrorKind::io:
    case ErrorKind::limit:
      return Exit::machine;
    case ErrorKind::data_refused:
      return Exit::refused;
    case ErrorKind::cancelled:
      return Exit::stopped;
    case ErrorKind::diverged:
      return Exit::diverged;
    case ErrorKind::rank_lost:
      return Exit::lost;
    case ErrorKind::internal:
      return Exit::bug;
  }
  return Exit::bug;
}

void parse(CLI::App& cli, const Command& command, std::vector<std::string> args) {
  const std::string hint = format("usage: syolo {} {} (details: syolo {} --help)", command.name,
                                  command.usage, command.name);
  std::reverse(args.begin(), args.end());  // CLI11 takes them from the back
  try {
    cli.parse(std::move(args));
  } catch (const CLI::RequiredError&) {
    std::string missing;
    for (const CLI::Option* option : cli.get_options()) {
      if (option->get_required() && option->count() == 0) {
        missing += (missing.empty() ? "" : " and ") + (option->get_positional()
                                                           ? option->get_type_name()
                                                           : "--" + option->get_lnames().front());
      }
    }
    throw Error(ErrorKind::usage, format("expected {}, found none", missing), {}, hint);
  } catch (const CLI::ExtrasError&) {
    const std::vector<std::string> extra = cli.remaining();
    throw Error(ErrorKind::usage,
                format("unexpected argument \"{}\"",
                       printable(extra.empty() ? std::string() : extra.back())),
                {}, hint);
  } catch (const CLI::ParseError& error) {
    throw Error(ErrorKind::usage, error.what(), {}, hint);
  }
}

Exit run(const Request& request, char** argv, Console& out) {
  if (request.version) {
    out.print("syolo " SYOLO_VERSION "\n");
    return Exit::done;
  }
  if (request.command == nullptr) {
    out.print(program_help());
    return Exit::done;
  }
  CLI::App cli;
  cli.set_help_flag();
  const Action action = request.command->bind(cli);
  add_globals(cli, out.globals);
  std::vector<std::string> canonical_args = canonical(cli, *request.command, request.args);
  const auto asked = [&](std::string_view option) {
    const auto end = std::find(canonical_args.begin(), canonical_args.end(), "--");
    return std::find(canonical_args.begin(), end, option) != end;
  };
  if (request.help || asked("--help")) {
    out.print(command_help(*request.command, cli));
    return Exit::done;
  }
  if (asked("--version")) {
    out.print("syolo " SYOLO_VERSION "\n");
    return Exit::done;
  }
  parse(cli, *request.command, std::move(canonical_args));
  if (request.command->computes) wait_briefly(argv);
  return action(out);
}

// Results printed before a failure are results; a wrong request without a remedy of its own is
// pointed to the help.
Exit finished(std::span<char*> argv, Console& out) {
  Request request;
  try {
    request = find_request(std::vector<std::string>(argv.begin() + 1, argv.end()));
    const Exit code = run(request, argv.data(), out);
    out.flush();
    return code;
  } catch (const Error& error) {
    out.end_progress();
    out.flush();
    if (error.kind() != ErrorKind::usage || !error.hint().empty()) throw;
    const std::string_view name = request.command == nullptr ? "" : request.command->name;
    throw Error(error.kind(), error.text(), error.where(),
                format("details: syolo {}{}--help", name, name.empty() ? "" : " "));
  }
}

Exit guarded(std::span<char*> argv, Console& out) {
  try {
    return finished(argv, out);
  } catch (const PipeClosed&) {
    return Exit::done;  // whoever read our results has seen enough
  } catch (const Error& error) {
    out.error(error);
    return exit_of(error.kind());
  } catch (const std::bad_alloc&) {
    out.error(Error(ErrorKind::limit, "expected enough memory, found none left", {},
                    "a smaller --input needs less"));
    return Exit::machine;
  } catch (const std::filesystem::filesystem_error& error) {
    out.error(Error(ErrorKind::io, error.code().message(), {.file = error.path1().string()}));
    return Exit::machine;
  } catch (const std::exception& error) {
    out.error(Error(ErrorKind::internal, error.what(), {}, "this is a bug of syolo"));
    return Exit::bug;
  }
}

}  // namespace
}  // namespace syolo::cli

int main(int argc, char** argv) {
  syolo::cli::install_signal_handlers();
  syolo::cli::Console out;
  if (argc < 1) return static_cast<int>(syolo::cli::Exit::usage);  // nobody's shell does this
  return static_cast<int>(syolo::cli::guarded({argv, argv + argc}, out));
}
