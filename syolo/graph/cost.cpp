#include "syolo/graph/cost.h"

#include <algorithm>
#include <cmath>

#include "syolo/graph/lower.h"
#include "syolo/graph/passes.h"

namespace syolo {
namespace {

/// Input pixels per cell, and that can influence one cell (both x).
struct View {
  double stride = 1, field = 1;
};

View seen_through(const View& in, int size, int stride) {
  return {in.stride * stride, in.field + (size - 1) * in.stride};
}

View view_of(const Op& op, const View& in) {
  return std::visit(
      Overload{
          [&](const Conv& c) { return seen_through(in, c.dilation * (c.kw - 1) + 1, c.stride_x); },
          [&](const Pool& p) { return p.depth > 0 ? in : seen_through(in, p.kw, p.stride_x); },
          [&](const Upsample& u) {
            return u.shrink ? seen_through(in, u.stride, u.stride)
                            : View{in.stride / u.stride, in.field};
          },
          [&](const Reorg& r) {
            const bool down = r.kind == Reorg::Kind::space_to_depth || r.kind == Reorg::Kind::flat;
            return down ? seen_through(in, r.stride, r.stride)
                        : View{in.stride / r.stride, in.field};
          },
          [&](const auto&) { return in; }},
      op);
}

void add_conv(LayerCost& layer, const Conv& conv, const Shape& in, const Shape& out) {
  const std::int64_t kernel = std::int64_t{conv.filters} * (in.c / conv.groups) * conv.kh * conv.kw;
  const std::int64_t values = in.elements() + out.elements();
  layer.cio += values;
  layer.mac_traffic += values + kernel;
  layer.macs += out.elements() * (in.c / conv.groups) * conv.kh * conv.kw;
}

LayerCost layer_cost(const Graph& graph, NodeId id) {
  LayerCost layer;
  layer.node = id;
  const Node& node = graph.node(id);
  layer.type = node.section;
  for (const ParamSpec& param : graph.params(id)) {
    const std::int64_t values = param.shape.elements();
    const bool statistic = param.role == Role::mean || param.role == Role::variance;
    const bool scale = statistic || param.role == Role::scale;
    if (!statistic) layer.parameters += values;
    if (node.in_file && (node.scales_in_file || !scale)) layer.weight_floats += values;
    layer.bytes_read += 4 * values;
  }
  return layer;
}

/// The greatest sum of layer outputs needed at one time; nothing in place, input included.
std::int64_t peak_bytes(const Graph& graph, const CostTable& table) {
  const auto nodes = static_cast<NodeId>(graph.nodes().size());
  std::vector<NodeId> last(graph.nodes().size() + 1, nodes);  // [0] = the input; outputs stay
  for (NodeId id = 0; id < nodes; ++id) {
    for (const NodeId src : graph.node(id).src) last[static_cast<std::size_t>(src) + 1] = id;
  }
  const auto bytes = [&](NodeId id) {
    return 4 * (id < 0 ? table.input : table.layers[static_cast<std::size_t>(id)].out).elements();
  };
  std::vector<std::int64_t> dying(graph.nodes().size() + 1);
  for (NodeId id = -1; id < nodes; ++id) {
    dying[static_cast<std::size_t>(last[static_cast<std::size_t>(id) + 1])] += bytes(id);
  }
  std::int64_t alive = bytes(-1), peak = alive;
  for (NodeId id = 0; id < nodes; ++id) {
    alive += bytes(id);
    peak = std::max(peak, alive);
    alive -= dying[static_cast<std::size_t>(id)];
  }
  return peak;
}

}  // namespace

CostTable cost(const Graph& graph, const Program& program) {
  CostTable table;
  table.input = program.shape(program.input);
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    table.layers.push_back(layer_cost(graph, id));
    table.layers.back().out = program.shape(program.node_values[static_cast<std::size_t>(id)]);
  }
  std::vector<View> views(program.values.size());
  for (const Instr& instr : program.code) {
    if (instr.origin < 0) continue;
    LayerCost& layer = table.layers[static_cast<std::size_t>(instr.origin)];
    View from;
    for (const ValueId src : instr.src) {
      const View& view = views[static_cast<std::size_t>(src)];
      from.stride = std::max(from.stride, view.stride);
      from.field = std::max(from.field, view.field);
    }
    const auto* conv = std::get_if<Conv>(&instr.op);
    if (conv && conv->kernel == Conv::Kernel::learned) {
      add_conv(layer, *conv, program.shape(instr.src[0]), program.shape(instr.dst));
    }
    views[static_cast<std::size_t>(instr.dst)] = view_of(instr.op, from);
  }
  for (LayerCost& layer : table.layers) {
    const ValueId value = program.node_values[static_cast<std::size_t>(layer.node)];
    const View& view = views[static_cast<std::size_t>(value)];
    layer.stride = static_cast<int>(std::lround(view.stride));
    layer.field_of_view = static_cast<int>(std::lround(std::min(view.field, 1e9)));
    layer.flops = 2 * layer.macs;
    for (const NodeId src : graph.node(layer.node).src) {
      layer.bytes_read +=
          4 * (src < 0 ? table.input : table.layers[static_cast<std::size_t>(src)].out).elements();
    }
    layer.bytes_written = 4 * layer.out.elements();
    table.parameters += layer.parameters;
    table.weight_floats += layer.weight_floats;
    table.macs += layer.macs;
    table.mac_traffic += layer.mac_traffic;
    table.cio += layer.cio;
    table.activation_bytes += layer.bytes_written;
    table.max_stride = std::max(table.max_stride, layer.stride);
  }
  table.weight_bytes = 4 * table.weight_floats;
  table.peak_activation_bytes = peak_bytes(graph, table);
  return table;
}

}  // namespace syolo
