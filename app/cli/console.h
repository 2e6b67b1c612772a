// What a person sees: results on stdout, everything else on stderr. Colours and the progress bar
// appear only on a terminal; a pipe gets plain lines.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "syolo/base/error.h"

namespace syolo::cli {

/// Options that every command takes.
struct Globals {
  int threads = 0;  // 0 = what this process may use
  std::uint64_t seed = 0;
  bool quiet = false;
  bool json = false;
};

/// Thrown when the reader of stdout has gone away: main ends quietly with exit 0.
struct PipeClosed {};

class Console {
 public:
  Console();
  ~Console();
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  Globals globals;

  /// Result text to stdout, as it is. @throws PipeClosed, Error(io) when it cannot be written
  void print(std::string_view text);
  void flush();
  /// A line about what happens, to stderr; nothing under --quiet.
  void note(std::string_view line);
  /// Always shown: problems.
  void warn(std::string_view line);
  void error(const Error& error);
  void notes(const Findings& findings);  // warnings always, notes unless --quiet

  /// The bar of `what` (images): redrawn at most ten times a second, only on a terminal.
  /// @param total  0 when unknown
  void progress(std::int64_t done, std::int64_t total, std::string_view what);
  void end_progress();

  bool color_out() const { return color_out_; }
  std::string bold(std::string_view text) const;  // for stdout

 private:
  using Clock = std::chrono::steady_clock;
  void write_error(std::string_view text);
  void clear_bar();
  std::string buffer_;
  bool terminal_out_, terminal_err_, color_out_, color_err_;
  std::string bar_;  // shown now
  Clock::time_point begin_{}, drawn_{};
  bool running_ = false;
};

/// "12.3 s" or "02:05" or "1:02:05".
std::string duration(double seconds);
std::string mebibytes(std::int64_t bytes);

}  // namespace syolo::cli
