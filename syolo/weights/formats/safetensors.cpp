// Safetensors: tensors by name, read where they lie in the file.

#include "syolo/weights/formats/safetensors.h"

#include <cstring>

#include "syolo/base/text.h"
#include "syolo/weights/formats/safetensors_header_impl.h"
#include "syolo/weights/half.h"
#include "syolo/weights/values_impl.h"

namespace syolo {
namespace {

using weights::TensorEntry;

/// Up to four sides, behind ones; a single side is a row of channels, as for biases.
Shape shape_of(const TensorEntry& entry) {
  std::int64_t elements = 1;
  for (const std::int64_t side : entry.shape) {
    if (side > INT32_MAX || __builtin_mul_overflow(elements, side, &elements) ||
        elements > INT32_MAX) {
      throw Error(ErrorKind::limit, format("tensor \"{}\": expected fewer than 2^31 values",
                                           printable(entry.name, 80)));
    }
  }
  const auto side = [&](std::size_t i) { return static_cast<int>(entry.shape[i]); };
  switch (entry.shape.size()) {
    case 0:
      return {1, 1, 1, 1};
    case 1:
      return {1, side(0), 1, 1};
    case 2:
      return {side(0), side(1), 1, 1};
    case 3:
      return {side(0), side(1), side(2), 1};
    case 4:
      return {side(0), side(1), side(2), side(3)};
    default:
      return {1, static_cast<int>(elements), 1, 1};
  }
}

float narrowed(double value) {
  return static_cast<float>(value);
}

template <class From, class Convert>
Tensor converted(const std::byte* data, const Shape& shape, Convert convert) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    From from;
    std::memcpy(&from, data + i * sizeof from, sizeof from);
    values[i] = convert(from);
  }
  return Tensor(shape, std::move(values));
}

bool is_float(std::string_view dtype) {
  return dtype == "F32" || dtype == "F16" || dtype == "BF16" || dtype == "F64";
}

Tensor tensor_of(const FileBytes& file, const TensorEntry& entry, std::int64_t data_begin,
                 const Limits& limits) {
  const Shape shape = shape_of(entry);
  weights::checked_elements(shape, limits);
  const auto offset = static_cast<std::size_t>(data_begin + entry.begin);
  const std::byte* data = file.bytes.data() + offset;
  if (entry.dtype == "F16") return converted<std::uint16_t>(data, shape, half_to_float);
  if (entry.dtype == "BF16") return converted<std::uint16_t>(data, shape, bf16_to_float);
  if (entry.dtype == "F64") return converted<double>(data, shape, narrowed);
  return weights::view_floats(file, offset, shape);
}

}  // namespace

SafetensorsFile read_safetensors(const FileBytes& file, const Limits& limits) {
  weights::SafetensorsHeader header = weights::read_safetensors_header(file);
  SafetensorsFile result;
  result.metadata = std::move(header.metadata);
  with_where({.file = file.name}, [&] {
    for (const TensorEntry& entry : header.tensors) {
      if (is_float(entry.dtype)) {
        result.tensors[entry.name] = tensor_of(file, entry, header.data_begin, limits);
      }
      result.shapes[entry.name] = entry.shape;
      result.places[entry.name] = {header.data_begin + entry.begin,
                                   weights::bytes_of_type(entry.dtype)};
    }
  });
  return result;
}

SafetensorsFile load_safetensors(const Path& path, const Limits& limits) {
  const auto map = MappedFile::open(path, limits.file_bytes);
  return read_safetensors({map->bytes(), map, path.string()}, limits);
}

}  // namespace syolo
