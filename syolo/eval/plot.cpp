#include "syolo/eval/plot.h"

#include <algorithm>
#include <cmath>

#include "syolo/base/text.h"
#include "syolo/data/page.h"

namespace syolo {
namespace {

constexpr Color kInk = {29, 36, 48}, kGrid = {223, 228, 234}, kPaper = {255, 255, 255};
constexpr int kGlyph = 8;  // width of a character of the bitmap font

PlotShape line(std::vector<PlotPoint> points, Color color, double width) {
  return {PlotShape::Kind::line, std::move(points), color, width};
}
PlotShape box(double x, double y, double width, double height, Color color) {
  return {PlotShape::Kind::box, {{x, y}, {x + width, y + height}}, color};
}
PlotShape text(double x, double y, std::string words, TextAlign align = TextAlign::start,
               Color color = kInk) {
  return {PlotShape::Kind::text, {{x, y}}, color, 1, std::move(words), align};
}

// SVG --------------------------------------------------------------------------------------------

std::string hex(Color color) {
  return format("#{:02x}{:02x}{:02x}", static_cast<int>(color.r), static_cast<int>(color.g),
                static_cast<int>(color.b));
}

std::string svg_shape(const PlotShape& shape) {
  if (shape.kind == PlotShape::Kind::text) {
    constexpr std::array<std::string_view, 3> kAligns = {"start", "middle", "end"};
    return format(
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" style=\"fill:{}\">{}</text>\n",
        shape.points[0].x, shape.points[0].y + 5, kAligns[static_cast<std::size_t>(shape.align)],
        hex(shape.color), data::html_text(shape.text));
  }
  if (shape.kind == PlotShape::Kind::box) {
    const PlotPoint a = shape.points[0], b = shape.points[1];
    return format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\"/>\n", a.x,
        a.y, b.x - a.x, b.y - a.y, hex(shape.color));
  }
  std::string points;
  for (const PlotPoint& p : shape.points) points += format("{:.1f},{:.1f} ", p.x, p.y);
  return format("<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\"/>\n",
                points, hex(shape.color), shape.width);
}

// Pixels -----------------------------------------------------------------------------------------

/// How much of each pixel a line covers; 0..1.
class Coverage {
 public:
  explicit Coverage(Size size) :
      size_(size),
      values_(static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height)) {}

  void segment(PlotPoint a, PlotPoint b, double width) {
    const double reach = width / 2 + 1;
    const int x1 = std::max(0, static_cast<int>(std::min(a.x, b.x) - reach));
    const int x2 = std::min(size_.width - 1, static_cast<int>(std::max(a.x, b.x) + reach));
    const int y1 = std::max(0, static_cast<int>(std::min(a.y, b.y) - reach));
    const int y2 = std::min(size_.height - 1, static_cast<int>(std::max(a.y, b.y) + reach));
    for (int y = y1; y <= y2; ++y) {
      for (int x = x1; x <= x2; ++x) {
        const double covered =
            std::clamp(width / 2 + 0.5 - distance({x + 0.5, y + 0.5}, a, b), 0.0, 1.0);
        float& value = values_[at(x, y)];
        value = std::max(value, static_cast<float>(covered));
      }
    }
  }

  void blend(Image& image, Color color) const {
    const std::array<unsigned char, 3> ink = {color.r, color.g, color.b};
    for (std::size_t i = 0; i < values_.size(); ++i) {
      if (values_[i] <= 0) continue;
      for (std::size_t c = 0; c < 3; ++c) {
        std::byte& value = image.pixels[3 * i + c];
        const auto under = static_cast<float>(std::to_integer<int>(value));
        value = static_cast<std::byte>(std::lround(under + (ink[c] - under) * values_[i]));
      }
    }
  }

 private:
  std::size_t at(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(size_.width) +
           static_cast<std::size_t>(x);
  }
  static double distance(PlotPoint p, PlotPoint a, PlotPoint b) {
    const double dx = b.x - a.x, dy = b.y - a.y, length = dx * dx + dy * dy;
    const double t =
        length > 0 ? std::clamp(((p.x - a.x) * dx + (p.y - a.y) * dy) / length, 0.0, 1.0) : 0;
    return std::hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
  }

  Size size_;
  std::vector<float> values_;
};

void fill(Image& image, const PlotShape& shape) {
  const auto round = [](double v) { return static_cast<int>(std::lround(v)); };
  const int x1 = std::max(0, round(shape.points[0].x)),
            x2 = std::min(image.width, round(shape.points[1].x));
  const int y1 = std::max(0, round(shape.points[0].y)),
            y2 = std::min(image.height, round(shape.points[1].y));
  for (int y = y1; y < y2; ++y) {
    for (int x = x1; x < x2; ++x) {
      std::byte* p = image.pixels.data() + 3 * (static_cast<std::ptrdiff_t>(y) * image.width + x);
      p[0] = static_cast<std::byte>(shape.color.r);
      p[1] = static_cast<std::byte>(shape.color.g);
      p[2] = static_cast<std::byte>(shape.color.b);
    }
  }
}

void paint(Image& image, const PlotShape& shape) {
  if (shape.kind == PlotShape::Kind::box) return fill(image, shape);
  if (shape.kind == PlotShape::Kind::text) {
    const double share = shape.align == TextAlign::start ? 0
                         : shape.align == TextAlign::end ? 1
                                                         : 0.5;
    const double x =
        shape.points[0].x - share * kGlyph * static_cast<double>(text_width(shape.text));
    draw_text(image, static_cast<int>(std::lround(x)),
              static_cast<int>(std::lround(shape.points[0].y)) - 8, shape.text, shape.color);
    return;
  }
  Coverage coverage(image.size());
  for (std::size_t i = 1; i < shape.points.size(); ++i) {
    coverage.segment(shape.points[i - 1], shape.points[i], shape.width);
  }
  coverage.blend(image, shape.color);
}

// Plots ------------------------------------------------------------------------------------------

constexpr double kLeft = 60, kTop = 64, kSide = 400, kLegend = 24;

PlotPoint place(PlotPoint unit) {
  return {kLeft + std::clamp(unit.x, 0.0, 1.0) * kSide,
          kTop + (1 - std::clamp(unit.y, 0.0, 1.0)) * kSide};
}

void add_axes(Sheet& sheet) {
  for (int i = 0; i <= 5; ++i) {
    const double at = i / 5.0;
    const PlotPoint low = place({at, 0}), left = place({0, at});
    sheet.shapes.push_back(line({low, place({at, 1})}, kGrid, 1));
    sheet.shapes.push_back(line({left, place({1, at})}, kGrid, 1));
    sheet.shapes.push_back(text(low.x, low.y + 16, format("{:.1f}", at), TextAlign::middle));
    sheet.shapes.push_back(text(left.x - 8, left.y, format("{:.1f}", at), TextAlign::end));
  }
}

double longest(const std::vector<std::string>& names) {
  std::size_t most = 0;
  for (const std::string& name : names) most = std::max(most, text_width(name));
  return static_cast<double>(most) * kGlyph;
}

}  // namespace

std::string svg_of(const Sheet& sheet) {
  std::string svg = format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" role=\"img\" font-family=\"system-ui,sans-serif\" font-size=\"14\">\n"
      "<rect width=\"{0}\" height=\"{1}\" fill=\"#ffffff\"/>\n",
      sheet.size.width, sheet.size.height);
  for (const PlotShape& shape : sheet.shapes) svg += svg_shape(shape);
  return svg + "</svg>\n";
}

Image image_of(const Sheet& sheet) {
  Image image(sheet.size.width, sheet.size.height, 3);
  std::fill(image.pixels.begin(), image.pixels.end(), static_cast<std::byte>(kPaper.r));
  for (const PlotShape& shape : sheet.shapes) paint(image, shape);
  return image;
}

Sheet sheet_of(const LinePlot& plot) {
  std::vector<std::string> names;
  for (const Series& one : plot.series) names.push_back(one.name);
  const double legend = kLeft + kSide + kLegend;
  const double right = std::max(legend + 34 + longest(names),
                                20 + static_cast<double>(text_width(plot.title)) * kGlyph);
  const double below = kTop + 20.0 * static_cast<double>(names.size());
  Sheet sheet;
  sheet.size = {static_cast<int>(right + 16),
                static_cast<int>(std::max(kTop + kSide + 56, below + 10))};
  sheet.shapes.push_back(text(12, 18, plot.title));
  sheet.shapes.push_back(text(12, 42, plot.y));
  sheet.shapes.push_back(text(kLeft + kSide / 2, kTop + kSide + 38, plot.x, TextAlign::middle));
  add_axes(sheet);
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const Series& one = plot.series[i];
    std::vector<PlotPoint> points;
    for (const PlotPoint& p : one.points) points.push_back(place(p));
    if (points.size() > 1) sheet.shapes.push_back(line(std::move(points), one.color, one.width));
    const double y = kTop + 8 + 20.0 * static_cast<double>(i);
    sheet.shapes.push_back(line({{legend, y}, {legend + 24, y}}, one.color, one.width + 1));
    sheet.shapes.push_back(text(legend + 32, y, one.name));
  }
  return sheet;
}

Sheet sheet_of(const TablePlot& plot) {
  constexpr double kRow = 26;
  const double left = 24 + longest(plot.rows);
  std::int64_t most = 0;
  for (const std::int64_t count : plot.counts) most = std::max(most, count);
  const double cell = std::max(longest({grouped(most)}) + 12, longest(plot.columns) + 12);
  const double top = 76;
  Sheet sheet;
  const double width = left + cell * static_cast<double>(plot.columns.size());
  sheet.size = {
      static_cast<int>(std::max(width, 20 + static_cast<double>(text_width(plot.title)) * kGlyph) +
                       16),
      static_cast<int>(top + kRow * static_cast<double>(plot.rows.size()) + 16)};
  sheet.shapes.push_back(text(12, 18, plot.title));
  sheet.shapes.push_back(text(12, 58, plot.row_title));
  sheet.shapes.push_back(text(left + 4, 38, plot.column_title));
  for (std::size_t c = 0; c < plot.columns.size(); ++c) {
    sheet.shapes.push_back(
        text(left + cell * (static_cast<double>(c) + 0.5), 58, plot.columns[c], TextAlign::middle));
  }
  for (std::size_t r = 0; r < plot.rows.size(); ++r) {
    const double y = top + kRow * static_cast<double>(r);
    sheet.shapes.push_back(text(left - 10, y + kRow / 2, plot.rows[r], TextAlign::end));
    double sum = 0;
    for (std::size_t c = 0; c < plot.columns.size(); ++c) {
      sum += static_cast<double>(plot.counts[r * plot.columns.size() + c]);
    }
    for (std::size_t c = 0; c < plot.columns.size(); ++c) {
      const std::int64_t count = plot.counts[r * plot.columns.size() + c];
      const double share = sum > 0 ? static_cast<double>(count) / sum : 0;
      const auto fade = [&](int full) {
        return static_cast<unsigned char>(std::lround(247 + (full - 247) * std::sqrt(share)));
      };
      const double x = left + cell * static_cast<double>(c);
      sheet.shapes.push_back(
          box(x + 1, y + 1, cell - 2, kRow - 2, {fade(38), fade(98), fade(166)}));
      if (count == 0) continue;
      sheet.shapes.push_back(text(x + cell / 2, y + kRow / 2, grouped(count), TextAlign::middle,
                                  share > 0.3 ? kPaper : kInk));
    }
  }
  return sheet;
}

}  // namespace syolo
