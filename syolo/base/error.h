// Errors with places. A function that cannot do its job throws Error; many small
// problems are Findings, returned and never printed.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "syolo/base/text.h"

namespace syolo {

/// Closed: the exit code, HTTP status and Python exception follow from it (docs/errors.md).
enum class ErrorKind {
  usage,
  input,
  unsupported,
  io,
  limit,
  diverged,
  rank_lost,
  data_refused,
  cancelled,
  internal
};

/// A place in a file: a line of text, or a byte of a binary; `item` says what stands there.
struct Where {
  std::string file = {};
  int line = 0;
  std::int64_t byte = -1;
  std::string item = {};  // "[convolutional], layer 5: activation"
};
std::string to_text(const Where& where);

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, std::string text, Where where = {}, std::string hint = {});
  ErrorKind kind() const { return kind_; }
  const std::string& text() const { return text_; }
  const Where& where() const { return where_; }
  std::string_view hint() const { return hint_; }

 private:
  ErrorKind kind_;
  std::string text_;
  Where where_;
  std::string hint_;
};

enum class Severity { note, warning, error };
std::string_view word(Severity severity);  // "note", "warning", "error"
struct Finding {
  Severity severity = Severity::warning;
  std::string_view rule;  // a literal
  Where where;
  std::string text;
};
using Findings = std::vector<Finding>;
std::string to_text(const Finding& finding);

/// Throws Error(kind input) without a place when the condition does not hold; the reader that
/// knows the place adds it by with_where. Words: "expected ..., found ...".
template <class... Args>
void require(bool condition, std::string_view pattern, const Args&... args) {
  if (!condition) throw Error(ErrorKind::input, format(pattern, args...));
}

/// Runs `body`; an Error that leaves it without file (or item) gets them from `where`.
[[noreturn]] void rethrow_at(const Error& error, const Where& where);
template <class Body>
decltype(auto) with_where(const Where& where, Body&& body) {
  try {
    return std::forward<Body>(body)();
  } catch (const Error& error) {
    rethrow_at(error, where);
  }
}

[[noreturn]] void assertion_failed(std::string_view text, std::string_view file, int line);

}  // namespace syolo

/// A broken promise of our own code; user input never reaches one. Always on.
#define SYOLO_ASSERT(condition, text)                                      \
  do {                                                                     \
    if (!(condition)) ::syolo::assertion_failed(text, __FILE__, __LINE__); \
  } while (false)
