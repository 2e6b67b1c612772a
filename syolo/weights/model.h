// A model: graph, weights, class names and provenance, from whatever files the user has.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "syolo/base/file.h"
#include "syolo/base/limits.h"
#include "syolo/weights/weights.h"

namespace syolo {

enum class NamesMismatch { error, number };  // number: surplus or missing classes print as numbers

/// Where a model comes from, and how strictly.
struct ModelPaths {
  std::string model = {};    // a cfg, a model file (safetensors, .pt); told apart by content
  std::string weights = {};  // empty: beside the cfg, same name with .weights or .safetensors
  std::string names = {};    // empty: in the model file; else beside the cfg (.names); else numbers
  bool allow_unknown_keys = false;
  bool random_weights = false;   // without any weights: seeded random ones instead of an error
  bool partial_weights = false;  // a pre-trained backbone may end before the last layer
  std::uint64_t seed = 0;
  NamesMismatch names_mismatch = NamesMismatch::error;
};

struct Origin {
  std::string model_file, weights_file, names_file;
  std::string format;     // "darknet", "safetensors", "pytorch", "random"
  std::string training;   // JSON as stored in the model file, or empty
  int layers_loaded = 0;  // < layers of the graph for partial (pre-trained) weights
};

struct Model {
  Graph graph;
  Weights weights;
  std::vector<std::string> names;  // one per class
  std::uint64_t images_seen = 0;
  Origin origin;
  Findings findings;
};

/// @throws Error(io) for missing files, Error(input) for contents; messages name the file and,
/// when it is of another kind than its place asks for, both kinds
Model load_model(const ModelPaths& paths, const Limits& limits = {});
/// The same for a graph that stands in no file; `paths.model` is its name.
Model load_model(Graph graph, const ModelPaths& paths, const Limits& limits = {});

/// Content, never the suffix: the first bytes decide.
enum class FileKind {
  cfg,
  safetensors,
  darknet_weights,
  torch_pt,
  onnx,
  image,
  data,
  names,
  text,
  binary,
  empty
};
FileKind sniff(std::span<const std::byte> head);
std::string_view name_of(FileKind kind);  // "a cfg", "a model file", ... for messages

/// Class names, one per line: CR LF, lone CR and BOM accepted, blanks at both ends of a line and
/// empty lines at the end dropped, nothing else changed. An empty line before a name is an
/// error, because dropping it would shift every class behind it.
std::vector<std::string> read_names(const Path& path, const Limits& limits = {});
std::vector<std::string> parse_names(std::string_view text, const std::string& file);

}  // namespace syolo
