#include "syolo/zoo/recipe.h"

#include "syolo/base/text.h"
#include "syolo/zoo/families/families_impl.h"

namespace syolo {
namespace zoo {
namespace {

std::string_view name_of(Block block) {
  switch (block) {
    case Block::plain:
      return "conv";
    case Block::darknet:
      return "Dark";
    case Block::resnet:
      return "Res";
    case Block::resnext:
      return "ResNeXt";
    case Block::dense:
      return "Dense";
    case Block::osa:
    case Block::osa_pcb:
      return "OSA";
    case Block::inverted:
      return "inverted";
  }
  return {};
}

Net net_of(const Recipe& recipe) {
  Net net;
  net.input = {1, 3, recipe.input.height, recipe.input.width};
  net.preprocess.fit = recipe.fit;
  if (recipe.dialect == Dialect::pytorch) net.preprocess.interpolation = Interpolation::half_pixel;
  net.hints = key_values(recipe.training);
  return net;
}

void run_family(Assembly& a) {
  switch (a.recipe.neck.kind) {
    case NeckKind::none:
      return classifier_family(a);
    case NeckKind::tiny:
    case NeckKind::fpn:
      return fpn_family(a);
    case NeckKind::pan:
    case NeckKind::csp_pan:
      return pan_family(a);
    case NeckKind::bfm:
      return bfm_family(a);
    case NeckKind::efm:
      return efm_family(a);
    case NeckKind::lite:
      return lite_family(a);
  }
}

}  // namespace

Assembly::Assembly(const Recipe& r) : recipe(r), b(net_of(r), r.dialect) {
  backbone();
}

void Assembly::backbone() {
  int level = 0;
  NodeId x = -1;
  b.begin(NetworkPart::Kind::stem, "stem", 0);
  for (const StemConv& c : recipe.stem) {
    x = b.conv(x, {.filters = c.filters, .size = c.size, .stride = c.stride}, recipe.act);
    if (c.stride == 2) ++level;
  }
  if (recipe.stem_pool) x = b.maxpool(x, 2, 2), ++level;
  for (const Stage& s : recipe.stages) {
    if (s.down != Down::none && s.stride == 2) ++level;
    b.begin(
        NetworkPart::Kind::stage,
        format("{}{} {} x {}", s.csp == Csp::none ? "" : "CSP", name_of(s.block), s.width, s.depth),
        level);
    const Feature feature = stage(b, x, s, recipe.act);
    if (feature.before >= 0) features_[level - 1].tap = feature.before;
    x = feature.out;
    features_[level] = feature;
  }
  end_ = x;
}

NodeId Assembly::tap(int i) const {
  return i == count() - 1 ? end_ : features_.at(log2_stride(i)).tap;
}

void Assembly::neck_part(std::string_view label, int i) {
  b.begin(NetworkPart::Kind::neck, format("{} {}", label, width(i)), log2_stride(i));
}

void Assembly::head(int i, NodeId x) {
  if (recipe.heads.order == HeadOrder::last) {
    late_heads_.emplace_back(i, x);
  } else {
    emit_head(i, x);
  }
}

void Assembly::emit_head(int i, NodeId x) {
  const Level& at = level(i);
  b.begin(NetworkPart::Kind::head, format("P{}", log2_stride(i)), log2_stride(i));
  if (recipe.heads.kind == HeadKind::attention) {
    const NodeId wide = b.conv(x, {.filters = at.head_width}, act());
    const NodeId gate = b.conv(wide, {.filters = at.head_width}, Act::of<formula::Logistic>());
    x = b.conv(b.sam(gate, wide), {.filters = at.head_width}, act());
  } else if (at.head_width > 0) {
    const int size = recipe.heads.kind == HeadKind::pointwise ? 1 : 3;
    x = b.conv(x, {.filters = at.head_width, .size = size}, act());
  }
  const bool decoded = recipe.heads.form == DecodeForm::new_coords;
  const int channels = static_cast<int>(at.mask.size()) * (5 + recipe.heads.classes);
  x = b.conv(x, {.filters = channels, .norm = false},
             decoded ? Act::of<formula::Logistic>() : Act::linear());
  b.yolo(x, recipe.heads, at);
}

Blueprint Assembly::finish() {
  for (const auto& [i, x] : late_heads_) emit_head(i, x);
  return b.take();
}

}  // namespace zoo

Blueprint blueprint(const Recipe& recipe) {
  check(recipe);
  zoo::Assembly assembly(recipe);
  zoo::run_family(assembly);
  Blueprint built = assembly.finish();
  Net net = built.graph.net();
  net.preprocess.multiple = greatest_stride(built.graph);
  built.graph.set_net(std::move(net));
  return built;
}

Graph build(const Recipe& recipe) {
  return blueprint(recipe).graph;
}

}  // namespace syolo
