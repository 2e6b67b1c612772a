// Anchors found in a dataset, for a recipe or for boxes alone.
#pragma once

#include "app/cli/console.h"
#include "syolo/data/dataset.h"
#include "syolo/zoo/recipe.h"

namespace syolo::cli {

/// Anchors that can find this share of the boxes are good: the Scaled-YOLOv4 trainer looks for
/// others below it.
inline constexpr double kEnoughRecall = 0.98;

/// To a tenth of a pixel: what a cfg will say.
std::vector<Anchor> rounded_anchors(std::vector<Anchor> anchors);

/// As many as the recipe has, for letterboxed pictures, as training shows them unless it follows
/// Darknet's recipe; says how well they do.
void fit_anchors(Recipe& r, const Dataset& data, std::uint64_t seed, Console& out);

}  // namespace syolo::cli
