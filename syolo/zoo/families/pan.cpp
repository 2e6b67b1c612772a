// Path aggregation: top-down, then bottom-up, of plain groups (yolov4) or CSP groups (yolov4-csp
// and larger). The topmost group holds the pooling pyramid.
#include "syolo/zoo/families/families_impl.h"

namespace syolo::zoo {
namespace {

NodeId group(Assembly& a, int i, NodeId x) {
  const Neck& neck = a.recipe.neck;
  if (neck.kind == NeckKind::csp_pan) return csp_group(a.b, x, a.width(i), neck.depth, a.act());
  return plain_group(a.b, x, a.width(i), neck, false, a.act());
}

NodeId top_group(Assembly& a, int i, NodeId x) {
  const Neck& neck = a.recipe.neck;
  if (neck.kind == NeckKind::csp_pan) return csp_spp_group(a.b, x, a.width(i), neck, a.act());
  return plain_group(a.b, x, a.width(i), neck, neck.spp, a.act());
}

/// `x`, the last layer, and another map of its size and width.
NodeId joined(Assembly& a, NodeId x, NodeId other) {
  const Join join = a.recipe.neck.join;
  if (join == Join::concat) return a.b.concat({x, other});
  return join == Join::sum ? a.b.shortcut(x, other) : a.b.weighted_sum(x, std::array{other});
}

}  // namespace

void pan_family(Assembly& a) {
  const int top = a.count() - 1;
  std::vector<NodeId> maps(static_cast<std::size_t>(a.count())), laterals = maps;
  const auto map = [&](int i) -> NodeId& { return maps[static_cast<std::size_t>(i)]; };

  a.neck_part(a.recipe.neck.spp ? "SPP" : "top", top);
  map(top) = top_group(a, top, a.tap(top));
  for (int i = top - 1; i >= 0; --i) {
    a.neck_part("up", i);
    const NodeId up = a.b.upsample(a.b.conv(map(i + 1), {.filters = a.width(i)}, a.act()));
    const NodeId lateral = a.b.conv(a.tap(i), {.filters = a.width(i)}, a.act());
    laterals[static_cast<std::size_t>(i)] = lateral;
    map(i) = group(a, i, joined(a, lateral, up));
  }
  a.head(0, map(0));
  for (int i = 1; i <= top; ++i) {
    a.neck_part("down", i);
    const NodeId down =
        a.b.conv(map(i - 1), {.filters = a.width(i), .size = 3, .stride = 2}, a.act());
    const bool both = a.recipe.neck.join == Join::weighted && i < top;
    const std::array three = {map(i), laterals[static_cast<std::size_t>(i)]};
    map(i) = group(a, i, both ? a.b.weighted_sum(down, three) : joined(a, down, map(i)));
    a.head(i, map(i));
  }
}

}  // namespace syolo::zoo
