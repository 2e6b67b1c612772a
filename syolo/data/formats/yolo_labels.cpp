// YOLO label rows: "class x y w h", centre form in fractions of the picture; polygons reduced.

#include <array>
#include <cmath>

#include "syolo/data/formats/formats_impl.h"

namespace syolo {
namespace {

using data::number_text;

constexpr double kRounding = 1e-4;   // what six printed digits may cost
constexpr double kOvershoot = 0.01;  // clipped up to here, left out beyond
constexpr double kPixels = 2;        // no fraction is larger than this by mistake
constexpr int kMostClasses = 100'000;
constexpr int kMostFindings = 200;  // of one file

struct Raw {
  int cls = 0, line = 0;
  double x = 0, y = 0, w = 0, h = 0;  // centre form
  bool polygon = false;
};

class Parser {
 public:
  Parser(const std::string& file, int classes, Findings& findings) :
      file_(file), classes_(classes), findings_(findings) {}

  void row(std::string_view text, int line);
  std::vector<YoloRow> finish();

 private:
  void report(std::string_view rule, int line, std::string text);
  bool read_class(std::string_view word, Raw& raw);
  bool read_polygon(std::string_view rest, Raw& raw);
  void check(const Raw& raw, bool corners);

  const std::string& file_;
  int classes_;
  Findings& findings_;
  int reported_ = 0;
  std::vector<Raw> raws_;
  std::vector<YoloRow> rows_;
};

/// The next word of `text`, which is shortened; empty at the end.
std::string_view next_word(std::string_view& text) {
  constexpr std::string_view kBlanks = " \t\v\f";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return text = {};
  const std::size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
  const std::string_view word = text.substr(begin, end - begin);
  text.remove_prefix(end);
  return word;
}

void Parser::report(std::string_view rule, int line, std::string text) {
  if (++reported_ <= kMostFindings) {
    findings_.push_back(found(rule, {.file = file_, .line = line}, std::move(text)));
  }
}

bool Parser::read_class(std::string_view word, Raw& raw) {
  const std::optional<double> value = parse_real(word);
  const double limit = classes_ >= 0 ? classes_ : kMostClasses;
  if (value && *value >= 0 && *value < limit && *value == std::floor(*value)) {
    raw.cls = static_cast<int>(*value);
    return true;
  }
  if (!value) {
    report("label-number", raw.line,
           format("expected a class number, found \"{}\"", printable(word, 40)));
  } else {
    report("label-class", raw.line,
           format("expected a class of 0..{}, found {}", limit - 1, printable(word, 40)));
  }
  return false;
}

/// The box around the points of a polygon.
bool Parser::read_polygon(std::string_view rest, Raw& raw) {
  std::array<double, 2> low = {1e300, 1e300}, high = {-1e300, -1e300};
  std::size_t count = 0;
  for (std::string_view word = next_word(rest); !word.empty(); word = next_word(rest), ++count) {
    const std::optional<double> value = parse_real(word);
    if (!value) {
      report("label-number", raw.line,
             format("expected a number, found \"{}\"", printable(word, 40)));
      return false;
    }
    low[count % 2] = std::min(low[count % 2], *value);
    high[count % 2] = std::max(high[count % 2], *value);
  }
  if (count % 2 != 0) {
    report("label-columns", raw.line,
           format("expected pairs of x and y behind the class, found {} numbers", count));
    return false;
  }
  raw.w = high[0] - low[0], raw.h = high[1] - low[1];
  raw.x = low[0] + raw.w / 2, raw.y = low[1] + raw.h / 2;
  raw.polygon = true;
  return true;
}

void Parser::row(std::string_view text, int line) {
  std::string_view rest = text;
  std::size_t columns = 0;
  while (!next_word(rest).empty()) ++columns;
  if (columns == 0) return;
  Raw raw;
  raw.line = line;
  if (columns < 5 || columns == 6) {
    report("label-columns", line,
           format("expected \"class x y w h\", found \"{}\" ({} columns)", printable(text, 60),
                  columns));
    return;
  }
  rest = text;
  if (!read_class(next_word(rest), raw)) return;
  if (columns > 5) {
    if (read_polygon(rest, raw)) raws_.push_back(raw);
    return;
  }
  for (double* target : {&raw.x, &raw.y, &raw.w, &raw.h}) {
    const std::string_view word = next_word(rest);
    const std::optional<double> value = parse_real(word);
    if (!value) {
      report("label-number", line, format("expected a number, found \"{}\"", printable(word, 40)));
      return;
    }
    *target = *value;
  }
  raws_.push_back(raw);
}

double overshoot(const Raw& raw) {
  return std::max(
      {raw.w / 2 - raw.x, raw.h / 2 - raw.y, raw.x + raw.w / 2 - 1, raw.y + raw.h / 2 - 1});
}

/// Could the four numbers be two corners?
bool ordered_corners(const Raw& raw) {
  return !raw.polygon && raw.w > raw.x && raw.h > raw.y && raw.x >= 0 && raw.y >= 0 &&
         raw.w <= 1 + kOvershoot && raw.h <= 1 + kOvershoot;
}

void Parser::check(const Raw& raw, bool corners) {
  const std::string numbers = number_text(raw.x) + " " + number_text(raw.y) + " " +
                              number_text(raw.w) + " " + number_text(raw.h);
  if (std::max({std::abs(raw.x), std::abs(raw.y), std::abs(raw.w), std::abs(raw.h)}) > kPixels) {
    return report("label-pixels", raw.line, "expected fractions of the picture, found " + numbers);
  }
  if (raw.w <= 0 || raw.h <= 0) {
    return report("label-size", raw.line,
                  format("expected a width and height above 0, found {} x {}", raw.w, raw.h));
  }
  const double over = overshoot(raw);
  if (over > kOvershoot) {
    return report(corners ? "label-corners" : "label-range", raw.line,
                  format("expected a box inside the picture, found {} ({:.2f} % beyond the border)",
                         numbers, 100 * over));
  }
  YoloRow row = {raw.cls, raw.x - raw.w / 2, raw.y - raw.h / 2, raw.w, raw.h, raw.line};
  if (over > 0) {
    const double right = std::min(1.0, row.x + row.w), bottom = std::min(1.0, row.y + row.h);
    row.x = std::max(0.0, row.x), row.y = std::max(0.0, row.y);
    row.w = right - row.x, row.h = bottom - row.y;
  }
  if (row.w <= 0 || row.h <= 0) {
    return report("label-range", raw.line, "expected a box inside the picture, found " + numbers);
  }
  if (over > kRounding) {
    report("label-overshoot", raw.line,
           format("{:.2f} % of the picture beyond its border: {}", 100 * over, numbers));
  }
  if (raw.polygon) report("label-polygon", raw.line, "a polygon, reduced to its box");
  rows_.push_back(row);
}

std::vector<YoloRow> Parser::finish() {
  // One box over the border may be a slip; when every row of the file reads as two corners and
  // some cannot be centre and size, it is the other convention.
  bool corners = !raws_.empty();
  for (const Raw& raw : raws_) corners = corners && ordered_corners(raw);
  rows_.reserve(raws_.size());
  for (const Raw& raw : raws_) check(raw, corners);
  if (reported_ > kMostFindings) {
    findings_.push_back(found("more", {.file = file_},
                              format("{} more findings of this file", reported_ - kMostFindings)));
  }
  return std::move(rows_);
}

}  // namespace

std::vector<YoloRow> parse_yolo_labels(std::string_view text, const std::string& file, int classes,
                                       Findings& findings, const Limits& limits) {
  if (text.find('\0') != std::string_view::npos) {
    findings.push_back(
        found("label-unreadable", {.file = file}, "expected text, found a binary file"));
    return {};
  }
  Parser parser(file, classes, findings);
  const std::vector<std::string_view> rows = lines(text);
  if (rows.size() > static_cast<std::size_t>(limits.boxes)) {
    findings.push_back(
        found("label-unreadable", {.file = file},
              format("expected up to {} rows, found {}", grouped(limits.boxes), rows.size())));
    return {};
  }
  for (std::size_t i = 0; i < rows.size(); ++i) parser.row(rows[i], static_cast<int>(i) + 1);
  return parser.finish();
}

}  // namespace syolo
