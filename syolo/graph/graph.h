// The graph: one node per cfg section. People read, write, scale and save this form.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/base/error.h"
#include "syolo/graph/net.h"
#include "syolo/graph/program.h"

namespace syolo {

class CfgSection;
class CfgWriter;
class Lowering;

/// One parameter of a layer. The order in Layer::params is the order of the .weights file.
struct ParamSpec {
  Role role;
  Shape shape;
};

/// What a section means. Implementations: layers/*.cpp, one file per section name.
struct Layer {
  virtual ~Layer() = default;
  virtual void write(CfgWriter& out) const = 0;
  /// Output shape, or an Error without place when the sources do not fit.
  virtual Shape infer(std::span<const Shape> src) const = 0;
  virtual std::vector<ParamSpec> params(std::span<const Shape> /*src*/) const { return {}; }
  virtual ValueId lower(Lowering& to, std::span<const ValueId> src) const = 0;
};

struct Node {
  std::string section;  // "convolutional"
  std::shared_ptr<const Layer> layer;
  std::vector<NodeId> src;
  Shape shape;  // at the net's own input size
  Where where;
  KeyValues hints;             // keys that only training reads, as written
  bool in_file = true;         // false under dontload: the .weights file holds nothing for it
  bool scales_in_file = true;  // false under dontloadscales
};

class Graph {
 public:
  explicit Graph(Net net) : net_(std::move(net)) {}
  const Net& net() const { return net_; }
  void set_net(Net net) { net_ = std::move(net); }
  std::span<const Node> nodes() const { return nodes_; }
  const Node& node(NodeId id) const { return nodes_[static_cast<std::size_t>(id)]; }
  /// Checks the sources, infers the shape. @throws Error with the node's place
  NodeId add(Node node);
  std::vector<Shape> source_shapes(NodeId id) const;
  std::vector<ParamSpec> params(NodeId id) const;  // in file order, whether in the file or not

 private:
  Net net_;
  std::vector<Node> nodes_;
};

/// Same net, sections, sources and keys (by their written form).
bool operator==(const Graph& a, const Graph& b);

/// Detection layers in file order, with the value each one decodes.
struct HeadNode {
  NodeId node;
  const HeadSpec* spec;
};
std::vector<HeadNode> heads(const Program& program);
/// The greatest down-sampling factor on the way to any layer: the input's sides must be
/// multiples of it. Computed from the strides of the program's instructions.
int greatest_stride(const Graph& graph);
/// Number of classes: of the heads, or the channels of a final softmax; 0 if neither.
int class_count(const Graph& graph);
/// A stable name for the structure: equal graphs have equal fingerprints on every machine.
std::string fingerprint(const Graph& graph);

}  // namespace syolo
