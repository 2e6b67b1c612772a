// Adds sections to a graph through the readers of the layers, so that what is built equals what
// is read from a cfg. A [route] appears exactly where a source is not the layer before.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "syolo/zoo/recipe.h"

namespace syolo::zoo {

struct ConvShape {
  int filters = 1, size = 1, stride = 1, groups = 1;
  bool norm = true;  // batch normalisation; else a bias
};

class Builder {
 public:
  Builder(Net net, Dialect dialect) : graph_(std::move(net)), dialect_(dialect) {}

  NodeId last() const { return static_cast<NodeId>(graph_.nodes().size()) - 1; }
  int channels(NodeId node) const;
  Dialect dialect() const { return dialect_; }

  NodeId conv(NodeId src, const ConvShape& shape, Act act);
  NodeId shortcut(NodeId src, NodeId from, Act act = {});         // src must be the last layer
  NodeId weighted_sum(NodeId src, std::span<const NodeId> from);  // learned weights, as above
  NodeId concat(std::span<const NodeId> sources);
  NodeId concat(std::initializer_list<NodeId> sources) {
    return concat(std::span(sources.begin(), sources.size()));
  }
  NodeId second_half(NodeId src);  // of its channels
  NodeId maxpool(NodeId src, int size, int stride);
  NodeId maxout(NodeId src, int channels);  // the greatest of every `channels`-th channel
  NodeId upsample(NodeId src);
  NodeId space_to_depth(NodeId src);
  NodeId sam(NodeId src, NodeId from);
  NodeId normalize(NodeId src, Act act);  // batch normalisation and activation, as layers
  NodeId classify(NodeId src, int classes);
  NodeId yolo(NodeId src, const HeadSet& heads, const Level& level);

  /// Layers added from here on belong to this part.
  void begin(NetworkPart::Kind kind, std::string label, int level);
  Blueprint take();

 private:
  NodeId add(std::string_view section, const KeyValues& keys);
  void from(NodeId src);
  Graph graph_;
  Dialect dialect_;
  std::vector<NetworkPart> parts_;
};

/// "a=1 b=2,3" -> pairs.
KeyValues key_values(std::string_view text);

}  // namespace syolo::zoo
