// Which cells and anchors answer for a truth, by ScaledYOLOv4's rule of shapes: a level's anchor
// matches when width and height differ by less than a factor, and then in up to three cells.
#pragma once

#include <span>
#include <vector>

#include "syolo/base/geometry.h"
#include "syolo/graph/head.h"

namespace syolo::train {

/// A truth of one image of a batch: centre and size in fractions of the picture.
struct Target {
  int image = 0, cls = 0;
  float x = 0, y = 0, w = 0, h = 0;
};

/// One slot that answers for a target: box in cells, its centre from the cell's corner.
struct Match {
  int image = 0, anchor = 0, row = 0, column = 0, cls = 0;
  float x = 0, y = 0, w = 0, h = 0;
  bool last = true;  // of this slot's matches: the one that sets its objectness
};

/// The matches of one level: own cells first, then the left, upper, right and lower neighbours,
/// each by anchor, then by target.
/// @param anchors  in cells
/// @param grid     cells of the level
/// Source: arXiv:2011.08036, its reference program; values: oracles/scaled-yolov4/loss-*.json.
std::vector<Match> assign(std::span<const Target> targets, std::span<const Anchor> anchors,
                          Size grid, double threshold);

}  // namespace syolo::train
