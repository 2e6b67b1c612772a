// A model from whatever files the user has: what each file is decides, not what it is called.

#include "syolo/weights/model.h"

#include <system_error>

#include "syolo/base/text.h"
#include "syolo/graph/cfg.h"
#include "syolo/weights/formats/darknet.h"
#include "syolo/weights/formats/safetensors.h"
#include "syolo/weights/formats/torch_file.h"
#include "syolo/weights/model_impl.h"
#include "syolo/weights/values_impl.h"

namespace syolo {
namespace {

FileKind kind_of(const std::string& path, const Limits& limits) {
  return sniff(MappedFile::open(path, limits.file_bytes)->bytes());
}

bool is_there(const Path& path) {
  std::error_code error;  // what cannot be asked about is not there
  return std::filesystem::exists(path, error);
}

/// The file of the same name with one of the suffixes, or empty.
std::string beside(const std::string& cfg, std::initializer_list<const char*> suffixes) {
  for (const char* suffix : suffixes) {
    const Path path = Path(cfg).replace_extension(suffix);
    if (path != Path(cfg) && is_there(path)) return path.string();
  }
  return {};
}

[[noreturn]] void refuse_kind(const std::string& file, std::string_view wanted, FileKind found,
                              std::string hint) {
  const bool foreign = found == FileKind::onnx;
  if (foreign) hint = "this format cannot be read; cfg with weights, model files and .pt can";
  throw Error(foreign ? ErrorKind::unsupported : ErrorKind::input,
              format("this looks like {}, expected {}", name_of(found), wanted), {.file = file},
              std::move(hint));
}

[[noreturn]] void refuse_model(const ModelPaths& paths, FileKind found, const Limits& limits) {
  std::string hint;
  if (found == FileKind::darknet_weights || found == FileKind::binary) {
    hint = "weights go with a cfg: give the cfg as the model and this file as --weights";
  }
  if (!paths.weights.empty() && is_there(paths.weights) &&
      kind_of(paths.weights, limits) == FileKind::cfg) {
    hint = format("{} is a cfg: the two are swapped", printable(paths.weights));
  }
  refuse_kind(paths.model, "a cfg or a model file", found, std::move(hint));
}

/// Fills weights and their provenance from a file of either format.
void load_weights(Model& model, const std::string& path, const Limits& limits) {
  model.origin.weights_file = path;
  const FileKind kind = kind_of(path, limits);
  if (kind == FileKind::safetensors) {
    const auto map = MappedFile::open(path, limits.file_bytes);
    const SafetensorsFile file = read_safetensors({map->bytes(), map, path}, limits);
    model.weights = weights_of(file, model.graph, path, limits);
    map->forget(map->bytes().data(), map->bytes().size());
    model.weights.keep(map);
    model.origin.format = "safetensors";
    model.origin.layers_loaded = static_cast<int>(model.graph.nodes().size());
    return;
  }
  if (kind == FileKind::torch_pt) {
    model.weights = weights_of(load_torch(path, limits), model.graph, path);
    model.origin.format = "pytorch";
    model.origin.layers_loaded = static_cast<int>(model.graph.nodes().size());
    return;
  }
  if (kind != FileKind::darknet_weights && kind != FileKind::binary && kind != FileKind::empty) {
    refuse_kind(path, "a weights file", kind, {});
  }
  DarknetWeights loaded = load_darknet(path, model.graph, model.findings, limits);
  model.weights = std::move(loaded.weights);
  model.images_seen = loaded.images_seen;
  model.origin.format = "darknet";
  model.origin.layers_loaded = loaded.layers_loaded;
}

void find_weights(Model& model, const ModelPaths& paths, const Limits& limits) {
  std::string path = paths.weights;
  if (path.empty()) path = beside(paths.model, {".weights", ".safetensors"});
  if (!path.empty()) return load_weights(model, path, limits);
  if (!paths.random_weights) {
    const auto name = [&](const char* suffix) {
      return Path(paths.model).replace_extension(suffix).filename().string();
    };
    throw Error(ErrorKind::io,
                format("expected weights {}, found neither {} nor {}",
                       is_there(paths.model) ? "beside the cfg" : "for this network",
                       printable(name(".weights")), printable(name(".safetensors"))),
                {.file = paths.model}, "--weights names another file");
  }
  with_where({.file = paths.model}, [&] { weights::check_allocation(model.graph, limits); });
  model.weights = random_weights(model.graph, paths.seed);
  model.origin.format = "random";
}

/// The graph with its weights; names are still missing.
Model with_weights(Graph graph, Findings findings, const ModelPaths& paths, const Limits& limits) {
  Model model{std::move(graph), {}, {}, 0, {}, std::move(findings)};
  model.origin.model_file = paths.model;
  find_weights(model, paths, limits);
  const auto layers = static_cast<int>(model.graph.nodes().size());
  if (model.origin.layers_loaded < layers && !paths.partial_weights &&
      !model.origin.weights_file.empty()) {
    throw Error(ErrorKind::input,
                format("expected weights of all {} layers, found those of the first {}", layers,
                       model.origin.layers_loaded),
                {.file = model.origin.weights_file},
                "a pre-trained backbone can start a training; results need the whole network");
  }
  return model;
}

Model load_cfg_model(const ModelPaths& paths, const Limits& limits) {
  Findings findings;
  CfgOptions options;
  options.allow_unknown_keys = paths.allow_unknown_keys;
  Graph graph = load_cfg(paths.model, findings, limits, options);
  return with_weights(std::move(graph), std::move(findings), paths, limits);
}

void find_names(Model& model, const ModelPaths& paths, const Limits& limits) {
  std::string path = paths.names;
  const bool stored = model.origin.model_file == model.origin.names_file;
  if (path.empty() && stored) return;
  if (path.empty()) path = beside(paths.model, {".names"});
  std::vector<std::string> names;
  if (!path.empty()) names = read_names(path, limits);
  model.origin.names_file = path;
  model.names = weights::fitted_names(std::move(names), class_count(model.graph),
                                      paths.names_mismatch, path, model.findings);
}

}  // namespace

Model load_model(const ModelPaths& paths, const Limits& limits) {
  if (paths.model.empty()) throw Error(ErrorKind::usage, "expected a model, found an empty name");
  const FileKind kind = kind_of(paths.model, limits);
  // Text of no clear kind is read as a cfg: its reader names the line that is wrong.
  const bool cfg = kind == FileKind::cfg || kind == FileKind::text || kind == FileKind::empty;
  const bool torch = kind == FileKind::torch_pt;
  if (!cfg && !torch && kind != FileKind::safetensors) refuse_model(paths, kind, limits);
  if (!cfg && !paths.weights.empty()) {
    throw Error(ErrorKind::usage, "a model file holds its own weights, found --weights as well",
                {.file = paths.model}, "leave out --weights, or give a cfg as the model");
  }
  Model model = cfg     ? load_cfg_model(paths, limits)
                : torch ? model_of(load_torch(paths.model, limits), paths.model)
                        : load_model_file(paths.model, limits);
  find_names(model, paths, limits);
  return model;
}

Model load_model(Graph graph, const ModelPaths& paths, const Limits& limits) {
  Model model = with_weights(std::move(graph), {}, paths, limits);
  find_names(model, paths, limits);
  return model;
}

}  // namespace syolo
