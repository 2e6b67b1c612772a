#include "app/cli/recipe_anchors.h"

#include "app/cli/json.h"
#include "syolo/data/anchor_fit.h"

namespace syolo::cli {

void fit_anchors(Recipe& r, const Dataset& data, std::uint64_t seed, Console& out) {
  const auto sizes = box_sizes(data, r.input, Fit::letterbox);
  const int count = static_cast<int>(r.heads.anchors.size());
  r.heads.anchors = fitted_anchors(sizes, count, 4, 1000, seed);
  for (Anchor& a : r.heads.anchors) {
    a.w = static_cast<float>(rounded(a.w, 1));
    a.h = static_cast<float>(rounded(a.h, 1));
  }
  out.note(format("anchors: best possible recall {:.4f} in {} boxes of letterboxed pictures",
                  anchor_fit(sizes, r.heads.anchors).best_possible_recall, sizes.size()));
}

}  // namespace syolo::cli
