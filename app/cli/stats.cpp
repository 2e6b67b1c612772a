// syolo stats: the numbers of a dataset.

#include "syolo/data/stats.h"

#include <filesystem>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/json.h"
#include "app/cli/networks.h"
#include "app/cli/options.h"

namespace syolo::cli {
namespace {

struct StatsArgs {
  std::string data, cfg, html;
  std::optional<Size> input;
  int split = 3;  // of Split: all
};

Json to_json(const Histogram& histogram) {
  return {{"edges", histogram.edges}, {"counts", histogram.counts}};
}

Json to_json(const DatasetStats& stats) {
  Json classes = Json::array(), anchors = Json::array();
  for (std::size_t i = 0; i < stats.names.size(); ++i) {
    classes.push_back({{"name", stats.names[i]},
                       {"boxes", stats.class_boxes[i]},
                       {"pictures", stats.class_pictures[i]}});
  }
  for (std::size_t i = 0; i < stats.options.anchors.size(); ++i) {
    anchors.push_back({{"w", shortest(stats.options.anchors[i].w)},
                       {"h", shortest(stats.options.anchors[i].h)},
                       {"boxes", stats.fit.owned[i]}});
  }
  Json json = {{"pictures", stats.pictures},
               {"boxes", stats.boxes},
               {"empty", stats.empty},
               {"missing", stats.missing},
               {"crowds", stats.crowds},
               {"difficult", stats.difficult},
               {"classes", classes},
               {"boxes_per_picture", to_json(stats.boxes_per_picture)},
               {"megapixels", to_json(stats.picture_megapixels)},
               {"width", to_json(stats.width)},
               {"height", to_json(stats.height)},
               {"aspect", to_json(stats.aspect)},
               {"centres", stats.centre},
               {"input", {stats.options.input.width, stats.options.input.height}},
               {"side", to_json(stats.side)},
               {"levels", stats.levels},
               {"below_cell", stats.below_cell}};
  if (!anchors.empty()) {
    json["anchors"] = {{"best_possible_recall", stats.fit.best_possible_recall},
                       {"matched_per_box", stats.fit.anchors_matched},
                       {"mean_iou", stats.fit.mean_iou},
                       {"anchors", anchors}};
  }
  return json;
}

void print_text(const DatasetStats& stats, Console& out) {
  if (stats.classification) {
    out.print(format("{} pictures of {} classes\n", grouped(stats.pictures), stats.names.size()));
    for (std::size_t i = 0; i < stats.names.size(); ++i) {
      out.print(format("  {:<24}{:>10} pictures\n", printable(stats.names[i], 24),
                       grouped(stats.class_pictures[i])));
    }
    return;
  }
  out.print(format("{} pictures, {} boxes; {} pictures without boxes, {} without labels\n",
                   grouped(stats.pictures), grouped(stats.boxes), grouped(stats.empty),
                   grouped(stats.missing)));
  for (std::size_t i = 0; i < stats.names.size(); ++i) {
    out.print(format("  {:<24}{:>10} boxes {:>10} pictures\n", printable(stats.names[i], 24),
                     grouped(stats.class_boxes[i]), grouped(stats.class_pictures[i])));
  }
  out.print(format("at {}x{}: ", stats.options.input.width, stats.options.input.height));
  for (std::size_t i = 0; i < stats.levels.size(); ++i) {
    out.print(format("P{} {}, ", i + 3, grouped(stats.levels[i])));
  }
  out.print(format("{} below one cell of 8\n", grouped(stats.below_cell)));
  if (!stats.options.anchors.empty()) {
    out.print(
        format("anchors: best possible recall {:.4f}, {:.2f} matched per box, mean IoU {:.4f}\n",
               stats.fit.best_possible_recall, stats.fit.anchors_matched, stats.fit.mean_iou));
  }
}

Exit run(const StatsArgs& args, Console& out) {
  StatsOptions options;
  if (!args.cfg.empty()) {
    const NetworkFacts network = network_facts(args.cfg, out);
    options.input = network.input;
    options.fit = network.fit;
    options.anchors = network.used_anchors();
  }
  if (args.input) options.input = *args.input;
  const Dataset data = load_part_for(args.data, static_cast<Split>(args.split), out);
  const DatasetStats stats = dataset_stats(data, options);
  if (!args.html.empty()) {
    const std::string name = std::filesystem::path(args.data).filename().string();
    write_file_atomic(args.html, stats_html(stats, "Dataset " + printable(name)));
  }
  if (out.globals.json) {
    out.print(document(to_json(stats)));
  } else {
    print_text(stats, out);
  }
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<StatsArgs>();
  add_text(cli, "data,--data", args->data, "DATASET", "a dataset in any format")->required();
  add_choice(cli, "--split", args->split, {"train", "val", "test", "all"}, "S",
             "train, val, test or all (default)");
  add_text(cli, "--cfg", args->cfg, "MODEL", "this network's input and anchors");
  add_size(cli, "--input", args->input, "input size for box sizes (default: 640, or the cfg's)");
  add_text(cli, "--html", args->html, "FILE", "also write a page with plots");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command stats_command() {
  return {"stats",
          "",
          "the numbers of a dataset: classes, sizes, places, levels, fit of anchors",
          "DATASET [options]",
          "syolo stats my/dataset.yaml --html numbers.html",
          bind};
}

}  // namespace syolo::cli
