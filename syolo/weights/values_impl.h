// What the weights formats share: checked sizes, views of bytes, and the search for values no
// trained network holds.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "syolo/base/limits.h"
#include "syolo/weights/weights.h"

namespace syolo::weights {

/// "[convolutional], layer 5: kernel".
std::string item_name(const Graph& graph, ParamId id);
std::string item_name(const Graph& graph, NodeId node);

/// Number of values; @throws Error(limit) without place beyond 2^31 or limits.tensor_bytes
std::int64_t checked_elements(const Shape& shape, const Limits& limits);

/// @throws Error(limit) when parameters of this many bytes may not be allocated
void check_allocation(const Graph& graph, const Limits& limits);

/// `count` floats at `offset` bytes: a view where the address permits, else a copy. The range
/// has been checked.
Tensor view_floats(const FileBytes& file, std::size_t offset, const Shape& shape);

/// Index of the first NaN or infinity.
std::optional<std::size_t> first_not_finite(std::span<const float> values);

/// Index of the first value a parameter of this role may not hold: NaN, infinity, and for a
/// variance anything below zero.
std::optional<std::size_t> first_bad(Role role, std::span<const float> values);

/// The complaint about value `index`; the byte is where it stands in the file, or -1.
[[noreturn]] void refuse_value(const Graph& graph, ParamId id, std::span<const float> values,
                               std::size_t index, const std::string& file, std::int64_t byte);

}  // namespace syolo::weights
