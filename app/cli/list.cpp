// syolo list: what this build knows.

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/json.h"
#include "app/cli/options.h"
#include "app/cli/outputs.h"
#include "syolo/data/augment.h"
#include "syolo/data/formats.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/train/loss_rows.h"
#include "syolo/zoo/models.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string name, what;
};

/// The cfgs and model files of the folder models/.
std::vector<Entry> model_files() {
  std::vector<Entry> rows;
  std::error_code error;
  for (fs::directory_iterator it("models", error), end; !error && it != end; it.increment(error)) {
    const fs::path& path = it->path();
    if (path.extension() == ".safetensors") rows.push_back({path.stem().string(), "model file"});
    if (path.extension() != ".cfg") continue;
    const fs::path weights = fs::path(path).replace_extension(".weights");
    rows.push_back({path.stem().string(),
                    fs::exists(weights, error) ? "cfg with weights" : "cfg without weights"});
  }
  std::sort(rows.begin(), rows.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return rows;
}

std::vector<Entry> layers() {
  std::vector<Entry> rows;
  for (const LayerType& type : layer_types()) {
    rows.push_back({std::string(type.section),
                    type.alias.empty() ? std::string() : "also [" + std::string(type.alias) + "]"});
  }
  return rows;
}

std::vector<Entry> activations() {
  std::vector<Entry> rows;
  for (const std::string_view name : Act::names()) {
    const std::optional<Act> act = Act::find(name);
    const bool alias = act && act->name() != name;
    const bool across = act && act->across() != Across::none;
    rows.push_back({std::string(name), alias    ? "same as " + std::string(act->name())
                                       : across ? "over the channels of a pixel"
                                                : std::string()});
  }
  return rows;
}

std::vector<Entry> formats() {
  std::vector<Entry> rows = {{"cfg", "network, read and written"},
                             {"weights", "Darknet weights, read and written"},
                             {"safetensors", "model file, read and written"},
                             {"pt", "PyTorch checkpoints of ScaledYOLOv4, read"},
                             {"jpeg png", "pictures, read and written"},
                             {"webp bmp gif pnm", "pictures, read (first frame)"}};
  for (const DatasetFormat& row : dataset_formats()) {
    rows.push_back({std::string(row.name), std::string("datasets, ") +
                                               (row.write ? "read and written: " : "read: ") +
                                               std::string(row.what)});
  }
  for (const ResultFormat& row : result_formats()) {
    rows.push_back({std::string(row.name), "results, written: " + std::string(row.what)});
  }
  return rows;
}

std::vector<Entry> augmentation_rows() {
  std::vector<Entry> rows;
  for (const Augmentation& row : augmentations()) {
    rows.push_back({std::string(row.name), std::string(row.what)});
  }
  return rows;
}

std::vector<Entry> losses() {
  std::vector<Entry> rows;
  const auto add = [&rows](const LossRow& row) {
    rows.push_back({std::string(row.name), std::string(row.what)});
  };
  std::ranges::for_each(kHeadLosses, add);
  std::ranges::for_each(kBoxLosses, add);
  return rows;
}

struct Table {
  std::string_view name;
  std::vector<Entry> (*rows)();
};
constexpr std::array<Table, 6> kTables = {{{"models", model_files},
                                           {"layers", layers},
                                           {"activations", activations},
                                           {"augmentations", augmentation_rows},
                                           {"losses", losses},
                                           {"formats", formats}}};

/// A network of the zoo at its own size, beside what others have published of it.
struct ZooLine {
  const ZooModel* model;
  Shape input;
  std::int64_t parameters;
  double gflops;
  bool published() const { return model->published.parameters > 0; }
  bool equal() const {  // GFLOPs are published with three decimals
    return parameters == model->published.parameters &&
           std::abs(gflops - model->published.gflops) < 0.51e-3;
  }
};

std::vector<ZooLine> zoo_lines() {
  std::vector<ZooLine> lines;
  for (const ZooModel& model : zoo_models()) {
    const Graph graph = build(model.recipe());
    const CostTable table = cost(graph, lower(graph));
    lines.push_back({&model, table.input, table.parameters, table.gflops()});
  }
  return lines;
}

Json zoo_json(const ZooLine& line) {
  const Published& known = line.model->published;
  Json json = {{"name", line.model->name},
               {"what", line.model->what},
               {"input", {line.input.w, line.input.h}},
               {"parameters", line.parameters},
               {"gflops", rounded(line.gflops, 6)}};
  if (!line.published()) return json;
  json["published"] = {{"parameters", known.parameters},
                       {"gflops", known.gflops},
                       {"accuracy", known.accuracy},
                       {"source", known.source}};
  json["equal"] = line.equal();
  return json;
}

std::string zoo_text(const std::vector<ZooLine>& lines) {
  constexpr std::string_view kRow = "{:<29} {:>9} {:>12} {:>12} {:>9} {:>9} {:<2} {}\n";
  std::string text = format(kRow, "network", "input", "parameters", "published", "GFLOPs",
                            "published", "", "accuracy there; what it is");
  for (const ZooLine& line : lines) {
    const Published& known = line.model->published;
    text += format(
        kRow, line.model->name, format("{}x{}", line.input.w, line.input.h),
        grouped(line.parameters), line.published() ? grouped(known.parameters) : "",
        format("{:.3f}", line.gflops), line.published() ? format("{:.3f}", known.gflops) : "",
        !line.published() ? ""
        : line.equal()    ? "="
                          : "!=",
        format("{}{}{}", known.accuracy, known.accuracy.empty() ? "" : "; ", line.model->what));
  }
  return text + "= equal to what others published, != different\n";
}

Exit run_models(Console& out) {
  const std::vector<ZooLine> lines = zoo_lines();
  const std::vector<Entry> files = model_files();
  if (out.globals.json) {
    Json items = Json::array();
    for (const ZooLine& line : lines) items.push_back(zoo_json(line));
    for (const Entry& row : files) items.push_back({{"name", row.name}, {"what", row.what}});
    out.print(document({{"models", std::move(items)}}));
    return Exit::done;
  }
  out.print(zoo_text(lines));
  for (const Entry& row : files) out.print(format("{:<29} {}\n", printable(row.name), row.what));
  return Exit::done;
}

Exit run(int table, Console& out) {
  const Table& chosen = kTables[static_cast<std::size_t>(table)];
  if (chosen.name == "models") return run_models(out);
  const std::vector<Entry> rows = chosen.rows();
  if (out.globals.json) {
    Json items = Json::array();
    for (const Entry& row : rows) items.push_back({{"name", row.name}, {"what", row.what}});
    out.print(document({{std::string(chosen.name), std::move(items)}}));
    return Exit::done;
  }
  for (const Entry& row : rows) {
    const std::string name = printable(row.name);
    out.print(row.what.empty() ? name + "\n" : format("{:<20} {}\n", name, row.what));
  }
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto table = std::make_shared<int>(0);
  std::vector<std::string_view> words;
  words.reserve(kTables.size());
  for (const Table& row : kTables) words.push_back(row.name);
  add_choice(cli, "what,--what", *table, words, "WHAT",
             "models, layers, activations, augmentations, losses or formats")
      ->required();
  return [table](Console& out) { return run(*table, out); };
}

}  // namespace

Command list_command() {
  return {"list",
          "",
          "models, layers, activations, augmentations, losses, formats",
          "models|layers|activations|augmentations|losses|formats",
          "syolo list layers",
          bind};
}

}  // namespace syolo::cli
