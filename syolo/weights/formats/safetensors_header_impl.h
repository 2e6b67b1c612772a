// The JSON header of a safetensors file, checked against the file before anything is made of it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/weights/weights.h"

namespace syolo::weights {

struct TensorEntry {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape;
  std::int64_t begin = 0, end = 0;  // bytes behind the header
};

struct SafetensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<TensorEntry> tensors;  // by begin
  std::int64_t data_begin = 0;       // bytes before the data
};

/// @throws Error(input) with the file and, where known, the byte and the tensor
SafetensorsHeader read_safetensors_header(const FileBytes& file);

/// Bytes of one value, 0 for an unknown type.
int bytes_of_type(std::string_view dtype);

}  // namespace syolo::weights
