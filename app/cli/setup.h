// From arguments to a model that can be planned: where it lies, its input size, what is said of it.
#pragma once

#include "app/cli/options.h"
#include "syolo/zoo/models.h"

namespace syolo::cli {

/// What a MODEL argument means: a file, or a network of the zoo.
struct FoundModel {
  std::string path;               // of the file; the zoo's name
  const ZooModel* zoo = nullptr;  // null: a file
  bool over_zoo = false;          // a file that has the name of a network of the zoo
};

/// A file, itself or with a suffix, here and in models/; else a network of the zoo.
/// @throws Error(io) that lists what was tried
FoundModel find_model(const std::string& name);

enum class WithoutWeights { error, random };

/// Loads the model and reports its findings.
Model load(const ModelArgs& args, Console& out, WithoutWeights without = WithoutWeights::error);

struct NamedGraph {
  std::string name;  // of the file without its folder, or of the zoo
  Graph graph;
  std::string cfg;  // the cfg that it was read from; empty: no such file
};
/// The network alone; weights are neither needed nor read.
NamedGraph load_graph(const ModelArgs& args, Console& out);

/// The input of the network: the graph's, or args.input, checked against the greatest stride.
/// @throws Error(input) that names the nearest sizes, unless args.round_input
Shape input_shape(const Graph& graph, const ModelArgs& args, Console& out);

std::string_view word(Fit fit);
std::string_view word(Precision precision);
std::string size_text(const Shape& shape);  // "640x480", width first
/// "yolov4-tiny.cfg: 80 classes, input 416x416, f32, 2 threads".
std::string headline(const Model& model, const PlanSummary& plan);

}  // namespace syolo::cli
