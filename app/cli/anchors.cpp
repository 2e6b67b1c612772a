// syolo anchors: anchors for a dataset, measured against those that are there, written into a cfg.

#include <algorithm>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/json.h"
#include "app/cli/networks.h"
#include "app/cli/options.h"
#include "app/cli/recipe_anchors.h"
#include "syolo/data/anchor_fit.h"
#include "syolo/graph/number_text.h"

namespace syolo::cli {
namespace {

struct AnchorsArgs {
  std::string data, cfg, out;
  std::optional<Size> input;
  int number = 9, generations = 1000;
  double anchor_t = 4;
  bool force = false;
};

/// What every anchor line of the cfg's heads says is replaced; all else stays as it is.
std::string with_anchors(std::string_view text, const std::vector<Anchor>& anchors) {
  std::string result;
  bool in_head = false;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    const std::string_view line = text.substr(at, end - at);
    const std::string_view words = trim(line);
    if (words.starts_with('['))
      in_head = words.starts_with("[yolo]") || words.starts_with("[Gaussian_yolo]");
    const bool anchor_line = in_head && trim(words.substr(0, words.find('='))) == "anchors" &&
                             words.find('=') != std::string_view::npos;
    if (anchor_line) {
      const std::size_t tail = line.find_last_not_of("\r\n") + 1;
      result += "anchors = " + anchor_list(anchors);
      result += line.substr(tail);
    } else {
      result += line;
    }
    at = end;
  }
  return result;
}

Json to_json(const std::vector<Anchor>& anchors, const AnchorFit& fit) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < anchors.size(); ++i) {
    rows.push_back({{"w", rounded(anchors[i].w, 1)},
                    {"h", rounded(anchors[i].h, 1)},
                    {"boxes", fit.owned[i]}});
  }
  return {{"best_possible_recall", fit.best_possible_recall},
          {"matched_per_box", fit.anchors_matched},
          {"mean_iou", fit.mean_iou},
          {"fitness", fit.fitness},
          {"anchors", rows}};
}

std::string summary(const AnchorFit& fit) {
  return format(
      "best possible recall {:.4f}, {:.2f} matched per box, mean IoU {:.4f}, fitness {:.4f}",
      fit.best_possible_recall, fit.anchors_matched, fit.mean_iou, fit.fitness);
}

/// Which anchors each head gets, and those that no head or no box uses.
void print_heads(const std::vector<Anchor>& anchors, const AnchorFit& fit,
                 const NetworkFacts& network, double boxes, Console& out) {
  std::vector<bool> used(anchors.size());
  for (const HeadFacts& head : network.heads) {
    std::string text;
    std::int64_t owned = 0;
    for (const int mask : head.mask) {
      const auto i = static_cast<std::size_t>(mask);
      if (i >= anchors.size()) continue;
      used[i] = true;
      owned += fit.owned[i];
      text += format(" {:.0f}x{:.0f}", anchors[i].w, anchors[i].h);
    }
    out.print(format("  stride {:<4} fits {:>5.1f} % of the boxes best:{}\n", head.stride,
                     100 * static_cast<double>(owned) / boxes, text));
  }
  for (std::size_t i = 0; i < anchors.size(); ++i) {
    if (!used[i]) out.warn(format("anchor {} is in no mask of the cfg: no head uses it", i));
    if (used[i] && fit.owned[i] == 0) out.warn(format("anchor {} is dead: no box fits it best", i));
  }
}

Exit run(const AnchorsArgs& args, Console& out) {
  std::optional<NetworkFacts> network;
  if (!args.cfg.empty()) network = network_facts(args.cfg, out);
  if (!args.out.empty() && !network) {
    throw Error(ErrorKind::usage, "expected --cfg with --out, found no cfg",
                {.file = {}, .item = "--out"});
  }
  const Size input = args.input ? *args.input : network ? network->input : Size{640, 640};
  const int number = network ? static_cast<int>(network->all_anchors.size()) : args.number;
  const std::vector<Part> parts = load_parts_for(args.data, out);
  const Dataset& data = parts.front().data;  // the training part comes first
  const auto sizes = box_sizes(data, input, network ? network->fit : Fit::letterbox);
  const auto found = rounded_anchors(
      fitted_anchors(sizes, number, args.anchor_t, args.generations, out.globals.seed));
  const AnchorFit fit = anchor_fit(sizes, found, args.anchor_t);
  std::optional<AnchorFit> before;
  if (network) before = anchor_fit(sizes, network->all_anchors, args.anchor_t);
  const bool better =
      !before || args.force || fit.best_possible_recall > before->best_possible_recall ||
      (fit.best_possible_recall == before->best_possible_recall && fit.fitness > before->fitness);
  if (out.globals.json) {
    Json json = {{"input", {input.width, input.height}},
                 {"boxes", sizes.size()},
                 {"found", to_json(found, fit)}};
    if (before) json["cfg"] = to_json(network->all_anchors, *before);
    json["better"] = better;
    out.print(document(json));
  } else {
    if (before) out.print("cfg:   " + summary(*before) + "\n");
    out.print("found: " + summary(fit) + "\n");
    out.print("anchors = " + anchor_list(found) + "\n");
    if (network) print_heads(found, fit, *network, static_cast<double>(sizes.size()), out);
  }
  if (!better) {
    out.warn("the cfg's own anchors fit as well: nothing is written (--force writes)");
    return Exit::no;
  }
  if (!args.out.empty()) {
    write_file_atomic(args.out, with_anchors(network->cfg, found));
    out.note("written: " + printable(args.out));
  }
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<AnchorsArgs>();
  add_text(cli, "data,--data", args->data, "DATASET",
           "a dataset in any format; its training part counts")
      ->required();
  add_text(cli, "--cfg", args->cfg, "MODEL",
           "compare with this network; its input and number of anchors");
  add_text(cli, "--out", args->out, "FILE", "write the cfg with the anchors found");
  add_size(cli, "--input", args->input, "input size (default: the cfg's, or 640)");
  add_int(cli, "--number", args->number, 1, 64, "K", "anchors without a cfg (default: 9)");
  add_real(cli, "--anchor-t", args->anchor_t, 1.01, 100, "R",
           "greatest ratio of a match (default: 4)");
  add_int(cli, "--generations", args->generations, 0, 1'000'000, "N",
          "mutations tried (default: 1000)");
  cli.add_flag("--force", args->force, "write even when the cfg's anchors fit as well");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command anchors_command() {
  return {"anchors",
          "",
          "anchors for a dataset, compared with a cfg's, written into a copy of it",
          "DATASET [options]",
          "syolo anchors my/dataset.yaml --cfg models/yolo-fastest-1.1-xl.cfg --out my.cfg",
          bind};
}

}  // namespace syolo::cli
