// Lowering: graph -> program. Layers call the builder functions of Lowering.
#pragma once

#include <span>

#include "syolo/graph/graph.h"
#include "syolo/graph/program.h"

namespace syolo {

/// The program of a graph at an input size. Infers every shape.
/// @throws Error naming the layer at the first contradiction
Program lower(const Graph& graph, Shape input);
Program lower(const Graph& graph);  // at the net's own size

class Lowering {
 public:
  explicit Lowering(Program& program) : program_(program) {}
  const Shape& shape(ValueId value) const { return program_.shape(value); }
  NodeId node() const { return node_; }
  void begin_node(NodeId node) { node_ = node; }

  ValueId emit(Op op, std::span<const ValueId> src, Shape shape);
  ValueId conv(ValueId src, const Conv& conv);  // infers the output shape
  ValueId batch_norm(ValueId src, double epsilon, NodeId params);
  ValueId activate(ValueId src, Act act);  // nothing for linear
  ValueId multiply(ValueId a, ValueId b) { return binary(a, b, Binary::Kind::multiply); }
  ValueId add(ValueId a, ValueId b) { return binary(a, b, Binary::Kind::add); }
  ValueId concat(std::span<const ValueId> src);
  ValueId slice(ValueId src, int begin, int count);

 private:
  ValueId binary(ValueId a, ValueId b, Binary::Kind kind);
  Program& program_;
  NodeId node_ = -1;
};

/// Size after a window of `size` at `stride` over `in` with `pad` cells added in all.
constexpr int windows(int in, int size, int stride, int pad) {
  return in + pad < size ? 0 : (in + pad - size) / stride + 1;
}

}  // namespace syolo
