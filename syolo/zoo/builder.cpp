#include <algorithm>

#include "syolo/base/text.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/number_text.h"
#include "syolo/zoo/builder_impl.h"

namespace syolo::zoo {
namespace {

constexpr std::string_view kPytorchEpsilon = "0.001";

std::string number(std::int64_t value) {
  return format("{}", value);
}

std::string list(std::span<const NodeId> nodes) {
  std::string out;
  for (const NodeId node : nodes) out += (out.empty() ? "" : ",") + number(node);
  return out;
}

const LayerType& row(std::string_view section) {
  for (const LayerType& type : layer_types()) {
    if (type.section == section) return type;
  }
  SYOLO_ASSERT(false, "a layer of the zoo has a row");
}

}  // namespace

KeyValues key_values(std::string_view text) {
  KeyValues pairs;
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;
    const auto equals = word.find('=');
    SYOLO_ASSERT(equals != std::string_view::npos, "training keys are key=value");
    pairs.emplace_back(word.substr(0, equals), word.substr(equals + 1));
  }
  return pairs;
}

int Builder::channels(NodeId node) const {
  return node < 0 ? graph_.net().input.c : graph_.node(node).shape.c;
}

NodeId Builder::add(std::string_view section, const KeyValues& keys) {
  const Where where{.file = {}, .item = format("[{}], layer {}", section, last() + 1)};
  CfgSection in(section, where, &graph_);
  for (const auto& [key, value] : keys) in.add(key, value, 0);
  ReadLayer read = row(section).read(in);
  SYOLO_ASSERT(in.unused().empty(), "a layer knows the keys that the zoo gives it");
  Node node;
  node.section = std::string(section);
  node.layer = std::move(read.layer);
  node.src = std::move(read.src);
  node.hints = in.take_hints();
  node.where = where;
  return graph_.add(std::move(node));
}

void Builder::from(NodeId src) {
  if (src != last()) add("route", {{"layers", number(src)}});
}

NodeId Builder::conv(NodeId src, const ConvShape& shape, Act act) {
  from(src);
  KeyValues keys = {{"filters", number(shape.filters)},
                    {"size", number(shape.size)},
                    {"stride", number(shape.stride)},
                    {"groups", number(shape.groups)},
                    {"pad", "1"},
                    {"activation", std::string(act.name())}};
  if (shape.norm) keys.emplace_back("batch_normalize", "1");
  if (shape.norm && dialect_ == Dialect::pytorch) keys.emplace_back("epsilon", kPytorchEpsilon);
  return add("convolutional", keys);
}

NodeId Builder::shortcut(NodeId src, NodeId from, Act act) {
  SYOLO_ASSERT(src == last(), "a sum follows its first operand");
  return add("shortcut", {{"from", number(from)}, {"activation", std::string(act.name())}});
}

NodeId Builder::weighted_sum(NodeId src, std::span<const NodeId> from) {
  SYOLO_ASSERT(src == last(), "a sum follows its first operand");
  return add("shortcut", {{"from", list(from)},
                          {"activation", std::string(Act::linear().name())},
                          {"weights_type", "per_feature"},
                          {"weights_normalization", "relu"}});
}

NodeId Builder::concat(std::span<const NodeId> sources) {
  return add("route", {{"layers", list(sources)}});
}

NodeId Builder::second_half(NodeId src) {
  return add("route", {{"layers", number(src)}, {"groups", "2"}, {"group_id", "1"}});
}

NodeId Builder::maxpool(NodeId src, int size, int stride) {
  from(src);
  return add("maxpool", {{"size", number(size)}, {"stride", number(stride)}});
}

NodeId Builder::maxout(NodeId src, int channels) {
  from(src);
  return add("maxpool", {{"maxpool_depth", "1"}, {"out_channels", number(channels)}});
}

NodeId Builder::upsample(NodeId src) {
  from(src);
  return add("upsample", {{"stride", "2"}});
}

NodeId Builder::space_to_depth(NodeId src) {
  from(src);
  return add("reorg3d", {{"stride", "2"}});
}

NodeId Builder::sam(NodeId src, NodeId from_node) {
  from(src);
  return add("sam", {{"from", number(from_node)}});
}

NodeId Builder::normalize(NodeId src, Act act) {
  from(src);
  KeyValues keys;
  if (dialect_ == Dialect::pytorch) keys.emplace_back("epsilon", kPytorchEpsilon);
  add("batchnorm", keys);
  return add("activation", {{"activation", std::string(act.name())}});
}

NodeId Builder::classify(NodeId src, int classes) {
  from(src);
  const NodeId mean = add("avgpool", {});
  conv(mean, {.filters = classes, .norm = false}, Act::linear());
  return add("softmax", {{"groups", "1"}});
}

NodeId Builder::yolo(NodeId src, const HeadSet& heads, const Level& level) {
  from(src);
  std::string mask;
  for (const int m : level.mask) mask += format("{}{}", mask.empty() ? "" : ",", m);
  KeyValues keys = {{"anchors", anchor_list(heads.anchors)},
                    {"mask", mask},
                    {"num", number(std::ssize(heads.anchors))},
                    {"classes", number(heads.classes)},
                    {"scale_x_y", format("{}", level.scale_xy)},
                    {"new_coords", heads.form == DecodeForm::new_coords ? "1" : "0"}};
  if (heads.nms == NmsKind::diou) keys.emplace_back("nms_kind", "diounms");
  if (heads.nms == NmsKind::greedy_diou) keys.emplace_back("nms_kind", "greedynms");
  for (auto& pair : key_values(heads.training)) keys.push_back(std::move(pair));
  for (auto& pair : key_values(level.training)) keys.push_back(std::move(pair));
  return add("yolo", keys);
}

void Builder::begin(NetworkPart::Kind kind, std::string label, int level) {
  if (!parts_.empty()) parts_.back().last = last();
  parts_.push_back({kind, std::move(label), level, last() + 1, last()});
}

Blueprint Builder::take() {
  if (!parts_.empty()) parts_.back().last = last();
  return {std::move(graph_), std::move(parts_)};
}

}  // namespace syolo::zoo
