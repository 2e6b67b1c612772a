// Exact fusion: each level joins its own map with those of both neighbours, brought to its size,
// and keeps the greatest of every width-th channel, so that a level costs what it carries.
#include "syolo/zoo/families/families_impl.h"

namespace syolo::zoo {
namespace {

NodeId lateral(Assembly& a, int i) {
  const bool pooled = i == a.count() - 1 && a.recipe.neck.spp;
  const NodeId x = a.b.conv(a.tap(i), {.filters = a.width(i)}, a.act());
  return pooled ? a.b.conv(pyramid(a.b, x), {.filters = a.width(i)}, a.act()) : x;
}

}  // namespace

void efm_family(Assembly& a) {
  const int top = a.count() - 1;
  std::vector<NodeId> maps;
  for (int i = 0; i <= top; ++i) {
    a.neck_part(i == top && a.recipe.neck.spp ? "SPP" : "level", i);
    maps.push_back(lateral(a, i));
  }
  for (int i = 0; i <= top; ++i) {
    a.neck_part("fuse", i);
    const auto at = static_cast<std::size_t>(i);
    std::vector<NodeId> near;
    if (i > 0) near.push_back(a.b.maxpool(maps[at - 1], 2, 2));
    near.push_back(maps[at]);
    if (i < top) near.push_back(a.b.upsample(maps[at + 1]));
    const NodeId fused = near.size() > 1 ? a.b.maxout(a.b.concat(near), a.width(i)) : maps[at];
    a.head(i, plain_group(a.b, fused, a.width(i), a.recipe.neck, false, a.act()));
  }
}

}  // namespace syolo::zoo
