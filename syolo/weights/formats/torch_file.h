// PyTorch checkpoints (torch.save): tensors by name, and of ScaledYOLOv4's also the network.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "syolo/weights/model.h"

namespace syolo {

/// One row of a network in ScaledYOLOv4's model files.
struct ModuleRow {
  std::vector<int> from;  // rows, or relative to this one when negative
  int repeats = 1;
  std::string module;        // "Conv", "BottleneckCSP", ...
  std::vector<double> args;  // numbers alone; words stand as 0
};

/// A network as ScaledYOLOv4 keeps it in its checkpoints.
struct ModuleList {
  int classes = 0;
  double depth = 1, width = 1;               // multiples of repeats and channels
  std::vector<std::vector<double>> anchors;  // of each level: w, h, w, h, ... in pixels
  std::vector<ModuleRow> rows;               // the last: Detect
  std::string activation;                    // of every Conv: "mish", "leaky", "swish"
  double epsilon = 1e-5;                     // of the batch normalisations
};

/// What a checkpoint holds. Names are those of the state dict, without "module." in front.
struct TorchFile {
  std::map<std::string, Tensor> tensors;                    // f32; half, bf16, double converted
  std::map<std::string, std::vector<std::int64_t>> shapes;  // all, integer tensors as well
  std::vector<std::string> names;                           // of the classes, if the file has them
  std::optional<ModuleList> modules;                        // if it holds a whole model
};

/// Reads the zip container of PyTorch 1.6 and later and the row of pickles before it, whole models
/// and state dicts. Nothing that stands in the file is run: see docs/formats.md.
/// @throws Error(input), Error(unsupported), Error(limit) that name the byte or the tensor
TorchFile load_torch(const Path& path, const Limits& limits = {});
TorchFile read_torch(const FileBytes& file, const Limits& limits = {});

/// The network alone: Darknet's sections that compute what the modules do.
/// @throws as model_of
Graph graph_of(const ModuleList& list, const std::string& name);

/// The network and its weights of a checkpoint with a module list.
/// @throws Error(unsupported) for other modules than those of yolov4-csp and P5 to P7,
/// Error(input) naming the first tensor that is missing, surplus or of another shape
Model model_of(const TorchFile& file, const std::string& name);

/// The tensors "module_list.<layer>..." of a checkpoint as the weights of a graph.
/// @throws Error(input) as above
Weights weights_of(const TorchFile& file, const Graph& graph, const std::string& name);

}  // namespace syolo
