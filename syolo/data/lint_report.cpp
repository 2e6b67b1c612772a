// A lint report as SARIF and as a page with pictures.

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "syolo/data/lint.h"
#include "syolo/data/page.h"
#include "syolo/data/rules.h"
#include "syolo/image/codec.h"

namespace syolo {
namespace {

using Json = nlohmann::ordered_json;

using Items = std::map<std::string, const Item*>;  // by label, picture and annotation

std::string annotation_name(std::int64_t id) {
  return format("annotation {}", id);
}

Items items_by_file(std::span<const Part> parts) {
  Items items;
  for (const Part& part : parts) {
    for (const Item& item : part.data.items) {
      items.emplace(item.image.string(), &item);
      if (!item.label.empty()) items.emplace(item.label.string(), &item);
      for (const Truth& truth : item.truths) {
        if (truth.id != 0) items.emplace(annotation_name(truth.id), &item);
      }
    }
  }
  return items;
}

/// The picture with all labels, the one in question in red, and a crop around that one.
std::string figure(const Item& item, const Finding& finding, const Truth* marked,
                   const Limits& limits) {
  try {
    Image image = load_image(item.image, {}, limits);
    for (const Truth& truth : item.truths) {
      const bool meant = finding.where.line > 0 ? truth.line == finding.where.line
                                                : finding.where.item == annotation_name(truth.id);
      if (meant && marked == nullptr) marked = &truth;
    }
    std::string html = data::thumbnail(image, item.truths, marked, 320);
    if (marked != nullptr) html += data::crop(image, *marked, 160);
    return html;
  } catch (const Error&) {
    return "<p>no picture</p>";  // the finding itself says why
  }
}

const Item* item_of(const Finding& finding, const Items& items) {
  auto at = items.find(finding.where.file);
  if (at == items.end()) at = items.find(finding.where.item);
  return at == items.end() ? nullptr : at->second;
}

std::string section(const Rule& rule, const std::vector<std::size_t>& findings,
                    const LintReport& report, const Items& items, int most, const Limits& limits) {
  std::string html = format(
      "<h2 id=\"{}\">{} <span class=\"{}\">{}</span> <small>{}</small></h2>\n<p>{}; {}</p>\n",
      rule.id, rule.id, word(rule.severity), word(rule.severity),
      grouped(static_cast<std::int64_t>(findings.size())), data::html_text(rule.meaning),
      data::html_text(rule.action));
  int shown = 0;
  for (const std::size_t number : findings) {
    if (++shown > most) break;
    const Finding* finding = &report.findings[number];
    const auto mark = report.marks.find(number);
    std::string place = finding->where.file;
    if (finding->where.line > 0) place += format(":{}", finding->where.line);
    html += "<div class=\"finding\">";
    if (const Item* item = item_of(*finding, items)) {
      html += figure(*item, *finding, mark == report.marks.end() ? nullptr : &mark->second, limits);
    }
    html += "<p><code>" + data::html_text(place) + "</code><br>" + data::html_text(finding->text) +
            "</p></div>\n";
  }
  if (static_cast<int>(findings.size()) > most) {
    html += format("<p>and {} more</p>\n", findings.size() - static_cast<std::size_t>(most));
  }
  return html;
}

}  // namespace

std::string lint_sarif(const LintReport& report, std::string_view version) {
  Json rules = Json::array(), results = Json::array();
  std::map<std::string_view, int> numbers;
  for (const Rule& rule : data_rules()) {
    numbers.emplace(rule.id, static_cast<int>(rules.size()));
    rules.push_back({{"id", rule.id},
                     {"shortDescription", {{"text", rule.meaning}}},
                     {"defaultConfiguration", {{"level", word(rule.severity)}}}});
  }
  for (const Finding& finding : report.findings) {
    Json result = {{"ruleId", finding.rule},
                   {"ruleIndex", numbers[finding.rule]},
                   {"level", word(finding.severity)},
                   {"message", {{"text", printable(finding.text, 4000)}}}};
    if (!finding.where.file.empty()) {
      Json place = {{"artifactLocation", {{"uri", printable(finding.where.file, 4000)}}}};
      if (finding.where.line > 0) place["region"] = {{"startLine", finding.where.line}};
      result["locations"] = Json::array({{{"physicalLocation", place}}});
    }
    results.push_back(std::move(result));
  }
  const Json driver = {{"name", "syolo"}, {"version", version}, {"rules", rules}};
  const Json document = {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
      {"version", "2.1.0"},
      {"runs", Json::array({{{"tool", {{"driver", driver}}}, {"results", results}}})}};
  return document.dump(1) + "\n";
}

std::string lint_html(std::span<const Part> parts, const LintReport& report, int most,
                      const Limits& limits) {
  std::map<std::string_view, std::vector<std::size_t>> by_rule;
  for (std::size_t i = 0; i < report.findings.size(); ++i) {
    by_rule[report.findings[i].rule].push_back(i);
  }
  const Items items = items_by_file(parts);
  std::string body =
      format("<p>{} pictures, {} boxes: {} errors, {} warnings, {} notes</p>\n<ul>\n",
             grouped(report.pictures), grouped(report.boxes), report.count(Severity::error),
             report.count(Severity::warning), report.count(Severity::note));
  std::string sections;
  for (const Severity severity : {Severity::error, Severity::warning, Severity::note}) {
    for (const Rule& rule : data_rules()) {
      const auto at = by_rule.find(rule.id);
      if (rule.severity != severity || at == by_rule.end()) continue;
      body += format("<li><a href=\"#{}\">{}</a> {}: {}</li>\n", rule.id, rule.id,
                     at->second.size(), data::html_text(rule.meaning));
      sections += section(rule, at->second, report, items, most, limits);
    }
  }
  return data::html_page("Dataset faults", body + "</ul>\n" + sections);
}

}  // namespace syolo
