// The model file: safetensors with the cfg, names and preprocessing in its metadata.
#pragma once

#include <map>
#include <string>

#include "syolo/weights/model.h"

namespace syolo {

/// A parsed safetensors file; tensors view the map where the alignment permits. A shape of up
/// to four sides keeps them, behind ones; longer ones become a row of values.
struct SafetensorsFile {
  struct Place {
    std::int64_t begin = 0;  // byte of the file
    int width = 4;           // bytes of one value
  };
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;                    // f32; F16, BF16 and F64 are converted
  std::map<std::string, std::vector<std::int64_t>> shapes;  // all, integer tensors as well
  std::map<std::string, Place> places;
};
/// @throws Error(input) for overlaps, gaps, wrong sizes, duplicate names, headers above 16 MiB or
/// the file's size, more than 20,000 tensors, overflowing shapes
SafetensorsFile load_safetensors(const Path& path, const Limits& limits = {});
SafetensorsFile read_safetensors(const FileBytes& file, const Limits& limits = {});

/// Metadata keys: docs/formats.md (syolo.version, .cfg, .names, .preprocess, ...). Equal models
/// give equal bytes. @throws Error(input) for NaN, Inf, and text that is not UTF-8
void save_model(const Path& path, const Model& model);
std::vector<std::byte> write_model(const Model& model);
Model load_model_file(const Path& path, const Limits& limits = {});
Model read_model_file(const FileBytes& file, const Limits& limits = {});

/// The tensors of a model file as the weights of `graph`: every parameter once, nothing else.
/// @throws Error(input) naming the first tensor that is missing, surplus, or of another shape,
/// and the first layer that differs from the file's own cfg
Weights weights_of(const SafetensorsFile& file, const Graph& graph, const std::string& name,
                   const Limits& limits = {});

}  // namespace syolo
