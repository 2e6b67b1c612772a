#include "app/cli/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <system_error>

#include "app/cli/interrupt.h"

namespace syolo::cli {
namespace {

constexpr std::size_t kBufferBytes = 1 << 16;

bool wants_color(int fd) {
  const char* term = std::getenv("TERM");
  return ::isatty(fd) != 0 && std::getenv("NO_COLOR") == nullptr && term != nullptr &&
         std::string_view(term) != "dumb";
}

int terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

void write_out(std::string_view text) {
  while (!text.empty()) {
    const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
    if (put >= 0) {
      text.remove_prefix(static_cast<std::size_t>(put));
    } else if (errno == EPIPE) {
      throw PipeClosed{};
    } else if (errno != EINTR) {
      throw Error(ErrorKind::io, format("cannot write: {}", std::generic_category().message(errno)),
                  {.file = "standard output"});
    } else if (interrupted()) {
      throw Error(ErrorKind::cancelled, "stopped while writing", {.file = "standard output"});
    }
  }
}

}  // namespace

Console::Console() :
    terminal_out_(::isatty(STDOUT_FILENO) != 0), terminal_err_(::isatty(STDERR_FILENO) != 0),
    color_out_(wants_color(STDOUT_FILENO)), color_err_(wants_color(STDERR_FILENO)) {}

Console::~Console() {
  clear_bar();
}

void Console::print(std::string_view text) {
  if (terminal_out_) clear_bar();
  buffer_ += text;
  if (terminal_out_ || buffer_.size() >= kBufferBytes) flush();
}

void Console::flush() {
  std::string text;
  text.swap(buffer_);
  write_out(text);
}

void Console::write_error(std::string_view text) {
  clear_bar();
  // Order as a person reads it when both streams go to the same place.
  if (!buffer_.empty() && terminal_out_) flush();
  while (!text.empty()) {
    const ssize_t put = ::write(STDERR_FILENO, text.data(), text.size());
    if (put < 0 && errno == EINTR && !interrupted()) continue;
    if (put < 0) return;  // nobody listens; the exit code still tells
    text.remove_prefix(static_cast<std::size_t>(put));
  }
}

void Console::note(std::string_view line) {
  if (globals.quiet) return;
  write_error(std::string(line) + "\n");
}

void Console::warn(std::string_view line) {
  write_error(std::string(line) + "\n");
}

void Console::notes(const Findings& findings) {
  constexpr std::size_t kShown = 10;
  std::size_t shown = 0;
  for (const Finding& finding : findings) {
    if (finding.severity == Severity::note && globals.quiet) continue;
    if (shown++ < kShown) warn(to_text(finding));
  }
  if (shown > kShown) warn(format("... and {} more like these", shown - kShown));
}

namespace {

// Each line cleaned of control bytes: the text may quote a file.
std::string indented(std::string_view text) {
  std::string out;
  for (const std::string_view line : split(text, '\n')) {
    out += "  " + printable(line, 4000) + "\n";
  }
  return out;
}

}  // namespace

void Console::error(const Error& error) {
  const std::string place = to_text(error.where());
  const std::string head = place.empty() ? "syolo" : printable(place, 4000);
  std::string text = color_err_ ? "\x1b[1;31m" + head + "\x1b[0m\n" : head + "\n";
  text += indented(error.text());
  if (!error.hint().empty()) text += indented(error.hint());
  write_error(text);
}

void Console::clear_bar() {
  if (bar_.empty()) return;
  bar_.clear();
  constexpr std::string_view kErase = "\r\x1b[K";
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, kErase.data(), kErase.size());
}

void Console::progress(std::int64_t done, std::int64_t total, std::string_view what) {
  if (!terminal_err_ || globals.quiet) return;
  const auto now = Clock::now();
  if (!running_) {
    running_ = true;
    begin_ = now;
    drawn_ = now;
    return;
  }
  if (now - drawn_ < std::chrono::milliseconds(100) && !(bar_.empty() && done > 0)) return;
  drawn_ = now;
  const double seconds = std::chrono::duration<double>(now - begin_).count();
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  std::string text;
  if (total > 0) {
    const std::string left =
        rate > 0 ? duration(static_cast<double>(total - done) / rate) : std::string("--");
    const std::string tail =
        format(" {}/{} {}  {:.1f}/s  {} left", grouped(done), grouped(total), what, rate, left);
    const int room = std::clamp(terminal_width() - 4 - static_cast<int>(tail.size()), 0, 40);
    const auto full = static_cast<std::size_t>(room * std::min(done, total) / total);
    if (room >= 5) {
      text = "[" + std::string(full, '=') +
             std::string(static_cast<std::size_t>(room) - full, ' ') + "]";
    }
    text += tail;
  } else {
    text = format("{} {}  {:.1f}/s  {}", grouped(done), what, rate, duration(seconds));
  }
  const auto width = static_cast<std::size_t>(std::max(terminal_width() - 1, 10));
  bar_ = text.substr(0, width);
  const std::string drawn = "\r" + bar_ + "\x1b[K";
  [[maybe_unused]] const ssize_t put = ::write(STDERR_FILENO, drawn.data(), drawn.size());
}

void Console::end_progress() {
  clear_bar();
  running_ = false;
}

std::string Console::bold(std::string_view text) const {
  return color_out_ ? "\x1b[1m" + std::string(text) + "\x1b[0m" : std::string(text);
}

std::string duration(double seconds) {
  if (seconds < 60) return format("{:.1f} s", seconds);
  const auto whole = static_cast<std::int64_t>(std::min(seconds, 8.64e7));
  if (whole < 3600) return format("{:02}:{:02}", whole / 60, whole % 60);
  return format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string mebibytes(std::int64_t bytes) {
  return format("{:.1f} MiB", static_cast<double>(bytes) / (1024.0 * 1024.0));
}

}  // namespace syolo::cli
