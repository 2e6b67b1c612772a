// syolo eval: COCO's average precision of a predictions file.

#include <memory>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/json.h"
#include "app/cli/options.h"
#include "syolo/eval/coco_ap.h"
#include "syolo/eval/predictions.h"

namespace syolo::cli {
namespace {

struct EvalArgs {
  std::string from, annotations;
  int split = 1;  // of Split: val
};

Json to_json(const CocoNumbers& numbers) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kCocoNames.size(); ++i) {
    json[std::string(kCocoNames[i])] = numbers.values[i];
  }
  return json;
}

Json to_json(const CocoReport& report, const Dataset& data) {
  Json json = to_json(report.numbers);
  json["images"] = data.items.size();
  json["truths"] = boxes_in(data);
  json["per_class"] = Json::array();
  for (const CocoClass& row : report.classes) {
    Json one = to_json(row.numbers);
    one["class"] = row.cls;
    one["name"] = data.names[static_cast<std::size_t>(row.cls)];
    one["truths"] = row.truths;
    one["predictions"] = row.predictions;
    json["per_class"].push_back(std::move(one));
  }
  return json;
}

/// -1 means that no truth counts.
std::string text_of(double number) {
  return number < 0 ? "n/a" : format("{:.3f}", number);
}

void print_text(const CocoReport& report, const Dataset& data, Console& out) {
  out.print(format("{} pictures, {} truths, COCO's protocol\n", grouped(std::ssize(data.items)),
                   grouped(boxes_in(data))));
  for (std::size_t i = 0; i < kCocoNames.size(); ++i) {
    out.print(format("  {:<6}{:>7}{}", kCocoNames[i], text_of(report.numbers.values[i]),
                     i % 3 == 2 ? "\n" : "   "));
  }
  out.print(format("{:<24}{:>9}{:>12}{:>8}{:>8}{:>8}\n", "class", "truths", "predictions", "AP",
                   "AP50", "AR100"));
  for (const CocoClass& row : report.classes) {
    out.print(format("{:<24}{:>9}{:>12}{:>8}{:>8}{:>8}\n",
                     printable(data.names[static_cast<std::size_t>(row.cls)], 24),
                     grouped(row.truths), grouped(row.predictions),
                     text_of(row.numbers[CocoNumber::ap]), text_of(row.numbers[CocoNumber::ap50]),
                     text_of(row.numbers[CocoNumber::ar100])));
  }
}

Exit run(const EvalArgs& args, Console& out) {
  const Dataset data = load_part_for(args.annotations, static_cast<Split>(args.split), out);
  const Predictions found = read_predictions(args.from, data);
  report(found.findings, out);
  const int threads = out.globals.threads;
  const CocoReport result = coco_ap(match(data, found.rows, threads), threads);
  if (out.globals.json) {
    out.print(document(to_json(result, data)));
  } else {
    print_text(result, data, out);
  }
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<EvalArgs>();
  add_text(cli, "--from", args->from, "FILE",
           "predictions: COCO results, Darknet JSON, or a folder of YOLO txt")
      ->required();
  add_text(cli, "--annotations", args->annotations, "DATASET",
           "the truths: COCO JSON or a dataset in any format")
      ->required();
  add_choice(cli, "--split", args->split, {"train", "val", "test", "all"}, "S",
             "part of the dataset: train, val (default), test, all");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command eval_command() {
  return {"eval",
          "val",
          "COCO's AP and AR of a predictions file, equal to pycocotools",
          "--from FILE --annotations DATASET [options]",
          "syolo eval --from results.json --annotations instances.json",
          bind};
}

}  // namespace syolo::cli
