// The page of a dataset's numbers: plots as SVG, drawn here.

#include <algorithm>
#include <cmath>

#include "syolo/base/text.h"
#include "syolo/data/page.h"
#include "syolo/data/stats.h"

namespace syolo {
namespace {

constexpr int kWidth = 520, kHeight = 250;
constexpr int kLeft = 56, kBottom = 44, kTop = 12, kRight = 12;

std::string number(double value) {
  return value >= 10000 ? grouped(static_cast<std::int64_t>(value)) : format("{:.4g}", value);
}

/// The next 1, 2 or 5 times a power of ten at or above value / 4: about four grid lines.
double grid_step(double most) {
  const double raw = std::max(most, 1.0) / 4;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= raw) return std::max(1.0, factor * power);
  }
  return std::max(1.0, 10 * power);
}

std::string grid(double most, int bottom) {
  std::string svg;
  const double step = grid_step(most);
  for (double value = 0; value <= most * 1.0001; value += step) {
    const double y = bottom - value / most * (bottom - kTop);
    svg += format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#dfe4ea\"/>",
                  kLeft, kWidth - kRight, y, y);
    svg += format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", kLeft - 6, y + 4,
                  number(value));
  }
  return svg;
}

/// Upright bars; labels stand below the left edge of each bar (`edges`) or its middle.
std::string bars(const std::vector<std::int64_t>& counts, const std::vector<std::string>& labels,
                 bool edges, std::string_view axis) {
  const double most =
      std::max<double>(1, static_cast<double>(*std::max_element(counts.begin(), counts.end())));
  const int bottom = kHeight - kBottom;
  const double slot = (kWidth - kLeft - kRight) / static_cast<double>(counts.size());
  std::string svg =
      format("<svg viewBox=\"0 0 {} {}\" width=\"{}\" role=\"img\">", kWidth, kHeight, kWidth);
  svg += grid(most, bottom);
  std::size_t widest = 1;
  for (const std::string& label : labels) widest = std::max(widest, label.size());
  const auto every = static_cast<std::size_t>(
      std::max(1.0, std::ceil((static_cast<double>(widest) * 7 + 6) / slot)));
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double x = kLeft + slot * static_cast<double>(i);
    const double height = static_cast<double>(counts[i]) / most * (bottom - kTop);
    svg += format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"#2f6fb2\">"
        "<title>{}: {}</title></rect>",
        x + 1, bottom - height, std::max(0.5, slot - 2), height, data::html_text(labels[i]),
        grouped(counts[i]));
    if (i % every != 0) continue;
    svg += format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                  edges ? x : x + slot / 2, bottom + 16, data::html_text(labels[i]));
  }
  svg += format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text></svg>\n",
                kLeft + (kWidth - kLeft - kRight) / 2, kHeight - 6, axis);
  return svg;
}

std::string histogram(const Histogram& h, std::string_view axis) {
  std::vector<std::string> labels;
  for (const double edge : h.edges) labels.push_back(number(edge));
  return bars(h.counts, labels, true, axis);
}

/// Lying bars for names: as many rows as there are classes, the most frequent first.
std::string class_bars(const DatasetStats& stats) {
  const auto& counts = stats.classification ? stats.class_pictures : stats.class_boxes;
  std::vector<std::size_t> order(stats.names.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  constexpr int kRow = 20, kNames = 150, kBar = 560;
  const auto most =
      static_cast<double>(order.empty() ? 1 : std::max<std::int64_t>(1, counts[order[0]]));
  std::string svg = format("<svg viewBox=\"0 0 960 {}\" width=\"960\" role=\"img\">",
                           kRow * static_cast<int>(order.size()) + 4);
  for (std::size_t row = 0; row < order.size(); ++row) {
    const std::size_t c = order[row];
    const int y = kRow * static_cast<int>(row);
    const double length = static_cast<double>(counts[c]) / most * kBar;
    svg += format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>", kNames - 8, y + 15,
                  data::html_text(printable(stats.names[c], 22)));
    svg += format("<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" fill=\"#2f6fb2\"/>",
                  kNames, y + 3, length, kRow - 6);
    const std::string boxes =
        stats.classification ? "" : grouped(stats.class_boxes[c]) + " boxes in ";
    svg += format("<text x=\"{:.1f}\" y=\"{}\">{}{} pictures</text>", kNames + length + 8, y + 15,
                  boxes, grouped(stats.class_pictures[c]));
  }
  return svg + "</svg>\n";
}

std::string heat_map(const DatasetStats& stats) {
  std::int64_t most = 1;
  for (const auto& row : stats.centre)
    most = std::max(most, *std::max_element(row.begin(), row.end()));
  constexpr int kCell = 10;
  std::string svg = "<svg viewBox=\"0 0 520 250\" width=\"520\" role=\"img\">";
  for (std::size_t y = 0; y < 24; ++y) {
    for (std::size_t x = 0; x < 24; ++x) {
      const double share =
          std::sqrt(static_cast<double>(stats.centre[y][x]) / static_cast<double>(most));
      const int shade = static_cast<int>(245 - 215 * share);
      svg += format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"rgb({},{},{})\"/>",
                    static_cast<int>(x) * kCell + kLeft, static_cast<int>(y) * kCell + 4, kCell,
                    kCell, shade, std::min(250, shade + 25), std::min(255, shade + 50));
    }
  }
  svg += format("<text x=\"{}\" y=\"30\">darkest: {} boxes</text>", kLeft + 256, grouped(most));
  svg += format("<text x=\"{}\" y=\"48\">shade grows with the root</text></svg>\n", kLeft + 256);
  return svg;
}

std::string figure(std::string_view title, const std::string& svg) {
  return "<div class=\"finding\" style=\"width:520px\"><h3>" + data::html_text(title) + "</h3>" +
         svg + "</div>\n";
}

std::string level_bars(const DatasetStats& stats) {
  const std::vector<std::string> labels = {"P3 (8)", "P4 (16)", "P5 (32)", "P6 (64)", "P7 (128)"};
  return bars({stats.levels.begin(), stats.levels.end()}, labels, false, "level (stride)");
}

std::string anchor_table(const DatasetStats& stats) {
  const AnchorFit& fit = stats.fit;
  std::string html = format(
      "<h2>Anchors at {}x{}</h2>\n<p>best possible recall {:.4f} (side ratio below {}), {:.2f} "
      "anchors "
      "per box, mean best IoU {:.4f}</p>\n<table><tr><th>anchor</th><th>boxes that fit it "
      "best</th></tr>\n",
      stats.options.input.width, stats.options.input.height, fit.best_possible_recall,
      stats.options.anchor_t, fit.anchors_matched, fit.mean_iou);
  for (std::size_t i = 0; i < stats.options.anchors.size(); ++i) {
    html += format("<tr><td>{:.1f} x {:.1f}</td><td>{}{}</td></tr>\n", stats.options.anchors[i].w,
                   stats.options.anchors[i].h, grouped(fit.owned[i]),
                   fit.owned[i] == 0 ? " (dead)" : "");
  }
  return html + "</table>\n";
}

std::string classification_html(const DatasetStats& stats, std::string_view title) {
  std::string body = format("<p>{} pictures of {} classes</p>\n<h2>Classes</h2>\n",
                            grouped(stats.pictures), stats.names.size());
  body += class_bars(stats) + "<h2>Pictures</h2>\n";
  body += figure("Size of pictures", histogram(stats.picture_megapixels, "megapixels, from"));
  return data::html_page(title, body);
}

}  // namespace

std::string stats_html(const DatasetStats& stats, std::string_view title) {
  if (stats.classification) return classification_html(stats, title);
  std::string body = format(
      "<p>{} pictures, {} boxes, {} classes; {} pictures without boxes, of which {} without "
      "labels; "
      "{} crowds, {} difficult</p>\n<h2>Classes</h2>\n",
      grouped(stats.pictures), grouped(stats.boxes), stats.names.size(), grouped(stats.empty),
      grouped(stats.missing), grouped(stats.crowds), grouped(stats.difficult));
  body += class_bars(stats);
  body += "<h2>Boxes</h2>\n";
  body += figure("Boxes per picture", histogram(stats.boxes_per_picture, "boxes, from"));
  body += figure("Places of the centres", heat_map(stats));
  body += figure("Width", histogram(stats.width, "share of the picture, from"));
  body += figure("Height", histogram(stats.height, "share of the picture, from"));
  body += figure("Aspect", histogram(stats.aspect, "width / height, from"));
  body += figure("Size of pictures", histogram(stats.picture_megapixels, "megapixels, from"));
  const std::string at = format(" at {}x{}", stats.options.input.width, stats.options.input.height);
  body += figure("Side sqrt(w h)" + at, histogram(stats.side, "input pixels, from"));
  body += figure("Pyramid level" + at, level_bars(stats));
  body +=
      format("<p>{} boxes have both sides below 8 input pixels</p>\n", grouped(stats.below_cell));
  if (!stats.options.anchors.empty()) body += anchor_table(stats);
  return data::html_page(title, body);
}

}  // namespace syolo
