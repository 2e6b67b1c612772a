// Top-down necks: YOLOv3's groups, and the single convolutions of the tiny networks.
#include "syolo/zoo/families/families_impl.h"

namespace syolo::zoo {
namespace {

NodeId group(Assembly& a, int i, NodeId x, bool top) {
  const int n = a.width(i);
  if (a.recipe.neck.kind == NeckKind::fpn)
    return plain_group(a.b, x, n, a.recipe.neck, top && a.recipe.neck.spp, a.act());
  return a.b.conv(x, {.filters = top ? n : 2 * n, .size = top ? 1 : 3}, a.act());
}

}  // namespace

void fpn_family(Assembly& a) {
  const int top = a.count() - 1;
  a.neck_part(a.recipe.neck.spp ? "SPP" : "top", top);
  NodeId x = group(a, top, a.tap(top), true);
  a.head(top, x);
  for (int i = top - 1; i >= 0; --i) {
    a.neck_part("up", i);
    const NodeId up = a.b.upsample(a.b.conv(x, {.filters = a.width(i)}, a.act()));
    x = group(a, i, a.b.concat({up, a.tap(i)}), false);
    a.head(i, x);
  }
}

}  // namespace syolo::zoo
