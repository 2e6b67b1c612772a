// syolo compare: two results for the same pictures, and whether their difference is more than
// chance.

#include <memory>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/json.h"
#include "app/cli/options.h"
#include "syolo/eval/coco_ap.h"
#include "syolo/eval/intervals.h"

namespace syolo::cli {
namespace {

struct CompareArgs {
  std::string a, b, data;
  int split = 1;  // of Split: val
  int rounds = 1000;
};

struct CompareRow {
  std::string_view name;
  double a, b, p;
  Interval difference;
};

Json to_json(const CompareRow& row) {
  return {{"a", row.a},
          {"b", row.b},
          {"difference", row.difference.value},
          {"low", row.difference.low},
          {"high", row.difference.high},
          {"p", row.p}};
}

std::string text_of(double number) {
  return number < 0 ? "n/a" : format("{:.3f}", number);
}

void print_text(std::span<const CompareRow> rows, const CocoReport& a, const CocoReport& b,
                const Dataset& data, Console& out) {
  out.print(format("{:<8}{:>8}{:>8}{:>10}{:>19}{:>9}\n", "", "A", "B", "B - A", "95 %", "p"));
  for (const CompareRow& row : rows) {
    out.print(format(
        "{:<8}{:>8}{:>8}{:>+10.3f}{:>19}{:>9.3f}  {}\n", row.name, text_of(row.a), text_of(row.b),
        row.difference.value, format("{:+.3f} to {:+.3f}", row.difference.low, row.difference.high),
        row.p,
        row.p < 0.05 ? row.difference.value > 0 ? "B is better" : "A is better" : "may be chance"));
  }
  out.print(format("{:<24}{:>9}{:>8}{:>8}{:>10}\n", "class: AP", "truths", "A", "B", "B - A"));
  for (std::size_t i = 0; i < a.classes.size(); ++i) {
    if (a.classes[i].truths == 0) continue;
    const double of_a = a.classes[i].numbers[CocoNumber::ap];
    const double of_b = b.classes[i].numbers[CocoNumber::ap];
    out.print(format("{:<24}{:>9}{:>8}{:>8}{:>+10.3f}\n",
                     printable(data.names[static_cast<std::size_t>(a.classes[i].cls)], 24),
                     grouped(a.classes[i].truths), text_of(of_a), text_of(of_b), of_b - of_a));
  }
}

Json per_class(const CocoReport& a, const CocoReport& b, const Dataset& data) {
  Json json = Json::array();
  for (std::size_t i = 0; i < a.classes.size(); ++i) {
    const int cls = a.classes[i].cls;
    json.push_back({{"class", cls},
                    {"name", data.names[static_cast<std::size_t>(cls)]},
                    {"truths", a.classes[i].truths},
                    {"a", a.classes[i].numbers[CocoNumber::ap]},
                    {"b", b.classes[i].numbers[CocoNumber::ap]}});
  }
  return json;
}

Matches matches_of(const std::string& file, const Dataset& data, Console& out) {
  const Predictions found = read_predictions(file, data);
  report(found.findings, out);
  return match(data, found.rows, out.globals.threads);
}

Exit run(const CompareArgs& args, Console& out) {
  const Dataset data =
      load_part_for(args.data, static_cast<Split>(args.split), out, PicturesNeeded::no);
  const Matches a = matches_of(args.a, data, out), b = matches_of(args.b, data, out);
  const int threads = out.globals.threads;
  const Comparison result = compare(a, b, args.rounds, out.globals.seed, threads);
  const CocoReport of_a = coco_ap(a, threads), of_b = coco_ap(b, threads);
  const auto row = [&](std::string_view name, CocoNumber which, const Interval& interval,
                       double p) {
    return CompareRow{name, of_a.numbers[which], of_b.numbers[which], p, interval};
  };
  const std::array rows = {row("AP", CocoNumber::ap, result.ap, result.p_ap),
                           row("AP50", CocoNumber::ap50, result.ap50, result.p_ap50)};
  if (!out.globals.json) {
    print_text(rows, of_a, of_b, data, out);
    return Exit::done;
  }
  Json json = Json::object();
  for (const CompareRow& one : rows) json[std::string(one.name)] = to_json(one);
  json["rounds"] = args.rounds;
  json["images"] = data.items.size();
  json["per_class"] = per_class(of_a, of_b, data);
  out.print(document(json));
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<CompareArgs>();
  cli.add_option("A", args->a, "predictions: COCO results, Darknet JSON, or a folder of YOLO txt")
      ->required()
      ->type_name("A");
  cli.add_option("B", args->b, "the others, for the same pictures")->required()->type_name("B");
  add_text(cli, "--data,--annotations", args->data, "DATASET",
           "the truths: a dataset in any format, or COCO JSON alone")
      ->required();
  add_choice(cli, "--split", args->split, {"train", "val", "test", "all"}, "S",
             "part of the dataset: train, val (default), test, all");
  add_int(cli, "--rounds", args->rounds, 10, 1'000'000, "N",
          "draws of the pictures (default 1000)");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command compare_command() {
  return {"compare",
          "",
          "two results for the same pictures: is the difference more than chance?",
          "A B --data DATASET [options]",
          "syolo compare old.json new.json --data instances.json",
          bind};
}

}  // namespace syolo::cli
