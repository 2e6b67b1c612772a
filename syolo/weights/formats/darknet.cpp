// Darknet .weights: a header and float32 in layer order.

#include "syolo/weights/formats/darknet.h"

#include <cstring>

#include "syolo/base/text.h"
#include "syolo/weights/formats/darknet_layout_impl.h"
#include "syolo/weights/values_impl.h"

namespace syolo {
namespace {

using weights::Coverage;
using weights::DarknetHeader;
using weights::DarknetLayout;
using weights::Slot;

std::size_t byte_of(const Slot& slot, const Coverage& held) {
  return static_cast<std::size_t>(held.header_bytes) + static_cast<std::size_t>(slot.offset) * 4;
}

bool is_held(const Slot& slot, const Coverage& held) {
  return slot.offset >= 0 && slot.id.node < held.nodes;
}

/// [in][out] -> [out][in].
Tensor transposed(const Tensor& tensor) {
  const Shape shape = tensor.shape();
  const auto rows = static_cast<std::size_t>(shape.n);
  const std::size_t columns = tensor.values().size() / rows;
  std::vector<float> values(tensor.values().size());
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t column = 0; column < columns; ++column) {
      values[row * columns + column] = tensor.values()[column * rows + row];
    }
  }
  return Tensor(shape, std::move(values));
}

/// The first value that no trained network holds.
struct Bad {
  const Slot* slot;
  std::size_t index;
};
std::optional<Bad> find_bad(const DarknetLayout& layout, const Coverage& held,
                            const FileBytes& file) {
  for (const Slot& slot : layout.slots) {
    if (!is_held(slot, held)) continue;
    const Tensor tensor = weights::view_floats(file, byte_of(slot, held), slot.shape);
    if (const auto index = weights::first_bad(slot.id.role, tensor.values()))
      return Bad{&slot, *index};
  }
  return std::nullopt;
}

void report(const Graph& graph, const DarknetLayout& layout, const DarknetHeader& header,
            const Coverage& held, const std::string& file, Findings& findings) {
  const auto all = static_cast<int>(graph.nodes().size());
  if (!held.by_version) {
    findings.push_back(
        {Severity::warning,
         "weights-header-width",
         {.file = file},
         format("version {}.{} announces a header of {} bytes, but only one of {} "
                "fits the cfg; read so",
                header.version[0], header.version[1], header.bytes, held.header_bytes)});
  }
  if (held.nodes < all) {
    findings.push_back({Severity::warning,
                        "weights-partial",
                        {.file = file},
                        format("holds the first {} of {} layers; the others start from random "
                               "values",
                               held.nodes, all)});
  }
  NodeId last = -1;
  for (const Slot& slot : layout.slots) {
    if (slot.offset >= 0 || slot.id.node == last) continue;
    last = slot.id.node;
    const bool scales = graph.node(last).in_file;
    findings.push_back({Severity::note,
                        "weights-not-in-file",
                        {file, 0, -1, weights::item_name(graph, last)},
                        scales ? "dontloadscales: scale and variance are 1, mean 0"
                               : "dontload: starts from random values"});
  }
}

void check_missing(const DarknetLayout& layout, const Coverage& held, const Limits& limits) {
  std::int64_t bytes = 0;
  for (const Slot& slot : layout.slots) {
    if (!is_held(slot, held)) bytes += slot.shape.elements() * 4;
  }
  if (bytes <= limits.memory_bytes) return;
  throw Error(ErrorKind::limit,
              format("expected at most {} bytes of weights that the file does not hold, found {}",
                     grouped(limits.memory_bytes), grouped(bytes)));
}

Tensor parameter(const Graph& graph, const Slot& slot, const Coverage& held, const FileBytes& file,
                 bool transpose) {
  if (!is_held(slot, held)) return random_parameter(slot.id, slot.shape, 0);
  Tensor tensor = weights::view_floats(file, byte_of(slot, held), slot.shape);
  const bool matrix =
      slot.id.role == Role::kernel && graph.node(slot.id.node).section == "connected";
  return transpose && matrix ? transposed(tensor) : tensor;
}

}  // namespace

DarknetWeights read_darknet(const FileBytes& file, const Graph& graph, Findings& findings,
                            const Limits& limits) {
  const DarknetHeader header = weights::read_header(file);
  const DarknetLayout layout = weights::darknet_layout(graph, limits);
  const auto size = static_cast<std::int64_t>(file.bytes.size());
  const std::optional<Coverage> held = weights::cover(layout, header, size);
  if (!held) weights::refuse_size(graph, layout, header, file);
  with_where({.file = file.name}, [&] { check_missing(layout, *held, limits); });

  if (const auto bad = find_bad(layout, *held, file)) {
    // A file that lacks or has four bytes looks like one with the other header, shifted.
    if (!held->by_version) weights::refuse_size(graph, layout, header, file);
    const std::size_t begin = byte_of(*bad->slot, *held);
    const Tensor tensor = weights::view_floats(file, begin, bad->slot->shape);
    weights::refuse_value(graph, bad->slot->id, tensor.values(), bad->index, file.name,
                          static_cast<std::int64_t>(begin + bad->index * 4));
  }

  report(graph, layout, header, *held, file.name, findings);
  DarknetWeights result;
  for (const Slot& slot : layout.slots) {
    result.weights.set(slot.id, parameter(graph, slot, *held, file, header.transposed));
  }
  result.images_seen = weights::images_seen(file, held->header_bytes);
  result.layers_loaded = held->nodes;
  return result;
}

DarknetWeights load_darknet(const Path& path, const Graph& graph, Findings& findings,
                            const Limits& limits) {
  const auto map = MappedFile::open(path, limits.file_bytes);
  DarknetWeights result = read_darknet({map->bytes(), map, path.string()}, graph, findings, limits);
  // Checking has read every page; whoever packs the weights brings back a layer at a time.
  map->forget(map->bytes().data(), map->bytes().size());
  result.weights.keep(map);
  return result;
}

std::vector<std::byte> write_darknet(const Graph& graph, const Weights& weights,
                                     std::uint64_t images_seen) {
  Limits unlimited;
  unlimited.tensor_bytes = INT64_MAX;
  const DarknetLayout layout = weights::darknet_layout(graph, unlimited);
  const Coverage held{20, static_cast<int>(graph.nodes().size()), true};
  std::vector<std::byte> bytes(20 + static_cast<std::size_t>(layout.total) * 4);
  const std::array<std::int32_t, 3> version = {0, 2, 5};
  std::memcpy(bytes.data(), version.data(), sizeof version);
  std::memcpy(bytes.data() + sizeof version, &images_seen, sizeof images_seen);
  for (const Slot& slot : layout.slots) {
    if (slot.offset < 0) continue;
    const auto values = weights.at(slot.id).values();
    SYOLO_ASSERT(static_cast<std::int64_t>(values.size()) == slot.shape.elements(),
                 "write_darknet: a tensor has another shape than the graph says");
    if (const auto index = weights::first_bad(slot.id.role, values)) {
      weights::refuse_value(graph, slot.id, values, *index, {}, -1);
    }
    std::memcpy(bytes.data() + byte_of(slot, held), values.data(), values.size_bytes());
  }
  return bytes;
}

void save_darknet(const Path& path, const Graph& graph, const Weights& weights,
                  std::uint64_t images_seen) {
  write_file_atomic(path, write_darknet(graph, weights, images_seen));
}

}  // namespace syolo
