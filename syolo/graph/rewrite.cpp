#include "syolo/graph/rewrite.h"

#include <algorithm>

#include "syolo/graph/cfg.h"
#include "syolo/graph/classifier.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

const LayerType& type_of(std::string_view section) {
  for (const LayerType& type : layer_types()) {
    if (type.section == section) return type;
  }
  SYOLO_ASSERT(false, "a layer of a graph has a row");
}

/// The node with other values of some keys; `before` holds the nodes before it.
Node changed(Node node, const KeyValues& keys, const Graph& before) {
  CfgSection in(node.section, node.where, &before);
  for (const auto& [key, value] : keys) in.add(key, value, node.where.line);
  node.layer = type_of(node.section).read(in).layer;
  return node;
}

}  // namespace

KeyValues keys_of(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  CfgWriter writer(id, node.src);
  node.layer->write(writer);
  const std::string text = writer.take();
  KeyValues keys;
  for (const std::string_view line : lines(text)) {
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    keys.emplace_back(line.substr(0, equals), line.substr(equals + 1));
  }
  return keys;
}

Graph with_keys(const Graph& graph, const std::map<NodeId, KeyValues>& changes) {
  Graph result(graph.net());
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const auto change = changes.find(id);
    if (change == changes.end()) {
      result.add(graph.node(id));
      continue;
    }
    KeyValues keys = keys_of(graph, id);
    for (const auto& pair : change->second) {
      std::erase_if(keys, [&](const auto& old) { return old.first == pair.first; });
      keys.push_back(pair);
    }
    result.add(changed(graph.node(id), keys, result));
  }
  return result;
}

namespace {

/// A classifier's last convolution gets as many filters.
Graph classifier_with(const Graph& graph, int classes) {
  NodeId source = graph.nodes().back().src[0];
  while (source >= 0 && graph.node(source).section == "avgpool") source = graph.node(source).src[0];
  if (source < 0 || graph.node(source).section != "convolutional") {
    throw Error(ErrorKind::unsupported,
                "expected a convolution before [softmax], found another layer",
                graph.nodes().back().where, "write a cfg with the right number of classes");
  }
  return with_keys(graph, {{source, {{"filters", format("{}", classes)}}}});
}

}  // namespace

Graph with_classes(const Graph& graph, int classes) {
  if (is_classifier(graph)) return classifier_with(graph, classes);
  std::map<NodeId, KeyValues> changes;
  const Program program = lower(graph);
  for (const HeadNode& head : heads(program)) {
    const Node& node = graph.node(head.node);
    const NodeId source = node.src[0];
    if (source < 0 || graph.node(source).section != "convolutional") {
      throw Error(ErrorKind::unsupported,
                  "expected a convolution before the head, found another layer", node.where,
                  "write a cfg with the right number of classes");
    }
    HeadSpec spec = *head.spec;
    spec.classes = classes;
    changes[head.node] = {{"classes", format("{}", classes)}};
    changes[source] = {{"filters", format("{}", spec.channels())}};
  }
  return with_keys(graph, changes);
}

}  // namespace syolo
