// yolov4-sam-mish-csp-reorg-bfm: levels join the pixels of the next finer one (space to depth) on
// the way up and down, a level above the top looks at the whole picture, and heads are gated.
#include "syolo/zoo/families/families_impl.h"

namespace syolo::zoo {
namespace {

struct Gated {
  NodeId entry, out;
};

/// A CSP group whose joined map gates itself (SAM) before the last 1x1.
Gated gated_group(Assembly& a, int i, NodeId x) {
  const int n = a.width(i);
  const NodeId entry = a.b.conv(x, {.filters = n}, a.act());
  const NodeId bypass = a.b.conv(entry, {.filters = n}, a.act());
  const NodeId main = pairs(a.b, entry, n, a.recipe.neck.depth, a.act());
  const NodeId joined = join(a.b, main, bypass, a.act());
  const NodeId gate = a.b.conv(joined, {.filters = 2 * n}, Act::of<formula::Logistic>());
  return {entry, a.b.conv(a.b.sam(gate, joined), {.filters = n}, a.act())};
}

/// What the stage of level i holds before its last layer.
NodeId inner(const Assembly& a, int i) {
  return a.feature(a.log2_stride(i)).inner;
}

NodeId finer_pixels(Assembly& a, int i) {
  return a.b.space_to_depth(a.b.conv(inner(a, i - 1), {.filters = a.width(i) / 2}, a.act()));
}

NodeId fused_top(Assembly& a, int i) {
  a.neck_part("SPP", i);
  const int n = a.width(i);
  const NodeId spp = csp_spp_group(a.b, a.tap(i), n, a.recipe.neck, a.act());
  const NodeId above = a.b.conv(spp, {.filters = 2 * n, .size = 3, .stride = 2}, a.act());
  const NodeId whole = a.b.upsample(a.b.conv(above, {.filters = n}, a.act()));
  const NodeId pixels = finer_pixels(a, i);
  return a.b.concat({pixels, whole, spp});
}

/// Level i from the fused map above it: its own features, finer pixels, and the map itself added
/// to the channels that both have.
NodeId fused(Assembly& a, int i, NodeId above) {
  a.neck_part("fuse", i);
  const NodeId whole = a.b.upsample(above);
  const bool top = i + 1 == a.count() - 1;
  const NodeId treated =
      top ? above : csp_group(a.b, above, a.width(i + 1), a.recipe.neck.depth, a.act());
  const NodeId up = a.b.upsample(a.b.conv(treated, {.filters = a.width(0)}, a.act()));
  const NodeId lateral = a.b.conv(inner(a, i), {.filters = a.width(i)}, a.act());
  const NodeId pixels = finer_pixels(a, i);
  return a.b.shortcut(a.b.concat({pixels, lateral, up}), whole);
}

}  // namespace

void bfm_family(Assembly& a) {
  const int top = a.count() - 1;
  std::vector<NodeId> maps(static_cast<std::size_t>(a.count()));
  const auto map = [&](int i) -> NodeId& { return maps[static_cast<std::size_t>(i)]; };
  map(top) = fused_top(a, top);
  for (int i = top - 1; i >= 0; --i) map(i) = fused(a, i, map(i + 1));

  const NodeId finest = a.b.conv(map(0), {.filters = a.width(0)}, a.act());
  const NodeId corners = a.b.space_to_depth(inner(a, -1));
  Gated group = gated_group(a, 0, a.b.concat({corners, finest}));
  a.head(0, group.out);
  for (int i = 1; i <= top; ++i) {
    a.neck_part("down", i);
    const NodeId down =
        a.b.conv(group.out, {.filters = a.width(i), .size = 3, .stride = 2}, a.act());
    const NodeId joined = a.b.concat({down, map(i)});
    const NodeId pixels = a.b.space_to_depth(group.entry);
    group = gated_group(a, i, a.b.concat({pixels, joined}));
    a.head(i, group.out);
  }
}

}  // namespace syolo::zoo
