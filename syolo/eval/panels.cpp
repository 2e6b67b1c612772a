// Small plots in a grid.
#include <algorithm>
#include <cmath>

#include "syolo/base/text.h"
#include "syolo/eval/plot.h"

namespace syolo {
namespace {

constexpr Color kInk = {29, 36, 48}, kGrid = {223, 228, 234};
constexpr double kHead = 40, kLeft = 58, kTop = 34, kWidth = 250, kHeight = 150, kBelow = 34,
                 kGap = 18;

/// A round number that is not below `value`: 1, 2, 2.5 or 5 times a power of ten.
double round_up(double value) {
  if (!(value > 0) || !std::isfinite(value)) return 1;
  const double decade = std::pow(10, std::floor(std::log10(value)));
  for (const double step : {1.0, 2.0, 2.5, 5.0}) {
    if (value <= step * decade * (1 + 1e-9)) return step * decade;
  }
  return 10 * decade;
}

struct Range {
  double low = 0, high = 1;
  double share(double value) const {
    return high > low ? std::clamp((value - low) / (high - low), 0.0, 1.0) : 0;
  }
};

struct Axes {
  Range x, y;
};
Axes axes_of(const Panel& panel) {
  Axes axes{{HUGE_VAL, -HUGE_VAL}, {0, 0}};
  for (const Series& series : panel.series) {
    for (const PlotPoint& p : series.points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
      axes.x.low = std::min(axes.x.low, p.x), axes.x.high = std::max(axes.x.high, p.x);
      axes.y.low = std::min(axes.y.low, p.y), axes.y.high = std::max(axes.y.high, p.y);
    }
  }
  if (axes.x.low > axes.x.high) axes.x = {0, 1};
  axes.y.high = round_up(axes.y.high);
  if (axes.y.low < 0) axes.y.low = -round_up(-axes.y.low);
  return axes;
}

class PanelPainter {
 public:
  PanelPainter(Sheet& sheet, double left, double top) : sheet_(sheet), left_(left), top_(top) {}

  void operator()(const Panel& panel) {
    const Axes axes = axes_of(panel);
    text(left_, top_ - 16, panel.title);
    for (int i = 0; i <= 4; ++i) {
      const double share = i / 4.0, y = top_ + kHeight * (1 - share);
      line({{left_, y}, {left_ + kWidth, y}}, kGrid, 1);
      text(left_ - 6, y, format("{:.3g}", axes.y.low + share * (axes.y.high - axes.y.low)),
           TextAlign::end);
    }
    line({{left_, top_}, {left_, top_ + kHeight}}, kGrid, 1);
    text(left_, top_ + kHeight + 14, format("{:g}", axes.x.low), TextAlign::start);
    text(left_ + kWidth, top_ + kHeight + 14, format("{:g}", axes.x.high), TextAlign::end);
    double legend = left_ + kWidth;
    for (auto series = panel.series.rbegin(); series != panel.series.rend(); ++series) {
      draw(*series, axes);
      if (panel.series.size() < 2) continue;
      text(legend, top_ - 16, series->name, TextAlign::end, series->color);
      legend -= 8.0 * static_cast<double>(text_width(series->name) + 2);
    }
  }

 private:
  void draw(const Series& series, const Axes& axes) {
    std::vector<PlotPoint> points;
    for (const PlotPoint& p : series.points) {
      if (!std::isfinite(p.x) || !std::isfinite(p.y)) continue;
      points.push_back(
          {left_ + kWidth * axes.x.share(p.x), top_ + kHeight * (1 - axes.y.share(p.y))});
    }
    if (series.dots) {
      for (const PlotPoint& p : points) dot(p, series.width / 2, series.color);
      return;
    }
    if (points.size() == 1) points.push_back(points.front());  // a line of one point is a dot
    if (!points.empty()) line(std::move(points), series.color, series.width);
  }
  void text(double x, double y, std::string words, TextAlign align = TextAlign::start,
            Color color = kInk) {
    sheet_.shapes.push_back({PlotShape::Kind::text, {{x, y}}, color, 1, std::move(words), align});
  }
  void line(std::vector<PlotPoint> points, Color color, double width) {
    sheet_.shapes.push_back({PlotShape::Kind::line, std::move(points), color, width});
  }
  void dot(PlotPoint p, double half, Color color) {
    sheet_.shapes.push_back(
        {PlotShape::Kind::box, {{p.x - half, p.y - half}, {p.x + half, p.y + half}}, color});
  }

  Sheet& sheet_;
  double left_, top_;
};

}  // namespace

Sheet sheet_of(const std::string& title, const std::vector<Panel>& panels, int columns) {
  const int count = static_cast<int>(panels.size());
  const int across = std::max(1, std::min(columns, count)), down = (count + across - 1) / across;
  Sheet sheet;
  sheet.size = {static_cast<int>(across * (kLeft + kWidth + kGap) + kGap),
                static_cast<int>(kHead + down * (kTop + kHeight + kBelow))};
  sheet.shapes.push_back({PlotShape::Kind::text, {{12, 20}}, kInk, 1, title});
  for (int i = 0; i < count; ++i) {
    const int column = i % across, row = i / across;
    const double left = kLeft + column * (kLeft + kWidth + kGap);
    const double top = kHead + kTop + row * (kTop + kHeight + kBelow);
    PanelPainter(sheet, left, top)(panels[static_cast<std::size_t>(i)]);
  }
  return sheet;
}

}  // namespace syolo
