// syolo eval: average precision of a model on a dataset, or of a predictions file.

#include <filesystem>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/json.h"
#include "app/cli/results.h"
#include "app/cli/walk.h"
#include "syolo/data/page.h"
#include "syolo/eval/protocols.h"
#include "syolo/eval/report.h"
#include "syolo/eval/top.h"
#include "syolo/image/codec.h"

namespace syolo::cli {
namespace {

struct EvalArgs {
  WalkArgs walk;
  std::string data, from, save_json, save_darknet, save_yolo, save_voc, html, plots;
  EvalReportOptions report;
  int split = 1;     // of Split: val
  int protocol = 0;  // COCO's, then those of kProtocolNames
};

Json to_json(const CocoNumbers& numbers) {
  Json json = Json::object();
  for (std::size_t i = 0; i < kCocoNames.size(); ++i) {
    json[std::string(kCocoNames[i])] = numbers.values[i];
  }
  return json;
}

Json to_json(const Interval& interval) {
  return {{"value", interval.value}, {"low", interval.low}, {"high", interval.high}};
}

void add_thresholds(const ScoreCurve& curve, double wanted, Json& json) {
  const ClassThresholds at = thresholds_of(curve, wanted, {});
  json["best_f1"] = {{"f1", at.best_f1}, {"score", at.best_score}};
  const bool reached = at.wanted_recall >= 0;
  json["at_precision"] = {{"precision", wanted},
                          {"score", reached ? Json(at.wanted_score) : Json()},
                          {"recall", reached ? Json(at.wanted_recall) : Json()}};
}

Json to_json(const EvalReport& whole, const Dataset& data) {
  const CocoReport& report = whole.coco;
  Json json = to_json(report.numbers);
  add_thresholds(whole.all, whole.wanted_precision, json);
  json["LRP"] = whole.lrp.error;
  json["calibration_error"] = whole.calibration.error;
  if (whole.intervals) {
    json["intervals"] = {{"AP", to_json(whole.intervals->ap)},
                         {"AP50", to_json(whole.intervals->ap50)}};
  }
  json["images"] = data.items.size();
  json["truths"] = boxes_in(data);
  json["per_class"] = Json::array();
  for (std::size_t i = 0; i < report.classes.size(); ++i) {
    const CocoClass& row = report.classes[i];
    Json one = to_json(row.numbers);
    add_thresholds(whole.classes[i], whole.wanted_precision, one);
    one["class"] = row.cls;
    one["name"] = data.names[static_cast<std::size_t>(row.cls)];
    one["truths"] = row.truths;
    one["predictions"] = row.predictions;
    for (const ClassLrp& lrp : whole.lrp.classes) {
      if (lrp.cls != row.cls) continue;
      one["LRP"] = {{"error", lrp.error},
                    {"score", lrp.score},
                    {"location", lrp.location},
                    {"false", lrp.false_share},
                    {"missed", lrp.missed_share}};
    }
    json["per_class"].push_back(std::move(one));
  }
  return json;
}

/// -1 means that no truth counts.
std::string text_of(double number) {
  return number < 0 ? "n/a" : format("{:.3f}", number);
}

void print_text(const EvalReport& whole, const Dataset& data, Console& out) {
  const CocoReport& report = whole.coco;
  out.print(format("{} pictures, {} truths, COCO's protocol\n", grouped(std::ssize(data.items)),
                   grouped(boxes_in(data))));
  for (std::size_t i = 0; i < kCocoNames.size(); ++i) {
    out.print(format("  {:<6}{:>7}{}", kCocoNames[i], text_of(report.numbers.values[i]),
                     i % 3 == 2 ? "\n" : "   "));
  }
  if (whole.intervals) {
    const Interval &ap = whole.intervals->ap, &ap50 = whole.intervals->ap50;
    out.print(format("  95 %: AP {} to {}, AP50 {} to {}\n", text_of(ap.low), text_of(ap.high),
                     text_of(ap50.low), text_of(ap50.high)));
  }
  if (whole.lrp.error >= 0) {
    out.print(format("  optimal LRP {:.3f} (0 is perfect, 1 finds nothing)\n", whole.lrp.error));
  }
  const ClassThresholds at = thresholds_of(whole.all, whole.wanted_precision, {});
  out.print(format("  at IoU 0.5: best F1 {:.3f} at score {:.3f}; precision {} ", at.best_f1,
                   at.best_score, whole.wanted_precision));
  out.print(at.wanted_recall < 0 ? std::string("is never reached\n")
                                 : format("down to score {:.3f} with recall {:.3f}\n",
                                          at.wanted_score, at.wanted_recall));
  out.print(format("{:<24}{:>9}{:>12}{:>8}{:>8}{:>8}\n", "class", "truths", "predictions", "AP",
                   "AP50", "AR100"));
  std::int64_t without = 0;
  for (const CocoClass& row : report.classes) {
    if (row.truths == 0) {
      ++without;
      continue;
    }
    out.print(format("{:<24}{:>9}{:>12}{:>8}{:>8}{:>8}\n",
                     printable(data.names[static_cast<std::size_t>(row.cls)], 24),
                     grouped(row.truths), grouped(row.predictions),
                     text_of(row.numbers[CocoNumber::ap]), text_of(row.numbers[CocoNumber::ap50]),
                     text_of(row.numbers[CocoNumber::ar100])));
  }
  if (without > 0) out.print(format("{} classes without truths\n", grouped(without)));
}

Json to_json(const ProtocolReport& report, const Dataset& data) {
  Json json = {{"protocol", kProtocolNames[static_cast<std::size_t>(report.protocol)]},
               {"AP50", report.map50}};
  const bool trainer = report.protocol == Protocol::scaled_yolov4;
  if (trainer) json["AP"] = report.map;
  json["score"] = report.score;
  json["precision"] = report.precision, json["recall"] = report.recall, json["f1"] = report.f1;
  if (report.protocol == Protocol::darknet) json["mean_iou"] = report.mean_iou;
  json["images"] = data.items.size();
  json["truths"] = boxes_in(data);
  json["per_class"] = Json::array();
  for (const ProtocolClass& row : report.classes) {
    Json one = {{"class", row.cls},
                {"name", data.names[static_cast<std::size_t>(row.cls)]},
                {"truths", row.truths},
                {"predictions", row.predictions},
                {"AP50", row.ap50}};
    if (trainer) one["AP"] = row.ap;
    one["precision"] = row.precision, one["recall"] = row.recall, one["f1"] = row.f1;
    json["per_class"].push_back(std::move(one));
  }
  return json;
}

void print_text(const ProtocolReport& report, const Dataset& data, Console& out) {
  out.print(format("{} pictures, {} truths, protocol {}\n", grouped(std::ssize(data.items)),
                   grouped(boxes_in(data)),
                   kProtocolNames[static_cast<std::size_t>(report.protocol)]));
  out.print(format("  AP50    {}", text_of(report.map50)));
  if (report.map >= 0) out.print(format("   AP      {}", text_of(report.map)));
  out.print(format("   at score {}: precision {:.3f}, recall {:.3f}, F1 {:.3f}", report.score,
                   report.precision, report.recall, report.f1));
  if (report.protocol == Protocol::darknet) {
    out.print(format(", mean IoU {:.3f}", report.mean_iou));
  }
  out.print(format("\n{:<24}{:>9}{:>12}{:>8}{:>11}{:>8}{:>8}\n", "class", "truths", "predictions",
                   "AP50", "precision", "recall", "F1"));
  for (const ProtocolClass& row : report.classes) {
    if (row.truths == 0) continue;
    out.print(format("{:<24}{:>9}{:>12}{:>8}{:>11.3f}{:>8.3f}{:>8.3f}\n",
                     printable(data.names[static_cast<std::size_t>(row.cls)], 24),
                     grouped(row.truths), grouped(row.predictions), text_of(row.ap50),
                     row.precision, row.recall, row.f1));
  }
}

/// What is measured: the boxes, and how fast they came when a model made them.
struct Boxes {
  std::vector<Prediction> rows;
  Json speed;  // null for a file
  bool stopped = false;
};

Boxes boxes_for(const EvalArgs& args, Dataset& data, Console& out) {
  if (args.from.empty() == args.walk.model.model.empty()) {
    contradiction(args.from.empty() ? "MODEL" : "--from",
                  args.from.empty() ? "expected a model or predictions, found neither"
                                    : "expected a model or predictions, found both",
                  "syolo eval MODEL --data DATASET, or --from FILE --data DATASET");
  }
  if (!args.from.empty()) {
    Predictions found = read_predictions(args.from, data, {}, reading(out));
    out.end_progress();
    report(found.findings, out);
    return {std::move(found.rows), nullptr, false};
  }
  Walk done = walk(args.walk, data, out);
  Json speed = {{"images_per_second", rounded(done.pictures_per_second, 2)},
                {"decode", rounded(done.decode_ms, 3)},
                {"preprocess", rounded(done.preprocess_ms, 3)},
                {"infer", rounded(done.infer_ms, 3)},
                {"postprocess", rounded(done.postprocess_ms, 3)}};
  out.note(
      format("{:.1f} images/s; each: decode {:.1f}, preprocess {:.1f}, infer {:.1f}, "
             "postprocess {:.1f} ms",
             done.pictures_per_second, done.decode_ms, done.preprocess_ms, done.infer_ms,
             done.postprocess_ms));
  return {std::move(done.rows), std::move(speed), done.stopped};
}

Json to_json(const TopReport& report, const Dataset& data) {
  Json json = {{"top1", report.top1}, {"top5", report.top5}, {"images", report.pictures}};
  json["per_class"] = Json::array();
  for (std::size_t i = 0; i < report.classes.size(); ++i) {
    const TopClass& row = report.classes[i];
    json["per_class"].push_back({{"class", i},
                                 {"name", data.names[i]},
                                 {"images", row.pictures},
                                 {"top1", row.top1()},
                                 {"precision", row.precision()}});
  }
  return json;
}

void print_text(const TopReport& report, const Dataset& data, Console& out) {
  out.print(format("{} pictures, {} classes\n  top-1 {}   top-5 {}\n", grouped(report.pictures),
                   data.names.size(), text_of(report.top1), text_of(report.top5)));
  out.print(format("{:<24}{:>9}{:>8}{:>11}\n", "class", "pictures", "top-1", "precision"));
  for (std::size_t i = 0; i < report.classes.size(); ++i) {
    const TopClass& row = report.classes[i];
    if (row.pictures == 0) continue;
    out.print(format("{:<24}{:>9}{:>8}{:>11}\n", printable(data.names[i], 24),
                     grouped(row.pictures), text_of(row.top1()), text_of(row.precision())));
  }
}

template <class Report>
void show(const Report& report, const Dataset& data, const Json& speed, Console& out) {
  if (!out.globals.json) {
    print_text(report, data, out);
    return;
  }
  Json json = to_json(report, data);
  if (!speed.is_null()) json["speed"] = speed;
  out.print(document(json));
}

/// @param section  what the page holds
void write_pages(const EvalArgs& args, const std::string& section,
                 const std::vector<std::pair<std::string, Sheet>>& plots, Console& out) {
  if (!args.html.empty()) {
    const std::string what = args.from.empty() ? args.walk.model.model : args.from;
    write_file_atomic(args.html, data::html_page(what + " on " + args.data, section));
    out.note("page: " + printable(args.html, 4000));
  }
  if (args.plots.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(args.plots, error);
  for (const auto& [name, sheet] : plots) {
    const Path file = Path(args.plots) / name;
    write_file_atomic(file.string() + ".svg", svg_of(sheet));
    save_image(file.string() + ".png", image_of(sheet).view());
  }
  out.note("plots: " + printable(args.plots, 4000));
}

void save_boxes(const EvalArgs& args, const std::vector<Prediction>& rows, const Dataset& data) {
  if (!args.save_json.empty()) write_coco_results(rows, data, args.save_json);
  if (!args.save_darknet.empty()) write_darknet_predictions(rows, data, args.save_darknet);
  if (!args.save_yolo.empty()) write_yolo_predictions(rows, data, args.save_yolo);
  if (!args.save_voc.empty()) write_voc_predictions(rows, data, args.save_voc);
}

void refuse_options_of_boxes(const EvalArgs& args) {
  if (args.protocol == 0 && args.report.bootstrap_rounds == 0) return;
  contradiction(args.protocol != 0 ? "--protocol" : "--bootstrap",
                "expected a dataset with boxes, found pictures in folders of classes",
                "leave the option out");
}

Exit run(const EvalArgs& args, Console& out) {
  if (args.protocol != 0 && !(args.html.empty() && args.plots.empty())) {
    contradiction("--protocol", "expected COCO's protocol for a page or plots, found another",
                  "leave out --html and --plots");
  }
  for (const std::string& folder : {args.plots, args.save_yolo, args.save_voc}) {
    if (!folder.empty()) refuse_inside(folder, args.data);
  }
  Dataset data = load_part_for(args.data, static_cast<Split>(args.split), out,
                               args.from.empty() ? PicturesNeeded::yes : PicturesNeeded::no);
  if (has_picture_classes(data)) refuse_options_of_boxes(args);
  const Boxes boxes = boxes_for(args, data, out);
  if (boxes.stopped) {
    out.warn("stopped: no average of a part of the pictures");
    return Exit::stopped;
  }
  save_boxes(args, boxes.rows, data);
  if (has_picture_classes(data)) {
    const TopReport report = top_accuracy(data, boxes.rows);
    write_pages(args, top_section(report, data), {{"confusion", confusion_sheet(report, data)}},
                out);
    show(report, data, boxes.speed, out);
  } else if (args.protocol == 0) {
    EvalReportOptions options = args.report;
    options.threads = out.globals.threads;
    options.seed = out.globals.seed;
    const EvalReport report = eval_report(data, boxes.rows, options);
    write_pages(args, eval_section(report, data), eval_plots(report, data), out);
    show(report, data, boxes.speed, out);
  } else {
    show(evaluate(static_cast<Protocol>(args.protocol - 1), data, boxes.rows), data, boxes.speed,
         out);
  }
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<EvalArgs>();
  args->walk.classifiers = true;
  add_walk(cli, args->walk);
  add_text(cli, "--data,--annotations", args->data, "DATASET",
           "the truths: a dataset in any format, or COCO JSON alone")
      ->required();
  add_choice(cli, "--split", args->split, {"train", "val", "test", "all"}, "S",
             "part of the dataset: train, val (default), test, all");
  add_text(cli, "--from", args->from, "FILE",
           "instead of MODEL: COCO or Darknet JSON, a folder of YOLO or VOC txt");
  std::vector<std::string_view> protocols = {"coco"};
  protocols.insert(protocols.end(), kProtocolNames.begin(), kProtocolNames.end());
  add_choice(cli, "--protocol", args->protocol, protocols, "P",
             "coco (default), voc07, voc, darknet, scaled-yolov4");
  add_text(cli, "--save-json", args->save_json, "FILE", "keep the boxes as COCO results");
  add_text(cli, "--save-darknet", args->save_darknet, "FILE", "as Darknet's JSON");
  add_text(cli, "--save-yolo", args->save_yolo, "DIR", "as YOLO txt, one file per picture");
  add_text(cli, "--save-voc", args->save_voc, "DIR", "as Pascal VOC's files, one per class");
  add_text(cli, "--html", args->html, "FILE", "a page with tables and curves");
  add_text(cli, "--plots", args->plots, "DIR", "the curves as PNG and SVG");
  add_real(cli, "--at-precision", args->report.wanted_precision, 0, 1, "P",
           "thresholds that keep this precision (default 0.9)");
  add_int(cli, "--bootstrap", args->report.bootstrap_rounds, 0, 100'000, "N",
          "intervals from N draws of the pictures (default 0: none)");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command eval_command() {
  return {"eval",
          "val",
          "average precision of a model or a predictions file; top-1 of a classifier",
          "[MODEL] --data DATASET [options]",
          "syolo eval yolov4-tiny --weights yolov4-tiny.weights --data my/dataset.yaml",
          bind,
          /*computes=*/true};
}

}  // namespace syolo::cli
