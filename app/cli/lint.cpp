// syolo lint: the faults of a dataset. Reads it, never writes into it.

#include "syolo/data/lint.h"

#include <filesystem>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/json.h"
#include "app/cli/networks.h"
#include "app/cli/options.h"
#include "app/cli/setup.h"
#include "app/cli/walk.h"
#include "syolo/data/rules.h"
#include "syolo/eval/suspects.h"

namespace syolo::cli {
namespace {

struct LintArgs {
  std::string data, cfg, sarif, html, fix, from;
  WalkArgs walk;
  SuspectOptions suspects;
  std::optional<Size> input;
  int limit = 10, repeated = LintOptions{}.repeated;
};

void print_text(const LintReport& report, int limit, Console& out) {
  for (const Severity severity : {Severity::error, Severity::warning, Severity::note}) {
    for (const Rule& rule : data_rules()) {
      if (rule.severity != severity) continue;
      std::int64_t count = 0;
      for (const Finding& finding : report.findings) {
        if (finding.rule != rule.id) continue;
        if (count++ == 0) {
          out.print(format("{} {}: {} ({})\n", word(severity), out.bold(rule.id), rule.meaning,
                           rule.action));
        }
        if (count > limit) continue;
        const std::string place = to_text(finding.where);
        out.print(format("  {}{}{}\n", printable(place, 1000), place.empty() ? "" : ": ",
                         printable(finding.text, 1000)));
      }
      if (count > limit) out.print(format("  and {} more\n", grouped(count - limit)));
    }
  }
  out.print(format("{} pictures, {} boxes: {} errors, {} warnings, {} notes\n",
                   grouped(report.pictures), grouped(report.boxes), report.count(Severity::error),
                   report.count(Severity::warning), report.count(Severity::note)));
}

Json to_json(const LintReport& report) {
  Json rows = Json::array();
  for (const Finding& finding : report.findings) {
    rows.push_back({{"rule", finding.rule},
                    {"severity", word(finding.severity)},
                    {"file", finding.where.file},
                    {"line", finding.where.line},
                    {"text", finding.text},
                    {"action", rule_of(finding).action}});
  }
  return rows;
}

void write_copy(std::vector<Part> parts, const LintReport& report, const LintArgs& args,
                Console& out) {
  const DatasetFormat* to = &dataset_format(args.data);
  if (to->write == nullptr) to = find_format("yolo");
  parts = corrected(std::move(parts), report);
  WriteOptions options;
  options.progress = [&out](std::int64_t done, std::int64_t total) {
    out.progress(done, total, "pictures");
  };
  const Findings lost = to->write(parts, args.fix, options);
  out.end_progress();
  cli::report(lost, out);
  out.note(format("corrected copy: {}: {}, {}", printable(args.fix), to->name, parts_text(parts)));
}

/// What a model, or a file of predictions, doubts. False when it was stopped.
bool doubt(const LintArgs& args, const std::vector<Part>& parts, LintReport& report, Console& out) {
  if (args.from.empty() && args.walk.model.model.empty()) return true;
  Dataset data = joined(parts);
  if (!args.from.empty()) {
    Predictions found = read_predictions(args.from, data, {}, reading(out));
    out.end_progress();
    cli::report(found.findings, out);
    add_suspects(data, found.rows, {}, args.suspects, report);
    return true;
  }
  const Walk found = walk(args.walk, data, out);
  if (!found.stopped) add_suspects(data, found.rows, found.judged, args.suspects, report);
  return !found.stopped;
}

Exit run(const LintArgs& args, Console& out) {
  if (!args.from.empty() && !args.walk.model.model.empty()) {
    throw Error(ErrorKind::usage, "expected a model or predictions, found both",
                {.file = {}, .item = "--from"});
  }
  if (!args.fix.empty()) refuse_inside(args.fix, args.data);
  LintOptions options;
  options.threads = out.globals.threads;
  options.repeated = args.repeated;
  options.progress = [&out](std::int64_t done, std::int64_t total) {
    out.progress(done, total, "pictures");
  };
  if (!args.cfg.empty()) {
    const NetworkFacts network = network_facts(args.cfg, out);
    options.input = network.input;
    options.anchors = network.used_anchors();
    options.finest_stride = network.finest_stride();
  }
  if (args.input) options.input = *args.input;
  std::vector<Part> parts = load_parts(args.data, {}, reading(out));
  out.end_progress();
  LintReport result = lint(parts, options);
  out.end_progress();
  if (!doubt(args, parts, result, out)) return Exit::stopped;
  if (!args.sarif.empty()) write_file_atomic(args.sarif, lint_sarif(result, SYOLO_VERSION));
  if (!args.html.empty()) write_file_atomic(args.html, lint_html(parts, result));
  if (out.globals.json) {
    out.print(document(to_json(result)));
  } else {
    print_text(result, args.limit, out);
  }
  if (!args.fix.empty()) write_copy(std::move(parts), result, args, out);
  return result.count(Severity::error) > 0 ? Exit::no : Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<LintArgs>();
  add_text(cli, "data,--data", args->data, "DATASET",
           "YAML, .data, list, COCO JSON, VOC or picture folder")
      ->required();
  add_text(cli, "--cfg", args->cfg, "MODEL", "ask this network's anchors, input and strides too");
  add_size(cli, "--input", args->input, "input size for box sizes (default: 640, or the cfg's)");
  add_text(cli, "--sarif", args->sarif, "FILE", "also write SARIF 2.1.0");
  add_text(cli, "--html", args->html, "FILE", "also write a page with pictures and crops");
  add_text(cli, "--fix", args->fix, "DIR", "write a corrected copy into a new folder");
  add_int(cli, "--limit", args->limit, 0, 1'000'000, "N", "findings shown of a rule (default: 10)");
  add_int(cli, "--repeated", args->repeated, 2, 1'000'000'000, "N",
          "equal boxes that are no chance (default: 100)");
  args->walk.boxes.conf = args->suspects.seen, args->walk.boxes.nms = 0.45;
  args->walk.allow_missing = true;  // told by the rules
  add_text(cli, "--model", args->walk.model.model, "MODEL",
           "this model's doubts about the labels too, the greatest first");
  add_weights(cli, args->walk.model);
  add_names(cli, args->walk.model);
  add_text(cli, "--from", args->from, "FILE", "instead of --model: its boxes, as for eval --from");
  add_real(cli, "--score", args->suspects.score, 0, 1, "P",
           "boxes of the model above it are believed (default 0.5)");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command lint_command() {
  return {"lint",
          "",
          "the faults of a dataset, with file, line and rule; exit 1 when there are errors",
          "DATASET [options]",
          "syolo lint my/dataset.yaml --html faults.html",
          bind};
}

}  // namespace syolo::cli
