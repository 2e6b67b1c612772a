#include "syolo/data/json_reader.h"

#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>
#include <utility>
#include <vector>

namespace syolo {
namespace {

constexpr int kMaxDepth = 500;
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

bool digit(char c) {
  return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, unsigned code) {
  const auto put = [&out](unsigned byte) { out += static_cast<char>(byte); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F));
    put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
  }
}

/// from_chars leaves the value alone beyond the range; the sign of the exponent tells which end.
double beyond_range(std::string_view text) {
  const bool negative = text.front() == '-';
  const std::size_t e = text.find_first_of("eE");
  const bool tiny = e == std::string_view::npos ? text.substr(negative ? 1 : 0).starts_with("0.")
                                                : e + 1 < text.size() && text[e + 1] == '-';
  const double size = tiny ? 0 : std::numeric_limits<double>::infinity();
  return negative ? -size : size;
}

}  // namespace

JsonReader::JsonReader(std::string_view text, std::string file) :
    text_(text), file_(std::move(file)) {
  if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;
}

Where JsonReader::where(std::size_t at) const {
  return {.file = file_, .byte = static_cast<std::int64_t>(at)};
}

void JsonReader::fail(std::string_view expected) {
  blank();
  std::string found = "the end of the file";
  if (at_ < text_.size()) {
    const std::string_view rest = text_.substr(at_, 24);
    found = "\"" + printable(rest.substr(0, rest.find_first_of("\r\n"))) + "\"";
  }
  throw Error(ErrorKind::input, format("expected {}, found {}", expected, found), where(at_));
}

void JsonReader::blank() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
    ++at_;
  }
}

char JsonReader::next() {
  blank();
  return at_ < text_.size() ? text_[at_] : '\0';
}

JsonReader::Kind JsonReader::peek() {
  switch (next()) {
    case '{':
      return Kind::object;
    case '[':
      return Kind::array;
    case '"':
      return Kind::string;
    case 't':
    case 'f':
      return Kind::boolean;
    case 'n':
      return Kind::null;
    default:
      return Kind::number;
  }
}

void JsonReader::open(char bracket) {
  if (next() != bracket) fail(bracket == '{' ? "an object {...}" : "an array [...]");
  ++at_;
  if (++depth_ > kMaxDepth) {
    throw Error(ErrorKind::limit, format("expected values nested at most {} deep", kMaxDepth),
                where(at_));
  }
}

bool JsonReader::close(char bracket) {
  if (next() != bracket) return false;
  ++at_, --depth_;
  return true;
}

bool JsonReader::more(char bracket) {
  if (close(bracket)) return false;
  if (next() != ',') fail(bracket == '}' ? "\",\" or \"}\"" : "\",\" or \"]\"");
  ++at_;
  return true;
}

std::string_view JsonReader::key(std::string& buffer) {
  if (next() != '"') fail("a key in quotes");
  const std::string_view found = text(buffer);
  if (next() != ':') fail("\":\" after a key");
  ++at_;
  return found;
}

/// The string at `at_`: a view of the document, or of the buffer if it holds escapes.
std::string_view JsonReader::text(std::string& buffer) {
  const std::size_t begin = ++at_;
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (c == '"') return text_.substr(begin, at_++ - begin);
    if (c == '\\') return escaped(begin, buffer);
    if (static_cast<unsigned char>(c) < 0x20) fail("no control characters in a string");
  }
  fail("a closing quote");
}

std::string_view JsonReader::escaped(std::size_t begin, std::string& buffer) {
  buffer.assign(text_.substr(begin, at_ - begin));
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return buffer;
    }
    if (static_cast<unsigned char>(c) < 0x20) fail("no control characters in a string");
    if (c == '\\') {
      escape(buffer);
    } else {
      buffer += c;
      ++at_;
    }
  }
  fail("a closing quote");
}

void JsonReader::escape(std::string& buffer) {
  constexpr std::string_view kFrom = "\"\\/bfnrt";
  constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
  const char c = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
  if (c != 'u') {
    const std::size_t known = kFrom.find(c);
    if (known == std::string_view::npos || c == '\0') fail("an escape such as \\n or \\u00e9");
    buffer += kTo[known];
    at_ += 2;
    return;
  }
  unsigned code = hex4();
  const bool high = code >= 0xD800 && code < 0xDC00;
  if (high && text_.substr(at_).starts_with("\\u")) {
    const std::size_t back = at_;
    const unsigned low = hex4();
    if (low >= 0xDC00 && low < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else {
      at_ = back;
    }
  }
  if (code >= 0xD800 && code < 0xE000) {
    buffer += kReplacement;
  } else {
    append_utf8(buffer, code);
  }
}

unsigned JsonReader::hex4() {
  unsigned code = 0;
  const char* from = text_.data() + at_ + 2;
  if (text_.size() - at_ < 6 || std::from_chars(from, from + 4, code, 16).ptr != from + 4) {
    fail("four hexadecimal digits after \\u");
  }
  at_ += 6;
  return code;
}

bool JsonReader::word(std::string_view word) {
  if (!text_.substr(at_).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

/// The characters of a number by JSON's grammar.
std::string_view JsonReader::number_text() {
  next();
  const std::size_t begin = at_;
  std::size_t i = at_;
  const auto digits = [&] {
    const std::size_t first = i;
    while (i < text_.size() && digit(text_[i])) ++i;
    return i > first;
  };
  if (i < text_.size() && text_[i] == '-') ++i;
  const bool zero = i < text_.size() && text_[i] == '0';
  const std::size_t whole = i;
  bool good = digits() && (!zero || i == whole + 1);
  if (good && i < text_.size() && text_[i] == '.') ++i, good = digits();
  if (good && i < text_.size() && (text_[i] == 'e' || text_[i] == 'E')) {
    ++i;
    if (i < text_.size() && (text_[i] == '+' || text_[i] == '-')) ++i;
    good = digits();
  }
  if (!good) fail("a number");
  at_ = i;
  return text_.substr(begin, i - begin);
}

double JsonReader::real() {
  const char c = next();
  if (c == 'N' && word("NaN")) return std::numeric_limits<double>::quiet_NaN();
  if (c == 'I' && word("Infinity")) return std::numeric_limits<double>::infinity();
  if (c == '-' && word("-Infinity")) return -std::numeric_limits<double>::infinity();
  const std::string_view text = number_text();
  double value = 0;
  const auto error = std::from_chars(text.data(), text.data() + text.size(), value).ec;
  return error == std::errc{} ? value : beyond_range(text);
}

std::int64_t JsonReader::integer() {
  next();
  const std::size_t begin = at_;
  const std::string_view text = number_text();
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc{} && end == text.data() + text.size()) return value;
  at_ = begin;
  constexpr double kExact = 9007199254740992.0;  // 2^53
  const double other = real();
  if (other != std::floor(other) || std::abs(other) > kExact) {
    at_ = begin;
    fail("a whole number");
  }
  return static_cast<std::int64_t>(other);
}

bool JsonReader::flag() {
  const Kind kind = peek();
  if (kind == Kind::number) return real() != 0;
  if (word("true")) return true;
  if (word("false") || word("null")) return false;
  fail("true, false, 0 or 1");
}

std::string JsonReader::string() {
  if (next() != '"') fail("a string");
  std::string buffer;
  return std::string(text(buffer));
}

void JsonReader::skip_scalar() {
  std::string buffer;
  const char c = next();
  if (c == '"') {
    text(buffer);
  } else if (c == 't' || c == 'f' || c == 'n') {
    if (!word("true") && !word("false") && !word("null")) fail("a value");
  } else if (c == '-' || digit(c) || c == 'N' || c == 'I') {
    if (!word("NaN") && !word("Infinity") && !word("-Infinity")) number_text();
  } else {
    fail("a value");
  }
}

void JsonReader::skip() {
  std::vector<char> brackets;  // the closing ones, innermost last
  for (;;) {
    const char c = next();
    bool closed = true;
    if (c == '{' || c == '[') {
      open(c);
      brackets.push_back(c == '{' ? '}' : ']');
      closed = close(brackets.back());
      if (closed) brackets.pop_back();
    } else {
      skip_scalar();
    }
    while (closed && !brackets.empty()) {
      closed = !more(brackets.back());
      if (closed) brackets.pop_back();
    }
    if (closed && brackets.empty()) return;
    std::string buffer;
    if (brackets.back() == '}') key(buffer);
  }
}

void JsonReader::end() {
  if (next() != '\0' || at_ < text_.size()) fail("nothing after the document");
}

std::string json_quoted(std::string_view text) {
  // printable() knows which bytes are UTF-8; it is asked piece by piece, so that only offenders
  // change.
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c == '"' || c == '\\') {
      (out += '\\') += text[i++];
    } else if (c < 0x20 || c == 0x7F) {
      out += format("\\u{:04x}", static_cast<int>(c));
      ++i;
    } else if (c < 0x80) {
      out += text[i++];
    } else {
      const std::size_t length = c < 0xE0 ? 2 : c < 0xF0 ? 3 : 4;
      const std::string_view piece = text.substr(i, length);
      const bool valid = piece.size() == length && printable(piece) == piece;
      out += valid ? piece : kReplacement;
      i += valid ? length : 1;
    }
  }
  return out + "\"";
}

std::string json_number(double value) {
  if (!std::isfinite(value)) return "null";
  std::array<char, 32> buffer{};
  const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return error == std::errc{} ? std::string(buffer.data(), end) : "null";
}

}  // namespace syolo
