#include "syolo/eval/top.h"

#include <algorithm>
#include <numeric>

#include "syolo/base/text.h"
#include "syolo/data/page.h"

namespace syolo {
namespace {

constexpr std::size_t kShown = 20;

double share(std::int64_t part, std::int64_t all) {
  return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : -1;
}

std::string number(double value) {
  return value < 0 ? "n/a" : format("{:.3f}", value);
}

/// Each picture's predictions, likeliest first.
std::vector<std::vector<const Prediction*>> ranked(const Dataset& dataset,
                                                   std::span<const Prediction> predictions) {
  std::vector<std::vector<const Prediction*>> rows(dataset.items.size());
  for (const Prediction& one : predictions) {
    rows[static_cast<std::size_t>(one.item)].push_back(&one);
  }
  for (auto& of_picture : rows) {
    std::ranges::stable_sort(of_picture, [](const Prediction* a, const Prediction* b) {
      return a->score != b->score ? a->score > b->score : a->cls < b->cls;
    });
  }
  return rows;
}

}  // namespace

bool has_picture_classes(const Dataset& dataset) {
  return std::ranges::any_of(dataset.items, [](const Item& item) { return item.cls >= 0; });
}

double TopClass::top1() const {
  return share(first, pictures);
}
double TopClass::precision() const {
  return share(first, named);
}

TopReport top_accuracy(const Dataset& dataset, std::span<const Prediction> predictions) {
  const std::size_t classes = dataset.names.size();
  TopReport report;
  report.classes.resize(classes);
  report.confusion = {classes, std::vector<std::int64_t>((classes + 1) * (classes + 1), 0)};
  std::int64_t first = 0, among_five = 0;
  const auto rows = ranked(dataset, predictions);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (dataset.items[i].cls < 0) continue;
    const auto truth = static_cast<std::size_t>(dataset.items[i].cls);
    const std::size_t named = rows[i].empty() ? classes : static_cast<std::size_t>(rows[i][0]->cls);
    const std::size_t five = std::min<std::size_t>(5, rows[i].size());
    const bool among = std::ranges::any_of(
        std::span(rows[i]).first(five),
        [&](const Prediction* one) { return one->cls == dataset.items[i].cls; });
    TopClass& own = report.classes[truth];
    ++report.pictures, ++own.pictures;
    if (among) ++own.among_five, ++among_five;
    if (named == truth) ++own.first, ++first;
    if (named < classes) ++report.classes[named].named;
    ++report.confusion.counts[truth * (classes + 1) + named];
  }
  report.top1 = share(first, report.pictures), report.top5 = share(among_five, report.pictures);
  return report;
}

Sheet confusion_sheet(const TopReport& report, const Dataset& dataset) {
  std::vector<std::size_t> shown(dataset.names.size());
  std::iota(shown.begin(), shown.end(), std::size_t{0});
  std::ranges::stable_sort(shown, std::greater(),
                           [&](std::size_t i) { return report.classes[i].pictures; });
  shown.resize(std::min(shown.size(), kShown));
  std::ranges::sort(shown);
  TablePlot plot;
  plot.title = format("Pictures by class and first answer, top-1 {}", number(report.top1));
  if (shown.size() < dataset.names.size()) {
    plot.title += format(", {} of {} classes", shown.size(), dataset.names.size());
  }
  plot.row_title = "class", plot.column_title = "first answer";
  for (const std::size_t cls : shown) {
    plot.rows.push_back(printable(dataset.names[cls], 24));
    plot.columns.push_back(printable(dataset.names[cls], 10));
    for (const std::size_t named : shown) plot.counts.push_back(report.confusion.at(cls, named));
  }
  return sheet_of(plot);
}

std::string top_section(const TopReport& report, const Dataset& dataset) {
  std::string html =
      format("<p>{} pictures, {} classes; top-1 {}, top-5 {}</p>\n", grouped(report.pictures),
             dataset.names.size(), number(report.top1), number(report.top5));
  html += svg_of(confusion_sheet(report, dataset));
  html += "<table><tr><th>class</th><th>pictures</th><th>top-1</th><th>precision</th></tr>\n";
  for (std::size_t i = 0; i < report.classes.size(); ++i) {
    const TopClass& row = report.classes[i];
    html += format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                   data::html_text(printable(dataset.names[i], 60)), grouped(row.pictures),
                   number(row.top1()), number(row.precision()));
  }
  return html + "</table>\n";
}

}  // namespace syolo
