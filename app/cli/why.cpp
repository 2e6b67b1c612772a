// syolo why: the cause of each missed truth and of each false box.

#include <array>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/json.h"
#include "app/cli/networks.h"
#include "app/cli/results.h"
#include "app/cli/setup.h"
#include "app/cli/walk.h"
#include "syolo/eval/causes.h"

namespace syolo::cli {
namespace {

struct WhyArgs {
  WalkArgs walk;
  std::string data, from, html;
  int split = 1;  // of Split: val
  CauseOptions causes;
};

struct WhyBoxes {
  std::vector<Prediction> kept, unsuppressed;
  bool stopped = false;
};

/// A model is asked twice: as always, and without suppression.
WhyBoxes boxes_for(const WhyArgs& args, Dataset& data, Console& out) {
  if (args.from.empty() == args.walk.model.model.empty()) {
    contradiction(args.from.empty() ? "MODEL" : "--from",
                  args.from.empty() ? "expected a model or predictions, found neither"
                                    : "expected a model or predictions, found both",
                  "syolo why MODEL --data DATASET, or --from FILE --data DATASET");
  }
  WhyBoxes boxes;
  if (!args.from.empty()) {
    Predictions found = read_predictions(args.from, data);
    report(found.findings, out);
    boxes.kept = std::move(found.rows);
    return boxes;
  }
  Walk kept = walk(args.walk, data, out);
  WalkArgs all = args.walk;
  all.boxes.nms = 1;
  all.boxes.conf = args.causes.score;
  all.boxes.max_det = 30'000;
  Walk unsuppressed = kept.stopped ? Walk{} : walk(all, data, out);
  boxes.stopped = kept.stopped || unsuppressed.stopped;
  boxes.kept = std::move(kept.rows);
  boxes.unsuppressed = std::move(unsuppressed.rows);
  return boxes;
}

/// Input, preprocessing and anchors of the model; without one, the defaults.
CauseOptions cause_options(const WhyArgs& args, Console& out) {
  CauseOptions options = args.causes;
  if (args.walk.model.model.empty()) return options;
  const NetworkFacts facts = network_facts(args.walk.model.model, out);
  options.input = args.walk.model.input.value_or(facts.input);
  options.fit = facts.fit;
  options.finest_stride = facts.finest_stride();
  options.anchors = facts.used_anchors();
  return options;
}

template <class Cause, class Found>
Json counts_of(const std::vector<Found>& all, int causes) {
  Json json = Json::object();
  for (int k = 0; k < causes; ++k) json[std::string(word(static_cast<Cause>(k)))] = 0;
  for (const Found& one : all) {
    Json& count = json[std::string(word(one.cause))];
    count = count.template get<std::int64_t>() + 1;
  }
  return json;
}

Json box_json(const BoxXywh& box) {
  return {box.x, box.y, box.x + box.w, box.y + box.h};
}

Json to_json(const Causes& found, const Dataset& data) {
  Json json = {{"truths", found.truths},
               {"found", found.found},
               {"missed", counts_of<MissCause>(found.misses, kMissCauses)},
               {"false", counts_of<FalseCause>(found.false_boxes, kFalseCauses)},
               {"misses", Json::array()},
               {"false_boxes", Json::array()}};
  for (const Miss& miss : found.misses) {
    const Item& item = data.items[static_cast<std::size_t>(miss.item)];
    const Truth& truth = item.truths[miss.truth];
    json["misses"].push_back({{"image", item.image.string()},
                              {"name", data.names[static_cast<std::size_t>(truth.cls)]},
                              {"box", box_json(truth.box)},
                              {"cause", word(miss.cause)},
                              {"iou", miss.iou}});
  }
  for (const FalseBox& wrong : found.false_boxes) {
    const Item& item = data.items[static_cast<std::size_t>(wrong.box.item)];
    json["false_boxes"].push_back({{"image", item.image.string()},
                                   {"name", data.names[static_cast<std::size_t>(wrong.box.cls)]},
                                   {"score", wrong.box.score},
                                   {"box", box_json(wrong.box.box)},
                                   {"cause", word(wrong.cause)},
                                   {"iou", wrong.iou}});
  }
  return json;
}

void print_text(const Causes& found, double score, Console& out) {
  out.print(format("{} of {} truths found at score {}\n", grouped(found.found),
                   grouped(found.truths), score));
  const auto list = [&out](std::string_view title, std::int64_t all, const Json& counts) {
    out.print(format("{} {}\n", grouped(all), title));
    for (const auto& [name, count] : counts.items()) {
      const auto number = count.get<std::int64_t>();
      if (number > 0) out.print(format("  {:<14}{:>8}\n", name, grouped(number)));
    }
  };
  list("missed", std::ssize(found.misses), counts_of<MissCause>(found.misses, kMissCauses));
  list("false boxes", std::ssize(found.false_boxes),
       counts_of<FalseCause>(found.false_boxes, kFalseCauses));
}

Exit run(const WhyArgs& args, Console& out) {
  Dataset data = load_part_for(args.data, static_cast<Split>(args.split), out,
                               args.from.empty() ? PicturesNeeded::yes : PicturesNeeded::no);
  const WhyBoxes boxes = boxes_for(args, data, out);
  if (boxes.stopped) {
    out.warn("stopped: no causes for a part of the pictures");
    return Exit::stopped;
  }
  const Causes found = causes(data, boxes.kept, boxes.unsuppressed, cause_options(args, out));
  if (!args.html.empty()) {
    const std::string what = args.from.empty() ? args.walk.model.model : args.from;
    write_file_atomic(args.html, causes_html(found, data, what + " on " + args.data));
    out.note("page: " + printable(args.html, 4000));
  }
  if (out.globals.json) {
    out.print(document(to_json(found, data)));
  } else {
    print_text(found, args.causes.score, out);
  }
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<WhyArgs>();
  args->walk.boxes.nms = 0.45;
  add_walk(cli, args->walk);
  add_text(cli, "--data,--annotations", args->data, "DATASET",
           "the truths: a dataset in any format, or COCO JSON alone")
      ->required();
  add_choice(cli, "--split", args->split, {"train", "val", "test", "all"}, "S",
             "part of the dataset: train, val (default), test, all");
  add_text(cli, "--from", args->from, "FILE",
           "instead of MODEL: COCO or Darknet JSON, a folder of YOLO or VOC txt");
  add_real(cli, "--score", args->causes.score, 0, 1, "P",
           "boxes above it are kept, those below explain misses (default 0.25)");
  add_text(cli, "--html", args->html, "FILE", "a page with a gallery of each cause");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command why_command() {
  return {
      "why",
      "",
      "the cause of each missed truth and each false box",
      "[MODEL] --data DATASET [options]",
      "syolo why yolov4-tiny --weights yolov4-tiny.weights --data my/dataset.yaml --html why.html",
      bind};
}

}  // namespace syolo::cli
