// Where a .weights file keeps each parameter of a graph, and why a file does not fit.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "syolo/base/limits.h"
#include "syolo/weights/weights.h"

namespace syolo::weights {

struct DarknetHeader {
  std::array<std::int32_t, 3> version{};
  int bytes = 20;           // by the version: 16 with a 32-bit counter, 20 with a 64-bit one
  bool transposed = false;  // [connected] matrices are stored [in][out]
};
/// @throws Error(input) when the file is shorter than a header
DarknetHeader read_header(const FileBytes& file);
/// The counter of images, in a header of that many bytes.
std::uint64_t images_seen(const FileBytes& file, int header_bytes);

struct Slot {
  ParamId id;
  Shape shape;
  std::int64_t offset = -1;  // floats behind the header; -1 = not in the file
};

struct DarknetLayout {
  std::vector<Slot> slots;
  std::vector<std::int64_t> ends;  // floats behind the header after each node
  std::int64_t total = 0;
};
/// In file order. @throws Error(limit) for tensors no file may hold
DarknetLayout darknet_layout(const Graph& graph, const Limits& limits);

/// How a file of that size holds the graph: its header, and the nodes it covers.
struct Coverage {
  int header_bytes = 20;
  int nodes = 0;
  bool by_version = true;  // the header has the width that its version says
};
std::optional<Coverage> cover(const DarknetLayout& layout, const DarknetHeader& header,
                              std::int64_t file_bytes);

/// The complaint about a size that fits nothing, with a guess at the cause.
[[noreturn]] void refuse_size(const Graph& graph, const DarknetLayout& layout,
                              const DarknetHeader& header, const FileBytes& file);

}  // namespace syolo::weights
