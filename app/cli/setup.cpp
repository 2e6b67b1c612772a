#include "app/cli/setup.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "syolo/graph/cfg.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

int up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}
int down(int value, int multiple) {
  return std::max(value / multiple * multiple, multiple);
}

}  // namespace

FoundModel find_model(const std::string& name) {
  std::error_code ignored;
  const ZooModel* zoo = find_zoo_model(name);
  std::string tried;
  for (const char* folder : {"", "models/"}) {
    if (*folder != '\0' && name.find('/') != std::string::npos) continue;
    for (const char* suffix : {"", ".cfg", ".safetensors"}) {
      if (*folder != '\0' && *suffix == '\0') continue;
      std::string path = folder + name + suffix;
      const bool bare =
          *suffix == '\0' && zoo == nullptr;  // a folder of that name is said to be one
      if (fs::exists(path, ignored) && (bare || !fs::is_directory(path, ignored))) {
        return {std::move(path), nullptr, zoo != nullptr};
      }
      tried += (tried.empty() ? "" : ", ") + printable(path);
    }
  }
  if (zoo != nullptr) return {name, zoo, false};
  const std::string_view near = nearest_zoo_name(name);
  throw Error(ErrorKind::io, "expected a model, found no such file or network", {.file = name},
              format("{}tried: {}; networks by name: syolo list models",
                     near.empty() ? "" : format("did you mean \"{}\"? ", near), tried));
}

namespace {

void say_what_won(const FoundModel& found, const ModelArgs& args, Console& out) {
  if (!found.over_zoo) return;
  out.note(format("{}: the file {}, not the zoo's network of that name", printable(args.model),
                  printable(found.path)));
}

}  // namespace

Model load(const ModelArgs& args, Console& out, WithoutWeights without) {
  const FoundModel found = find_model(args.model);
  say_what_won(found, args, out);
  ModelPaths paths;
  paths.model = found.path;
  paths.weights = args.weights;
  paths.names = args.names;
  paths.allow_unknown_keys = args.allow_unknown_keys;
  paths.random_weights = without == WithoutWeights::random;
  paths.partial_weights = args.partial_weights;
  paths.seed = out.globals.seed;
  paths.names_mismatch = static_cast<NamesMismatch>(args.names_mismatch);
  Model model =
      found.zoo != nullptr ? load_model(build(found.zoo->recipe()), paths) : load_model(paths);
  out.notes(model.findings);
  return model;
}

NamedGraph load_graph(const ModelArgs& args, Console& out) {
  const FoundModel found = find_model(args.model);
  say_what_won(found, args, out);
  if (found.zoo != nullptr) return {std::string(found.zoo->name), build(found.zoo->recipe()), {}};
  const std::string name = fs::path(found.path).filename().string();
  const auto file = MappedFile::open(found.path, Limits{}.file_bytes);
  const FileKind kind =
      sniff(file->bytes().subspan(0, std::min<std::size_t>(file->bytes().size(), 65536)));
  if (kind == FileKind::safetensors || kind == FileKind::torch_pt) {
    ModelArgs in_file = args;
    in_file.model = found.path;
    return {name, load(in_file, out).graph, {}};
  }
  if (kind != FileKind::cfg && kind != FileKind::text && kind != FileKind::empty) {
    throw Error(ErrorKind::usage, format("expected a cfg or a model file, found {}", name_of(kind)),
                {.file = found.path}, "the model comes first");
  }
  Findings findings;
  CfgOptions options;
  options.allow_unknown_keys = args.allow_unknown_keys;
  Graph graph = load_cfg(found.path, findings, {}, options);
  out.notes(findings);
  return {name, std::move(graph), found.path};
}

Shape input_shape(const Graph& graph, const ModelArgs& args, Console& out) {
  Shape shape = graph.net().input;
  shape.n = 1;
  if (args.input) shape.w = args.input->width, shape.h = args.input->height;
  const int multiple = std::max(greatest_stride(graph), 1);
  if (shape.w % multiple == 0 && shape.h % multiple == 0) return shape;
  const Shape rounded{1, shape.c, up(shape.h, multiple), up(shape.w, multiple)};
  if (args.round_input) {
    out.note(format("input {} rounded up to {}, a multiple of {}", size_text(shape),
                    size_text(rounded), multiple));
    return rounded;
  }
  const Shape below{1, shape.c, down(shape.h, multiple), down(shape.w, multiple)};
  const std::string nearest_sizes = below == rounded
                                        ? size_text(rounded)
                                        : format("{} and {}", size_text(below), size_text(rounded));
  throw Error(ErrorKind::input,
              format("expected sides that are multiples of {} (the network's greatest stride), "
                     "found {}",
                     multiple, size_text(shape)),
              {.file = args.model, .item = args.input ? "--input" : "[net]: width, height"},
              format("nearest: {}; --round-input rounds up", nearest_sizes));
}

std::string_view word(Fit fit) {
  return fit == Fit::letterbox ? "letterbox" : "stretch";
}

std::string_view word(Precision precision) {
  constexpr std::array<std::string_view, 3> words = {"f32", "bf16", "auto"};
  return words[static_cast<std::size_t>(precision)];
}

std::string size_text(const Shape& shape) {
  return format("{}x{}", shape.w, shape.h);
}

std::string headline(const Model& model, const PlanSummary& plan) {
  return format("{}: {} classes, input {} ({}), {}, {} thread{}{}",
                printable(fs::path(model.origin.model_file).filename().string()),
                class_count(model.graph), size_text(plan.input),
                word(model.graph.net().preprocess.fit), word(plan.precision), plan.threads,
                plan.threads == 1 ? "" : "s",
                model.origin.format == "random" ? ", random weights" : "");
}

}  // namespace syolo::cli
