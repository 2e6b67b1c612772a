// Checked sizes, views of bytes, and the search for values no trained network holds.

#include <bit>
#include <cstring>

#include "syolo/base/text.h"
#include "syolo/weights/values_impl.h"

namespace syolo::weights {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

std::string item_name(const Graph& graph, NodeId node) {
  return format("[{}], layer {}", graph.node(node).section, node);
}

std::string item_name(const Graph& graph, ParamId id) {
  return format("{}: {}", item_name(graph, id.node), name_of(id.role));
}

std::int64_t checked_elements(const Shape& shape, const Limits& limits) {
  std::int64_t count = 1;
  for (const int side : {shape.n, shape.c, shape.h, shape.w}) {
    const bool overflow = side < 0 || __builtin_mul_overflow(count, std::int64_t{side}, &count);
    if (overflow || count > INT32_MAX) {
      throw Error(ErrorKind::limit, format("expected a tensor below 2^31 values, found {}x{}x{}x{}",
                                           shape.n, shape.c, shape.h, shape.w));
    }
  }
  if (count * 4 > limits.tensor_bytes) {
    throw Error(ErrorKind::limit, format("expected a tensor of at most {} bytes, found {}",
                                         grouped(limits.tensor_bytes), grouped(count * 4)));
  }
  return count;
}

void check_allocation(const Graph& graph, const Limits& limits) {
  std::int64_t bytes = 0;  // cannot overflow: 10,000 layers of some tensors below 2^33 bytes
  for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
    with_where(graph.node(node).where, [&] {
      for (const ParamSpec& spec : graph.params(node)) {
        bytes += checked_elements(spec.shape, limits) * 4;
      }
      if (bytes > limits.memory_bytes) {
        throw Error(ErrorKind::limit, format("expected parameters of at most {} bytes, found more",
                                             grouped(limits.memory_bytes)));
      }
    });
  }
}

Tensor view_floats(const FileBytes& file, std::size_t offset, const Shape& shape) {
  const auto count = static_cast<std::size_t>(shape.elements());
  const std::byte* begin = file.bytes.data() + offset;
  if (reinterpret_cast<std::uintptr_t>(begin) % alignof(float) == 0) {
    return Tensor(shape, std::span(reinterpret_cast<const float*>(begin), count), file.owner);
  }
  std::vector<float> values(count);
  if (count != 0) std::memcpy(values.data(), begin, count * sizeof(float));
  return Tensor(shape, std::move(values));
}

namespace {

/// The top bit of the result is set if any exponent is all ones. Branch-free, so that the
/// compiler vectorises it: every byte of a weights file passes here before the first inference.
template <std::size_t n>
std::uint32_t exponent_overflow(const float* values) {
  std::uint32_t any = 0;
  for (std::size_t i = 0; i < n; ++i) {
    any |= (std::bit_cast<std::uint32_t>(values[i]) & 0x7FFFFFFFU) + 0x00800000U;
  }
  return any >> 31;
}

}  // namespace

std::optional<std::size_t> first_not_finite(std::span<const float> values) {
  constexpr std::size_t kBlock = 1024;
  std::size_t i = 0;
  while (i + kBlock <= values.size() && exponent_overflow<kBlock>(values.data() + i) == 0) {
    i += kBlock;
  }
  for (; i < values.size(); ++i) {
    if (exponent_overflow<1>(values.data() + i) != 0) return i;
  }
  return std::nullopt;
}

std::optional<std::size_t> first_bad(Role role, std::span<const float> values) {
  if (role != Role::variance) return first_not_finite(values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!(values[i] >= 0) || exponent_overflow<1>(values.data() + i) != 0) return i;
  }
  return std::nullopt;
}

void refuse_value(const Graph& graph, ParamId id, std::span<const float> values, std::size_t index,
                  const std::string& file, std::int64_t byte) {
  const char* wanted =
      id.role == Role::variance ? "a finite variance of at least 0" : "finite values";
  throw Error(ErrorKind::input,
              format("expected {}, found {}", wanted, static_cast<double>(values[index])),
              {file, 0, byte, format("{}[{}]", item_name(graph, id), index)},
              "the file is damaged, of another network, or of a training that diverged");
}

}  // namespace syolo::weights
