// Where a .weights file keeps each parameter of a graph, and why a file does not fit.

#include "syolo/weights/formats/darknet_layout_impl.h"

#include <algorithm>
#include <cstring>

#include "syolo/base/text.h"
#include "syolo/graph/lower.h"
#include "syolo/weights/values_impl.h"

namespace syolo::weights {
namespace {

constexpr int kNarrowHeader = 16, kWideHeader = 20;

bool is_stored(const Node& node, Role role) {
  const bool norm = role == Role::scale || role == Role::mean || role == Role::variance;
  return node.in_file && (node.scales_in_file || !norm);
}

}  // namespace

DarknetHeader read_header(const FileBytes& file) {
  if (file.bytes.size() < static_cast<std::size_t>(kNarrowHeader)) {
    throw Error(ErrorKind::input,
                format("expected a Darknet header of 16 or 20 bytes, found {} bytes in all",
                       file.bytes.size()),
                {.file = file.name}, "the file is empty or its copy was interrupted");
  }
  DarknetHeader header;
  std::memcpy(header.version.data(), file.bytes.data(), sizeof header.version);
  const std::int64_t major = header.version[0], minor = header.version[1];
  header.transposed = major > 1000 || minor > 1000;
  const bool wide = major * 10 + minor >= 2 && major < 1000 && minor < 1000;
  header.bytes = wide ? kWideHeader : kNarrowHeader;
  return header;
}

std::uint64_t images_seen(const FileBytes& file, int header_bytes) {
  std::uint64_t seen = 0;
  const auto width = static_cast<std::size_t>(header_bytes - 12);
  std::memcpy(&seen, file.bytes.data() + 12, width);  // little-endian
  return seen;
}

DarknetLayout darknet_layout(const Graph& graph, const Limits& limits) {
  DarknetLayout layout;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const Node& node = graph.node(id);
    with_where(node.where, [&] {
      for (const ParamSpec& spec : graph.params(id)) {
        // No overflow: each is below 2^31 and a graph has far fewer than 2^31 parameters.
        const std::int64_t count = checked_elements(spec.shape, limits);
        const bool stored = is_stored(node, spec.role);
        layout.slots.push_back({{id, spec.role}, spec.shape, stored ? layout.total : -1});
        if (stored) layout.total += count;
      }
    });
    layout.ends.push_back(layout.total);
  }
  return layout;
}

namespace {

/// Nodes covered by that many floats: all, or those up to the last one with parameters.
std::optional<int> nodes_covered(const DarknetLayout& layout, std::int64_t floats) {
  if (floats == layout.total) return static_cast<int>(layout.ends.size());
  const auto end = std::lower_bound(layout.ends.begin(), layout.ends.end(), floats);
  if (floats <= 0 || end == layout.ends.end() || *end != floats) return std::nullopt;
  return static_cast<int>(end - layout.ends.begin()) + 1;
}

std::optional<Coverage> cover_with(const DarknetLayout& layout, int header_bytes, bool by_version,
                                   std::int64_t file_bytes) {
  const std::int64_t bytes = file_bytes - header_bytes;
  if (bytes < 0 || bytes % 4 != 0) return std::nullopt;
  const std::optional<int> nodes = nodes_covered(layout, bytes / 4);
  if (!nodes) return std::nullopt;
  return Coverage{header_bytes, *nodes, by_version};
}

}  // namespace

std::optional<Coverage> cover(const DarknetLayout& layout, const DarknetHeader& header,
                              std::int64_t file_bytes) {
  const int other = kNarrowHeader + kWideHeader - header.bytes;
  const auto first = cover_with(layout, header.bytes, true, file_bytes);
  const auto second = cover_with(layout, other, false, file_bytes);
  const int all = static_cast<int>(layout.ends.size());
  if (first && first->nodes == all) return first;
  // Only a complete network is proof enough against what the version says.
  if (second && second->nodes == all) return second;
  return first;
}

namespace {

/// Floats that one more class adds to the file, if every head gets its filters from the
/// convolution before it; 0 when that is not so.
std::int64_t floats_per_class(const Graph& graph) {
  std::int64_t floats = 0;
  const Program program = lower(graph);
  for (const HeadNode& head : heads(program)) {
    const auto& src = graph.node(head.node).src;
    if (src.size() != 1 || src[0] < 0 || !graph.node(src[0]).in_file) return 0;
    std::int64_t per_filter = 0;
    for (const ParamSpec& spec : graph.params(src[0])) {
      if (!is_stored(graph.node(src[0]), spec.role)) continue;
      const std::int64_t filters = spec.role == Role::kernel ? spec.shape.n : spec.shape.c;
      if (filters != head.spec->channels()) return 0;
      per_filter += spec.shape.elements() / filters;
    }
    floats += per_filter * static_cast<std::int64_t>(head.spec->anchors.size());
  }
  return floats;
}

std::string guess_classes(const Graph& graph, std::int64_t surplus_floats) {
  const int classes = class_count(graph);
  const std::int64_t per_class = classes > 0 ? floats_per_class(graph) : 0;
  if (per_class == 0 || surplus_floats % per_class != 0) return {};
  const std::int64_t fitting = classes + surplus_floats / per_class;
  if (fitting < 1 || fitting > 100'000) return {};
  return format("the file fits this network with {} {}; the cfg says {}", fitting,
                fitting == 1 ? "class" : "classes", classes);
}

/// Published files of the family, by size.
struct KnownFile {
  std::int64_t bytes;
  std::string_view name;
};
constexpr KnownFile kKnownFiles[] = {{257'717'640, "yolov4"},
                                     {24'251'276, "yolov4-tiny"},
                                     {25'336'200, "yolov4-tiny-3l"},
                                     {211'944'840, "yolov4-csp or yolov4-csp-swish"},
                                     {399'388'168, "yolov4x-mish"},
                                     {33'164'680, "yolov4-csp-s-mish"},
                                     {283'669'892, "yolov4-p5"},
                                     {510'868'180, "yolov4-p6"},
                                     {170'038'676, "yolov4.conv.137"},
                                     {19'789'716, "yolov4-tiny.conv.29"},
                                     {146'548'116, "yolov4-csp.conv.142"}};

std::string guess_known(std::int64_t file_bytes) {
  for (const KnownFile& known : kKnownFiles) {
    if (known.bytes == file_bytes) {
      return format("this is the size of the published {}", known.name);
    }
  }
  return {};
}

std::string guess_version(const DarknetHeader& header) {
  const bool plausible =
      std::all_of(header.version.begin(), header.version.end(),
                  [](std::int32_t part) { return part >= 0 && part <= 100'000; });
  if (plausible) return {};
  return format("its version reads {}.{}.{}: this is no Darknet weights file", header.version[0],
                header.version[1], header.version[2]);
}

/// Where a short file ends.
std::string ends_inside(const Graph& graph, const DarknetLayout& layout, std::int64_t floats) {
  const Slot* last = nullptr;
  for (const Slot& slot : layout.slots) {
    if (slot.offset >= 0 && slot.offset <= floats) last = &slot;
  }
  if (last == nullptr || floats == 0) return "it holds a header and no weights";
  return format(
      "it ends inside {} (value {} of {}): a part is missing, or it is of another network",
      item_name(graph, last->id), floats - last->offset, last->shape.elements());
}

}  // namespace

void refuse_size(const Graph& graph, const DarknetLayout& layout, const DarknetHeader& header,
                 const FileBytes& file) {
  const auto found = static_cast<std::int64_t>(file.bytes.size());
  const std::int64_t bytes = found - header.bytes;
  const std::int64_t surplus = bytes - layout.total * 4;

  std::string hint = guess_version(header);
  if (hint.empty() && surplus % 4 == 0) hint = guess_classes(graph, surplus / 4);
  if (hint.empty()) hint = guess_known(found);
  if (hint.empty() && bytes < 0) hint = "it ends inside its header: a part is missing";
  if (hint.empty() && bytes % 4 != 0) {
    hint = format("{} bytes behind the header are no whole number of 4-byte values: damaged or cut",
                  grouped(bytes));
  }
  if (hint.empty() && surplus < 0) hint = ends_inside(graph, layout, bytes / 4);
  if (hint.empty()) hint = "bytes are left over: the file is of a larger network";

  throw Error(ErrorKind::input,
              format("expected {} bytes for this cfg (header {}, {} values), found {} ({} too {})",
                     grouped(header.bytes + layout.total * 4), header.bytes, grouped(layout.total),
                     grouped(found), grouped(surplus < 0 ? -surplus : surplus),
                     surplus < 0 ? "few" : "many"),
              {.file = file.name}, std::move(hint));
}

}  // namespace syolo::weights
