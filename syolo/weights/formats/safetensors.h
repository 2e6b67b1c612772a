// The model file: safetensors with the cfg, names and preprocessing in its metadata.
#pragma once

#include <map>
#include <string>

#include "syolo/weights/model.h"

namespace syolo {

/// A parsed safetensors file; tensors view the map where the alignment permits.
struct SafetensorsFile {
  std::map<std::string, std::string> metadata;
  std::map<std::string, Tensor> tensors;  // f32; F16, BF16 and F64 are converted
  std::map<std::string, std::vector<std::int64_t>> shapes;
};
/// @throws Error(input) for overlaps, gaps, wrong sizes, duplicate names, headers above 16 MiB or
/// the file's size, more than 20,000 tensors, overflowing shapes
SafetensorsFile load_safetensors(const Path& path, const Limits& limits = {});

/// Metadata keys: docs/formats.md (syolo.version, .cfg, .names, .preprocess, ...).
void save_model(const Path& path, const Model& model);
Model load_model_file(const Path& path, const Limits& limits = {});

}  // namespace syolo
