// Anchors of a recipe, found in a dataset.
#pragma once

#include "app/cli/console.h"
#include "syolo/data/dataset.h"
#include "syolo/zoo/recipe.h"

namespace syolo::cli {

/// As many as the recipe has, for letterboxed pictures, as training shows them unless it follows
/// Darknet's recipe; says how well they do.
void fit_anchors(Recipe& r, const Dataset& data, std::uint64_t seed, Console& out);

}  // namespace syolo::cli
