#include <algorithm>
#include <cmath>

#include "app/cli/fit.h"
#include "syolo/base/text.h"
#include "syolo/data/page.h"

namespace syolo::cli {
namespace {

constexpr Size kSheet{900, 560};
constexpr double kLeft = 70, kRight = 870, kTop = 50, kBottom = 500;
constexpr Color kInk{30, 30, 30}, kGrid{215, 218, 222}, kDot{150, 170, 195}, kFront{47, 111, 179},
    kLimit{192, 60, 43}, kChosen{46, 139, 87};

class Plot {
 public:
  Plot(const std::vector<FitRow>& rows, double budget) {
    low_ = high_ = budget > 0 ? budget : rows.front().predicted_ms;
    for (const FitRow& row : rows) {
      low_ = std::min(low_, row.predicted_ms);
      high_ = std::max(high_, row.predicted_ms);
    }
    low_ /= 1.2, high_ *= 1.2;
    sheet_.size = kSheet;
  }

  double x(double ms) const {
    return kLeft + (kRight - kLeft) * std::log(ms / low_) / std::log(high_ / low_);
  }
  static double y(double ap) { return kBottom - (kBottom - kTop) * ap / 60; }

  void text(double at_x, double at_y, const std::string& text, Color color,
            TextAlign align = TextAlign::start) {
    sheet_.shapes.push_back({PlotShape::Kind::text, {{at_x, at_y}}, color, 1, text, align});
  }
  void line(std::vector<PlotPoint> points, Color color, double width) {
    sheet_.shapes.push_back({PlotShape::Kind::line, std::move(points), color, width});
  }
  void dot(double at_x, double at_y, double half, Color color) {
    sheet_.shapes.push_back(
        {PlotShape::Kind::box, {{at_x - half, at_y - half}, {at_x + half, at_y + half}}, color});
  }

  void axes() {
    for (int ap = 0; ap <= 60; ap += 10) {
      line({{kLeft, y(ap)}, {kRight, y(ap)}}, kGrid, 1);
      text(kLeft - 8, y(ap), format("{}", ap), kInk, TextAlign::end);
    }
    for (double decade = 0.1; decade < high_; decade *= 10) {
      for (const int step : {1, 2, 5}) {
        const double ms = step * decade;
        if (ms < low_ || ms > high_) continue;
        line({{x(ms), kTop}, {x(ms), kBottom}}, kGrid, 1);
        text(x(ms), kBottom + 16, format("{}", ms), kInk, TextAlign::middle);
      }
    }
    text((kLeft + kRight) / 2, kBottom + 40, "milliseconds per picture, 95th percentile", kInk,
         TextAlign::middle);
    text(kLeft, 20, "predicted AP (COCO) against time: dots are members of the family", kInk);
  }

  Sheet take() { return std::move(sheet_); }

 private:
  Sheet sheet_;
  double low_, high_;
};

}  // namespace

std::vector<FitRow> pareto(std::vector<FitRow> rows) {
  std::sort(rows.begin(), rows.end(), [](const FitRow& a, const FitRow& b) {
    return a.predicted_ms != b.predicted_ms ? a.predicted_ms < b.predicted_ms
                                            : a.predicted_ap > b.predicted_ap;
  });
  std::vector<FitRow> front;
  for (const FitRow& row : rows) {
    if (front.empty() || row.predicted_ap > front.back().predicted_ap) front.push_back(row);
  }
  return front;
}

Sheet fit_sheet(const std::vector<FitRow>& rows, const Budget& budget, const FitRow* chosen) {
  Plot plot(rows, budget.latency_ms);
  plot.axes();
  for (const FitRow& row : rows)
    plot.dot(plot.x(row.predicted_ms), Plot::y(row.predicted_ap), 2, kDot);
  std::vector<PlotPoint> front;
  for (const FitRow& row : pareto(rows))
    front.push_back({plot.x(row.predicted_ms), Plot::y(row.predicted_ap)});
  plot.line(front, kFront, 2);
  if (budget.latency_ms > 0) {
    const double at = plot.x(budget.latency_ms);
    plot.line({{at, kTop}, {at, kBottom}}, kLimit, 2);
    const bool right = at > kRight - 120;
    plot.text(at + (right ? -6 : 6), kTop + 8, format("budget {} ms", budget.latency_ms), kLimit,
              right ? TextAlign::end : TextAlign::start);
  }
  if (chosen != nullptr) {
    plot.dot(plot.x(chosen->predicted_ms), Plot::y(chosen->predicted_ap), 5, kChosen);
    plot.dot(kLeft + 5, kTop - 13, 5, kChosen);  // named above the plot: no line crosses it there
    plot.text(kLeft + 16, kTop - 13, "chosen: " + to_text(chosen->member), kChosen);
  }
  return plot.take();
}

std::string fit_page(const std::vector<FitRow>& rows, const Budget& budget, const FitRow* chosen,
                     const std::string& machine) {
  std::string body = svg_of(fit_sheet(rows, budget, chosen)) +
                     "<table><tr><th>member</th><th>predicted ms</th><th>predicted AP</th>"
                     "<th>GFLOPs</th><th>parameters</th><th>MiB</th></tr>\n";
  for (const FitRow& row : pareto(rows)) {
    body += format(
        "<tr><td>{}</td><td>{:.2f}</td><td>{:.1f}{}</td><td>{:.2f}</td><td>{}</td>"
        "<td>{:.0f}</td></tr>\n",
        to_text(row.member), row.predicted_ms, row.predicted_ap, row.seen ? "" : " (far)",
        row.gflops, grouped(row.parameters), static_cast<double>(row.memory_bytes) / (1 << 20));
  }
  return data::html_page("The family on " + machine,
                         body +
                             "</table>\n<p>Members that no other one beats in both. "
                             "far: outside the work of the published networks that "
                             "the AP is fitted to.</p>\n");
}

}  // namespace syolo::cli
