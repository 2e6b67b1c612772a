// Scaling is arithmetic on recipes: depth, width, input, levels, activation, anchors. Nothing here
// edits a graph.
#pragma once

#include <optional>

#include "syolo/zoo/recipe.h"

namespace syolo {

/// What changes; what is not said stays.
struct Scaling {
  double depth = 1, width = 1;
  std::optional<Size> input = {};
  int lowest_level = 0, top_level = 0;  // 3..7; 0: the recipe's
  std::optional<Act> act = {};          // of backbone and neck
  int anchors_per_level = 0;
  int classes = 0;
};

/// A level more is a stage more, of the last one's width and depth, and a level as the topmost; a
/// finer level has half the width of the next. New anchors: the published ones of that structure,
/// else the recipe's own, spread evenly in scale.
/// @throws Error(usage) that names the nearest valid value
Recipe scaled(const Recipe& recipe, const Scaling& scaling);

/// The published rounding: channels up to the next multiple of 8.
int scaled_width(int width, double factor);
/// The published rounding: to the nearest whole number of layers (ties to even), at least 1; a
/// single layer stays one.
int scaled_depth(int depth, double factor);

/// The topmost level that the published networks give an input: P5 to 1087 pixels, P6 to 1407, P7.
/// The borders lie half-way between the inputs of P5, P6 and P7 (896, 1280, 1536).
int top_level_for(Size input);

/// Other people's rules, applied to a recipe's blocks.
/// EfficientNet (arXiv:1905.11946): depth 1.2^phi, width 1.1^phi, input 1.15^phi.
Recipe efficientnet_rule(const Recipe& recipe, double phi);
/// EfficientDet (arXiv:1911.09070): input 512 + 128 phi; every level of the neck 64 x 1.35^phi
/// wide and 3 + phi repeats deep; the backbone by the rule of EfficientNet.
Recipe efficientdet_rule(const Recipe& recipe, int phi);

/// RegNet (arXiv:2003.13678): block j is w0 + wa j wide, quantised to powers of wm; blocks of equal
/// width are a stage. Widths are multiples of 8.
struct RegnetRule {
  int depth = 20;
  double initial_width = 64, slope = 32, quantisation = 2.5;
};
struct RegnetStage {
  int width = 0, depth = 0;
};
std::vector<RegnetStage> regnet_stages(const RegnetRule& rule);
/// The stages of the rule in place of the recipe's last ones, which keep block and CSP. The
/// recipe's levels stay, so the rule must give as many stages as there are strides.
Recipe regnet_rule(const Recipe& recipe, const RegnetRule& rule);

}  // namespace syolo
