// MobileNetV2-YOLOv3: top down, each level one depthwise group on the map that the backbone's next
// stage expands; the finer level starts from the coarser one's entry.
#include "syolo/zoo/families/families_impl.h"

namespace syolo::zoo {
namespace {

constexpr std::array<int, 3> kPools = {3, 5, 9};

}  // namespace

void lite_family(Assembly& a) {
  const int top = a.count() - 1;
  NodeId above = -1;
  for (int i = top; i >= 0; --i) {
    const Level& at = a.level(i);
    a.neck_part(i == top ? a.recipe.neck.spp ? "SPP" : "top" : "up", i);
    NodeId x = a.tap(i);
    if (i == top && a.recipe.neck.spp) x = pyramid(a.b, x, kPools);
    if (i < top) x = a.b.concat({a.b.upsample(above), x});
    if (at.entry > 0) x = a.b.conv(x, {.filters = at.entry}, a.act());
    above = a.b.conv(x, {.filters = at.width}, a.act());
    x = a.b.conv(above, {.filters = at.width, .size = 3, .groups = at.width}, a.act());
    a.head(i, a.b.conv(x, {.filters = at.project}, a.act()));
  }
}

}  // namespace syolo::zoo
