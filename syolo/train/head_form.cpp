#include <cmath>
#include <map>

#include "syolo/graph/lower.h"
#include "syolo/graph/rewrite.h"
#include "syolo/train/head_form_impl.h"

namespace syolo::train {
namespace {

std::string activation_of(const Graph& graph, NodeId id) {
  if (id < 0 || graph.node(id).section != "convolutional") return "";
  for (const auto& [key, value] : keys_of(graph, id)) {
    if (key == "activation") return value;
  }
  return "";
}

}  // namespace

Graph with_scaled_heads(const Graph& graph) {
  std::map<NodeId, KeyValues> changes;
  const Program program = lower(graph);
  for (const HeadNode& head : heads(program)) {
    const Node& node = graph.node(head.node);
    const auto refuse = [&](const char* what, const char* remedy) {
      throw Error(ErrorKind::unsupported, what, node.where, remedy);
    };
    if (node.section != "yolo")
      refuse("expected a [yolo] head, found another form", "heads of other forms are not trained");
    const std::string activation = activation_of(graph, node.src[0]);
    if (activation != "linear" && activation != "logistic") {
      refuse("expected a linear or logistic convolution before the head, found another layer",
             "put a 1x1 convolution with activation=linear before it");
    }
    changes[head.node] = {{"new_coords", "1"}, {"scale_x_y", "2"}};
    changes[node.src[0]] = {{"activation", "logistic"}};
  }
  return with_keys(graph, changes);
}

namespace {

/// Objectness for 8 objects of a 640 pixel picture, classes for one of them.
void set_biases(const Graph& graph, const std::set<NodeId>& random, Weights& weights) {
  const Program program = lower(graph);
  for (const HeadNode& head : heads(program)) {
    const NodeId conv = graph.node(head.node).src[0];
    const ParamId id{conv, Role::bias};
    if (!random.contains(conv) || !weights.has(id) || weights.has({conv, Role::scale})) continue;
    const Tensor& old = weights.at(id);
    std::vector<float> bias(old.values().begin(), old.values().end());
    const int cells = program.shape(program.node_values[static_cast<std::size_t>(conv)]).w;
    const double grid = 640.0 * cells / graph.net().input.w;
    const double classes = head.spec->classes;
    for (std::size_t i = 0; i < bias.size(); ++i) {
      const int entry = static_cast<int>(i) % head.spec->entries();
      if (entry == 4) bias[i] += static_cast<float>(std::log(8 / (grid * grid)));
      if (entry > 4) bias[i] += static_cast<float>(std::log(0.6 / (classes - 0.99)));
    }
    weights.set(id, Tensor(old.shape(), std::move(bias)));
  }
}

}  // namespace

Weights with_scaled_kernels(const Weights& weights, const std::set<NodeId>& nodes, float factor) {
  Weights scaled = weights;
  for (const auto& [id, tensor] : weights.all()) {
    if (id.role != Role::kernel || !nodes.contains(id.node)) continue;
    std::vector<float> values(tensor.values().begin(), tensor.values().end());
    for (float& value : values) value *= factor;
    scaled.set(id, Tensor(tensor.shape(), std::move(values)));
  }
  return scaled;
}

Weights start_weights(const Graph& graph, const Weights& weights, const std::set<NodeId>& random) {
  // random_weights() is uniform within sqrt(6 / inputs), which keeps the variance through ReLU.
  Weights start = with_scaled_kernels(weights, random, 1 / std::sqrt(6.0F));
  set_biases(graph, random, start);
  return start;
}

}  // namespace syolo::train
