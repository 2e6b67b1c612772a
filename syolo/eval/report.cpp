#include "syolo/eval/report.h"

#include <algorithm>
#include <numeric>

#include "syolo/data/page.h"

namespace syolo {
namespace {

constexpr std::size_t kMostLines = 12, kMostConfused = 12;
constexpr Color kAll = {29, 36, 48}, kBlue = {38, 98, 166}, kOrange = {204, 102, 0},
                kGreen = {26, 127, 55};

std::string name_of(const Dataset& dataset, int cls) {
  return printable(dataset.names[static_cast<std::size_t>(cls)], 24);
}

std::string number(double value) {
  return value < 0 ? "n/a" : format("{:.3f}", value);
}

/// Classes with truths, those with the most first.
std::vector<std::size_t> by_truths(const EvalReport& report) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < report.coco.classes.size(); ++i) {
    if (report.coco.classes[i].truths > 0) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return report.coco.classes[a].truths > report.coco.classes[b].truths;
  });
  return order;
}

std::vector<PlotPoint> precision_recall(const ScoreCurve& curve) {
  std::vector<PlotPoint> points;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    points.push_back({curve.recall[i], curve.precision[i]});
  }
  return points;
}

template <class Value>
std::vector<PlotPoint> along_scores(const ScoreCurve& curve, Value&& value) {
  std::vector<PlotPoint> points;
  for (std::size_t i = 0; i < curve.size(); ++i) points.push_back({curve.score[i], value(i)});
  return points;
}

LinePlot precision_recall_plot(const EvalReport& report, const Dataset& dataset) {
  LinePlot plot = {"Precision and recall at IoU 0.5", "recall", "precision", {}};
  const std::vector<std::size_t> order = by_truths(report);
  for (std::size_t k = 0; k < std::min(order.size(), kMostLines); ++k) {
    const CocoClass& row = report.coco.classes[order[k]];
    plot.series.push_back(
        {format("{}  AP50 {}", name_of(dataset, row.cls), number(row.numbers[CocoNumber::ap50])),
         precision_recall(report.classes[order[k]]), class_color(static_cast<int>(k)), 1.5});
  }
  if (order.size() > kMostLines) {
    plot.title += format(", the {} classes with most truths", kMostLines);
  }
  plot.series.push_back({"all classes as one", precision_recall(report.all), kAll, 3});
  return plot;
}

LinePlot score_plot(const EvalReport& report) {
  const ScoreCurve& all = report.all;
  const std::size_t best = all.best_f1();
  std::string f1 = "F1";
  if (best < all.size()) f1 += format(", best {:.3f} at {:.3f}", all.f1(best), all.score[best]);
  LinePlot plot = {
      "Along the scores, all classes as one", "score at which boxes are kept", "share", {}};
  plot.series.push_back(
      {"precision", along_scores(all, [&](std::size_t i) { return all.precision[i]; }), kBlue, 2});
  plot.series.push_back(
      {"recall", along_scores(all, [&](std::size_t i) { return all.recall[i]; }), kOrange, 2});
  plot.series.push_back(
      {f1, along_scores(all, [&](std::size_t i) { return all.f1(i); }), kGreen, 3});
  return plot;
}

LinePlot calibration_plot(const EvalReport& report) {
  LinePlot plot = {"Calibration: is a score a probability?",
                   "mean score of a bin",
                   "share of boxes that are right",
                   {}};
  std::vector<PlotPoint> points;
  for (const Calibration::Bin& bin : report.calibration.bins) {
    if (bin.count > 0) points.push_back({bin.score, bin.right});
  }
  plot.series.push_back(
      {format("boxes, mean error {:.3f}", report.calibration.error), points, kBlue, 3});
  plot.series.push_back({"as it should be", {{0, 0}, {1, 1}}, {140, 149, 159}, 1.5});
  return plot;
}

/// The classes with most truths, the others left out, the background last.
TablePlot confusion_plot(const EvalReport& report, const Dataset& dataset) {
  const Confusion& confusion = report.confusion;
  std::vector<std::size_t> shown;
  for (const std::size_t i : by_truths(report)) {
    if (shown.size() < kMostConfused) {
      shown.push_back(static_cast<std::size_t>(report.coco.classes[i].cls));
    }
  }
  std::sort(shown.begin(), shown.end());
  TablePlot plot;
  plot.title = format("Confusion at score {:.3f}, IoU 0.5", report.confusion_score);
  if (confusion.classes > shown.size()) {
    plot.title += format(", {} of {} classes", shown.size(), confusion.classes);
  }
  plot.row_title = "truth", plot.column_title = "predicted";
  shown.push_back(confusion.classes);
  for (const std::size_t cls : shown) {
    plot.rows.push_back(cls == confusion.classes ? "no truth"
                                                 : name_of(dataset, static_cast<int>(cls)));
    plot.columns.push_back(cls == confusion.classes ? "missed" : printable(dataset.names[cls], 10));
    for (const std::size_t predicted : shown) {
      plot.counts.push_back(confusion.at(cls, predicted));
    }
  }
  return plot;
}

std::string summary_table(const EvalReport& report) {
  std::string html = "<table><tr>";
  for (const std::string_view name : kCocoNames) html += format("<th>{}</th>", name);
  html += "</tr><tr>";
  for (const double value : report.coco.numbers.values)
    html += format("<td>{}</td>", number(value));
  html += "</tr></table>\n";
  if (report.intervals) {
    const Interval &ap = report.intervals->ap, &ap50 = report.intervals->ap50;
    html += format("<p>95 % intervals from pictures drawn again: AP {} to {}, AP50 {} to {}</p>\n",
                   number(ap.low), number(ap.high), number(ap50.low), number(ap50.high));
  }
  return html;
}

std::string class_row(const CocoClass& row, const ClassThresholds& at) {
  std::string html = format("<tr><td>{}</td><td>{}</td><td>{}</td>", data::html_text(at.name),
                            grouped(row.truths), grouped(row.predictions));
  for (const CocoNumber which :
       {CocoNumber::ap, CocoNumber::ap50, CocoNumber::ap75, CocoNumber::ar100}) {
    html += format("<td>{}</td>", number(row.numbers[which]));
  }
  html += format("<td>{:.3f}</td><td>{:.3f}</td>", at.best_f1, at.best_score);
  html += at.wanted_recall < 0
              ? std::string("<td>never</td><td></td>")
              : format("<td>{:.3f}</td><td>{:.3f}</td>", at.wanted_score, at.wanted_recall);
  return html + "</tr>\n";
}

std::string class_table(const EvalReport& report, const Dataset& dataset) {
  std::string html = format(
      "<h2>Classes <small>F1 and thresholds at IoU 0.5; score and recall where precision is still "
      "{}</small></h2>\n<table><tr><th>class</th><th>truths</th><th>predictions</th><th>AP</th>"
      "<th>AP50</th><th>AP75</th><th>AR100</th><th>best F1</th><th>at score</th>"
      "<th>precision {}: score</th><th>recall</th></tr>\n",
      report.wanted_precision, report.wanted_precision);
  for (const std::size_t i : by_truths(report)) {
    const CocoClass& row = report.coco.classes[i];
    html += class_row(
        row, thresholds_of(report.classes[i], report.wanted_precision, name_of(dataset, row.cls)));
  }
  return html + "</table>\n";
}

}  // namespace

ClassThresholds thresholds_of(const ScoreCurve& curve, double wanted_precision, std::string name) {
  ClassThresholds out;
  out.name = std::move(name);
  const std::size_t best = curve.best_f1();
  if (best < curve.size()) out.best_f1 = curve.f1(best), out.best_score = curve.score[best];
  const std::size_t wanted = curve.point_of_precision(wanted_precision);
  if (wanted < curve.size()) {
    out.wanted_score = curve.score[wanted], out.wanted_recall = curve.recall[wanted];
  }
  return out;
}

EvalReport eval_report(const Dataset& dataset, std::span<const Prediction> predictions,
                       const EvalReportOptions& options) {
  EvalReport report;
  const Matches matches = match(dataset, predictions, options.threads);
  report.coco = coco_ap(matches, options.threads);
  report.all = score_curve(matches);
  for (const ClassMatches& one : matches.classes) report.classes.push_back(score_curve(one));
  report.lrp = optimal_lrp(dataset, predictions, matches);
  report.calibration = calibration(matches);
  report.wanted_precision = options.wanted_precision;
  report.confusion_score = options.confusion_score;
  if (options.confusion_score < 0) {
    const std::size_t best = report.all.best_f1();
    report.confusion_score = best < report.all.size() ? report.all.score[best] : 0;
  }
  report.confusion = confusion(dataset, predictions, report.confusion_score);
  if (options.bootstrap_rounds > 0) {
    report.intervals = bootstrap(matches, options.bootstrap_rounds, options.seed, options.threads);
  }
  return report;
}

std::vector<std::pair<std::string, Sheet>> eval_plots(const EvalReport& report,
                                                      const Dataset& dataset) {
  return {{"precision_recall", sheet_of(precision_recall_plot(report, dataset))},
          {"f1", sheet_of(score_plot(report))},
          {"calibration", sheet_of(calibration_plot(report))},
          {"confusion", sheet_of(confusion_plot(report, dataset))}};
}

std::string eval_section(const EvalReport& report, const Dataset& dataset) {
  const std::int64_t truths = std::accumulate(
      dataset.items.begin(), dataset.items.end(), std::int64_t{0},
      [](std::int64_t sum, const Item& item) { return sum + std::ssize(item.truths); });
  std::string body =
      format("<p>{} pictures, {} truths, {} classes; COCO's protocol</p>\n",
             grouped(std::ssize(dataset.items)), grouped(truths), dataset.names.size());
  body += summary_table(report);
  body += "<h2>Curves</h2>\n";
  for (const auto& [name, sheet] : eval_plots(report, dataset)) body += svg_of(sheet);
  return body + class_table(report, dataset);
}

}  // namespace syolo
