// Reads JSON in one pass, pulled by the caller: no tree, no copies, every error with its byte. For
// documents of hundreds of megabytes with a known form.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "syolo/base/error.h"

namespace syolo {

/// All functions throw Error(input) at the byte of what is not as expected. Values nest at most
/// 500 deep. NaN, Infinity and -Infinity count as numbers, because Python writes them.
class JsonReader {
 public:
  enum class Kind { object, array, string, number, boolean, null };

  /// The text must outlive the reader; `file` is the name in messages.
  JsonReader(std::string_view text, std::string file);

  Kind peek();  // of the next value

  /// Calls member(std::string_view key) for each member; it must read or skip the value.
  template <class Member>
  void object(Member&& member) {
    open('{');
    if (close('}')) return;
    do {
      std::string buffer;
      const std::string_view key = this->key(buffer);
      member(key);
    } while (more('}'));
  }

  /// Calls item() for each item; it must read or skip it.
  template <class ItemF>
  void array(ItemF&& item) {
    open('[');
    if (close(']')) return;
    do item();
    while (more(']'));
  }

  double real();           // any number; beyond double's range: infinite, as Python reads it
  std::int64_t integer();  // a whole number, 3.0 too
  bool flag();             // true, false, or a number: true unless 0; null is false
  std::string string();
  void skip();  // any value, checked like one that is read
  void end();   // nothing but blanks may follow

  std::int64_t byte() const { return static_cast<std::int64_t>(at_); }
  Where here() const { return where(at_); }
  [[noreturn]] void fail(std::string_view expected);  // "expected ..., found (what stands here)"

 private:
  Where where(std::size_t at) const;
  void blank();
  char next();  // the next character that is not blank, '\0' at the end
  void open(char bracket);
  bool close(char bracket);
  bool more(char bracket);
  std::string_view key(std::string& buffer);
  std::string_view text(std::string& buffer);
  std::string_view escaped(std::size_t begin, std::string& buffer);
  void escape(std::string& buffer);
  unsigned hex4();
  std::string_view number_text();
  bool word(std::string_view word);
  void skip_scalar();

  std::string_view text_;
  std::string file_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

/// `text` as a JSON string, quotes included: control characters escaped, bytes that are no UTF-8
/// replaced by U+FFFD.
std::string json_quoted(std::string_view text);
/// The shortest text that reads back as the same double; "null" when it is not finite.
std::string json_number(double value);

}  // namespace syolo
