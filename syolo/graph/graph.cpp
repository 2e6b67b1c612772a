#include "syolo/graph/graph.h"

#include <algorithm>
#include <cmath>

#include "syolo/base/rng.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

constexpr std::int64_t kMaxElements = (std::int64_t{1} << 31) - 1;

/// Values of a shape, or -1 when there are 2^31 or more.
std::int64_t checked_elements(const Shape& shape) {
  std::int64_t product = 1;
  for (const int side : {shape.n, shape.c, shape.h, shape.w}) {
    if (side < 0 || (side > 0 && product > kMaxElements / side)) return -1;
    product *= side;
  }
  return product;
}

void check_sizes(const Layer& layer, std::span<const Shape> src, const Shape& out) {
  require(out.c > 0 && out.h > 0 && out.w > 0, "expected an output with cells, found {}",
          to_text(out));
  require(checked_elements(out) >= 0, "expected fewer than 2^31 output values, found {}",
          to_text(out));
  for (const ParamSpec& param : layer.params(src)) {
    require(checked_elements(param.shape) >= 0, "expected fewer than 2^31 values in {}, found {}",
            name_of(param.role), to_text(param.shape));
  }
}

}  // namespace

NodeId Graph::add(Node node) {
  const auto id = static_cast<NodeId>(nodes_.size());
  return with_where(node.where, [&] {
    std::vector<Shape> shapes;
    for (const NodeId src : node.src) {
      SYOLO_ASSERT(src >= -1 && src < id, "a source of a layer comes before it");
      shapes.push_back(src < 0 ? net_.input : this->node(src).shape);
    }
    node.shape = node.layer->infer(shapes);
    check_sizes(*node.layer, shapes, node.shape);
    nodes_.push_back(std::move(node));
    return id;
  });
}

std::vector<Shape> Graph::source_shapes(NodeId id) const {
  std::vector<Shape> shapes;
  for (const NodeId src : node(id).src) shapes.push_back(src < 0 ? net_.input : node(src).shape);
  return shapes;
}

std::vector<ParamSpec> Graph::params(NodeId id) const {
  return node(id).layer->params(source_shapes(id));
}

bool operator==(const Graph& a, const Graph& b) {
  const auto same_sources = [](const Node& x, const Node& y) {
    return x.src == y.src && x.shape == y.shape && x.section == y.section;
  };
  return a.net() == b.net() &&
         std::equal(a.nodes().begin(), a.nodes().end(), b.nodes().begin(), b.nodes().end(),
                    same_sources) &&
         write_cfg(a) == write_cfg(b);
}

std::vector<HeadNode> heads(const Program& program) {
  std::vector<HeadNode> found;
  for (const Instr& instr : program.code) {
    if (const auto* head = std::get_if<Head>(&instr.op)) {
      found.push_back({instr.origin, &head->spec});
    }
  }
  return found;
}

int greatest_stride(const Graph& graph) {
  const Program program = lower(graph);
  std::vector<double> stride(program.values.size(), 1);
  double greatest = 1;
  for (const Instr& instr : program.code) {
    double from = 1;
    for (const ValueId src : instr.src)
      from = std::max(from, stride[static_cast<std::size_t>(src)]);
    double factor = 1;
    if (const auto* conv = std::get_if<Conv>(&instr.op))
      factor = std::max(conv->stride_x, conv->stride_y);
    if (const auto* pool = std::get_if<Pool>(&instr.op))
      factor = std::max(pool->stride_x, pool->stride_y);
    if (const auto* up = std::get_if<Upsample>(&instr.op))
      factor = up->shrink ? up->stride : 1.0 / up->stride;
    if (const auto* reorg = std::get_if<Reorg>(&instr.op)) {
      const bool down =
          reorg->kind == Reorg::Kind::space_to_depth || reorg->kind == Reorg::Kind::flat;
      factor = down ? reorg->stride : 1.0 / reorg->stride;
    }
    stride[static_cast<std::size_t>(instr.dst)] = from * factor;
    greatest = std::max(greatest, from * factor);
  }
  return static_cast<int>(std::lround(std::min(greatest, 65536.0)));
}

int class_count(const Graph& graph) {
  const Program program = lower(graph);
  for (const HeadNode& head : heads(program)) return head.spec->classes;
  for (auto node = graph.nodes().rbegin(); node != graph.nodes().rend(); ++node) {
    if (node->section == "softmax") return static_cast<int>(node->shape.elements());
  }
  return 0;
}

std::string fingerprint(const Graph& graph) {
  Graph bare = graph;
  Net net = bare.net();
  net.hints.clear();
  bare.set_net(net);
  std::uint64_t a = 0, b = 1;
  for (const char c : write_cfg(bare)) {
    a = mix64(a ^ static_cast<unsigned char>(c));
    b = mix64(b + static_cast<unsigned char>(c) * 0x100000001B3ULL);
  }
  return format("{:016x}{:016x}", a, b);
}

}  // namespace syolo
