// [route]: one layer's output again, several joined by channels, or one group of channels of each.
#include "syolo/graph/layers/rows.h"
#include "syolo/graph/layers/windows.h"

namespace syolo {
namespace {

struct Route final : Layer {
  int groups = 1, group = 0;

  void write(CfgWriter& out) const override {
    out.layer_refs("layers", 0);
    if (groups == 1) return;
    out.integer("groups", groups);
    out.integer("group_id", group);
  }

  Shape infer(std::span<const Shape> src) const override {
    Shape out = src[0];
    out.c = 0;
    for (const Shape& s : src) {
      require(s.h == out.h && s.w == out.w, "expected sources of one size, found {}x{} and {}x{}",
              src[0].w, src[0].h, s.w, s.h);
      require(s.c % groups == 0, "expected source channels that groups={} divides, found {}",
              groups, s.c);
      out.c += s.c / groups;
    }
    return out;
  }

  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    std::vector<ValueId> parts(src.begin(), src.end());
    for (ValueId& part : parts) {
      const int count = to.shape(part).c / groups;
      if (groups > 1) part = to.slice(part, group * count, count);
    }
    return parts.size() == 1 ? parts[0] : to.concat(parts);
  }
};

ReadLayer read(CfgSection& in) {
  auto route = std::make_shared<Route>();
  route->groups = in.integer("groups", 1, 1, graph::kMaxChannels);
  route->group = in.integer("group_id", 0, 0, route->groups - 1);
  return {route, in.layer_refs("layers")};
}

}  // namespace

LayerType route_layer() {
  return {"route", "", read};
}

}  // namespace syolo
