// Python's pickle, as far as torch.save writes it, read into a plain tree. Nothing is imported,
// called or built: a class is its name, an object its class and its state.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace syolo::weights {

using PickleId = std::uint32_t;

struct PickleValue {
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    real,
    text,
    tuple,
    list,
    dict,        // items: key, value, key, value, ...
    name,        // of a class or function: "module\nname"
    object,      // items: its class, then its state once that is there
    tensor,      // items: what _rebuild_tensor_v2 takes: storage, offset, size, stride, ...
    persistent,  // items: the tuple that stands for a storage
    opaque       // of an allowed function that concerns no tensor
  };
  Kind kind = Kind::none;
  union {
    std::int64_t integer = 0;
    double real;
  };
  std::string_view text;  // of the bytes that were read
  std::vector<PickleId> items;
};

struct Pickle {
  std::vector<PickleValue> values;  // may refer to each other in circles
  PickleId root = 0;
  std::size_t end = 0;  // bytes read

  const PickleValue& operator[](PickleId id) const { return values[id]; }
  /// The value of a text key of a dict; null: none, or no dict.
  const PickleValue* find(const PickleValue& dict, std::string_view key) const;
  /// An object's state, if that is a dict.
  const PickleValue* state(const PickleValue& object) const;
};

/// The pickle at the beginning of `bytes`, which the views point into. They begin at this byte of
/// the file.
/// @throws Error(input) with the byte for a truncated or contradictory stream, Error(unsupported)
/// that names an operation or a called function beyond those of tensors and containers,
/// Error(limit) for more than 400,000 values
Pickle read_pickle(std::string_view bytes, std::int64_t first_byte = 0);

}  // namespace syolo::weights
