#include "app/cli/boxes.h"

#include <array>

#include "app/cli/results.h"
#include "app/cli/setup.h"

namespace syolo::cli {
namespace {

constexpr std::array<std::string_view, 6> kNmsWords = {"model", "iou",  "greedy",
                                                       "diou",  "soft", "weighted"};
constexpr std::array<NmsMethod, 6> kNmsMethods = {NmsMethod::model,       NmsMethod::iou,
                                                  NmsMethod::greedy_diou, NmsMethod::diou,
                                                  NmsMethod::soft,        NmsMethod::weighted};

}  // namespace

void add_boxes(CLI::App& cli, BoxArgs& args) {
  add_real(cli, "--conf", args.conf, 0, 1, "P",
           format("keep boxes scoring above it, 0..1 (default {})", args.conf));
  add_real(cli, "--nms", args.nms, 0, 1, "T",
           format("suppress overlaps above it, 0..1 (default {})", args.nms));
  add_choice(cli, "--nms-kind", args.nms_kind, {kNmsWords.begin(), kNmsWords.end()}, "KIND",
             "model, iou, greedy, diou, soft, weighted (default model)");
  cli.add_flag("--agnostic", args.agnostic, "boxes of different classes suppress each other, too");
  add_text(cli, "--classes", args.classes, "LIST", "only these: names or numbers, dog,bicycle");
  add_int(cli, "--max-det", args.max_det, 1, 30'000, "N",
          format("at most N boxes per image (default {})", args.max_det));
}

void add_fit(CLI::App& cli, BoxArgs& args) {
  cli.add_flag("--letterbox", args.letterbox,
               "keep the picture's proportions (default: the model's)");
  cli.add_flag("--stretch", args.stretch, "fill the input with the picture");
}

NmsOptions nms_options(const BoxArgs& args, const std::vector<std::string>& names) {
  NmsOptions nms;
  nms.confidence = static_cast<float>(args.conf);
  nms.overlap = static_cast<float>(args.nms);
  nms.method = kNmsMethods[static_cast<std::size_t>(args.nms_kind)];
  nms.agnostic = args.agnostic;
  nms.max_detections = args.max_det;
  if (!args.classes.empty()) nms.classes = class_numbers(args.classes, names);
  return nms;
}

void set_fit(const BoxArgs& args, Model& model, Console& out) {
  if (args.letterbox && args.stretch) {
    contradiction("--letterbox", "expected one way to fit, found --stretch as well",
                  "leave out one of them");
  }
  if (!args.letterbox && !args.stretch) return;
  const Fit fit = args.letterbox ? Fit::letterbox : Fit::stretch;
  Net net = model.graph.net();
  if (net.preprocess.fit != fit) {
    out.note(format("fit: {} (the model says {})", word(fit), word(net.preprocess.fit)));
  }
  net.preprocess.fit = fit;
  model.graph.set_net(std::move(net));
}

}  // namespace syolo::cli
