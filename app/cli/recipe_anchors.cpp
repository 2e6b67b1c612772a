#include "app/cli/recipe_anchors.h"

#include "app/cli/json.h"
#include "syolo/data/anchor_fit.h"

namespace syolo::cli {

std::vector<Anchor> rounded_anchors(std::vector<Anchor> anchors) {
  for (Anchor& anchor : anchors) {
    anchor.w = static_cast<float>(rounded(anchor.w, 1));
    anchor.h = static_cast<float>(rounded(anchor.h, 1));
  }
  return anchors;
}

void fit_anchors(Recipe& r, const Dataset& data, std::uint64_t seed, Console& out) {
  const auto sizes = box_sizes(data, r.input, Fit::letterbox);
  const int count = static_cast<int>(r.heads.anchors.size());
  r.heads.anchors = rounded_anchors(fitted_anchors(sizes, count, 4, 1000, seed));
  out.note(format("anchors: best possible recall {:.4f} in {} boxes of letterboxed pictures",
                  anchor_fit(sizes, r.heads.anchors).best_possible_recall, sizes.size()));
}

}  // namespace syolo::cli
