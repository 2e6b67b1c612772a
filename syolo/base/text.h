// Text: formatting, strict number parsing, and suggestions for misspelt words.
// Nothing here depends on the locale.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace syolo {

/// One argument of `format`: a number or text, copied or borrowed for the length of the call.
class FormatArg {
 public:
  enum class Kind { integer, unsigned_integer, real, text };
  template <class T>
  FormatArg(const T& value) {  // NOLINT(google-explicit-constructor): this is the purpose
    if constexpr (std::is_same_v<T, bool>) {
      text_ = value ? "true" : "false";
    } else if constexpr (std::is_enum_v<T>) {
      kind_ = Kind::integer, integer_ = static_cast<std::int64_t>(value);
    } else if constexpr (std::is_floating_point_v<T>) {
      kind_ = Kind::real, real_ = static_cast<double>(value);
    } else if constexpr (std::is_integral_v<T> && std::is_unsigned_v<T>) {
      kind_ = Kind::unsigned_integer, unsigned_ = value;
    } else if constexpr (std::is_integral_v<T>) {
      kind_ = Kind::integer, integer_ = value;
    } else {
      text_ = std::string_view(value);
    }
  }
  Kind kind() const { return kind_; }
  std::int64_t integer() const { return integer_; }
  std::uint64_t unsigned_integer() const { return unsigned_; }
  double real() const { return real_; }
  std::string_view text() const { return text_; }

 private:
  Kind kind_ = Kind::text;
  std::int64_t integer_ = 0;
  std::uint64_t unsigned_ = 0;
  double real_ = 0;
  std::string_view text_;
};

std::string format_args(std::string_view pattern, std::span<const FormatArg> args);

/// Formats with `{}` fields and the usual specifications (`{:.3f}`, `{:>8}`). Parameters as exact
/// as can be: with std::string among them, std::format is a candidate too where it exists.
template <class... Args>
std::string format(std::string_view pattern, Args&&... args) {
  const std::initializer_list<FormatArg> list = {FormatArg(args)...};
  return format_args(pattern, {list.begin(), list.size()});
}
template <std::size_t kSize, class... Args>
std::string format(const char (&pattern)[kSize], Args&&... args) {
  return format(std::string_view(pattern), args...);
}

/// Digits in groups of three, as people write large counts: 1234567 -> "1,234,567".
std::string grouped(std::int64_t value);

/// The whole text as a number, or nothing: no sign tricks, no trailing text, no overflow.
std::optional<std::int64_t> parse_int(std::string_view text);
std::optional<double> parse_real(std::string_view text);  // finite only

std::string_view trim(std::string_view text);  // spaces, tabs, CR and LF at both ends
std::vector<std::string_view> split(std::string_view text, char separator);

/// Lines without their ends; LF, CR LF and lone CR all end a line; a UTF-8 BOM is dropped.
std::vector<std::string_view> lines(std::string_view text);

/// The candidate nearest to `word` by edit distance, or empty when none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

/// Valid UTF-8 without control bytes, each offender replaced, at most `max_bytes` (ending in
/// "..." where more was there): safe to print.
std::string printable(std::string_view text, std::size_t max_bytes = 200);

}  // namespace syolo
