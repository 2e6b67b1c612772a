// From arguments to a model that can be planned: where it lies, its input size, what is said of it.
#pragma once

#include "app/cli/options.h"

namespace syolo::cli {

/// The file a MODEL argument means: itself, or with a suffix, here and in models/.
/// @throws Error(io) that lists what was tried
std::string find_model(const std::string& name);

enum class WithoutWeights { error, random };

/// Loads the model and reports its findings.
Model load(const ModelArgs& args, Console& out, WithoutWeights without = WithoutWeights::error);
/// The network alone; weights are neither needed nor read.
Graph load_graph(const ModelArgs& args, Console& out);

/// The input of the network: the graph's, or args.input, checked against the greatest stride.
/// @throws Error(input) that names the nearest sizes, unless args.round_input
Shape input_shape(const Graph& graph, const ModelArgs& args, Console& out);

std::string_view word(Fit fit);
std::string_view word(Precision precision);
std::string size_text(const Shape& shape);  // "640x480", width first
/// "yolov4-tiny.cfg: 80 classes, input 416x416, f32, 2 threads".
std::string headline(const Model& model, const PlanSummary& plan);

}  // namespace syolo::cli
