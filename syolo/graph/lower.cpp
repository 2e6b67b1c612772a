#include "syolo/graph/lower.h"

namespace syolo {
namespace {

constexpr std::int64_t kMaxElements = (std::int64_t{1} << 31) - 1;

}  // namespace

ValueId Lowering::emit(Op op, std::span<const ValueId> src, Shape shape) {
  require(shape.n > 0 && shape.c > 0 && shape.h > 0 && shape.w > 0,
          "expected an output with cells, found {}", to_text(shape));
  require(std::int64_t{shape.c} <= kMaxElements / (std::int64_t{shape.h} * shape.w),
          "expected fewer than 2^31 output values, found {}", to_text(shape));
  const auto dst = static_cast<ValueId>(program_.values.size());
  program_.values.push_back({shape});
  program_.code.push_back({std::move(op), {src.begin(), src.end()}, dst, node_});
  return dst;
}

ValueId Lowering::conv(ValueId src, const Conv& conv) {
  const Shape in = shape(src);
  const int extent_y = conv.dilation * (conv.kh - 1) + 1;
  const int extent_x = conv.dilation * (conv.kw - 1) + 1;
  // blur2 keeps the size of Darknet's 2x2 window without padding.
  const Shape out{in.n, conv.filters, windows(in.h, extent_y, conv.stride_y, 2 * conv.pad_y),
                  windows(in.w, extent_x, conv.stride_x, 2 * conv.pad_x)};
  return emit(conv, std::span(&src, 1), out);
}

ValueId Lowering::batch_norm(ValueId src, double epsilon, NodeId params) {
  return emit(BatchNorm{.params = params, .epsilon = epsilon}, std::span(&src, 1), shape(src));
}

ValueId Lowering::activate(ValueId src, Act act) {
  if (act.is_linear()) return src;
  return emit(Activate{.act = act}, std::span(&src, 1), shape(src));
}

ValueId Lowering::binary(ValueId a, ValueId b, Binary::Kind kind) {
  const ValueId src[] = {a, b};
  const bool equal = shape(a).c == shape(b).c;
  return emit(Binary{kind, equal ? Binary::Match::equal : Binary::Match::common}, src, shape(a));
}

ValueId Lowering::concat(std::span<const ValueId> src) {
  Shape out = shape(src[0]);
  out.c = 0;
  for (const ValueId value : src) out.c += shape(value).c;
  return emit(Concat{}, src, out);
}

ValueId Lowering::slice(ValueId src, int begin, int count) {
  Shape out = shape(src);
  out.c = count;
  return emit(Slice{begin, count}, std::span(&src, 1), out);
}

Program lower(const Graph& graph, Shape input) {
  Program program;
  Lowering to(program);
  program.input = to.emit(Input{}, {}, input);
  std::vector<Shape> shapes;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const Node& node = graph.node(id);
    with_where(node.where, [&] {
      std::vector<Shape> src_shapes;
      std::vector<ValueId> src;
      for (const NodeId from : node.src) {
        src_shapes.push_back(from < 0 ? input : shapes[static_cast<std::size_t>(from)]);
        src.push_back(from < 0 ? program.input
                               : program.node_values[static_cast<std::size_t>(from)]);
      }
      const Shape out = node.layer->infer(src_shapes);
      to.begin_node(id);
      const ValueId value = node.layer->lower(to, src);
      SYOLO_ASSERT(program.shape(value) == out, "a layer infers and lowers to different shapes");
      program.node_values.push_back(value);
      shapes.push_back(out);
    });
  }
  return program;
}

Program lower(const Graph& graph) {
  return lower(graph, graph.net().input);
}

}  // namespace syolo
