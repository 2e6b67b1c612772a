// How anchors fit a dataset's boxes at the network's input, and better ones. A box and an anchor
// match when neither side's ratio exceeds anchor_t, as the Scaled-YOLOv4 trainer asks.
#pragma once

#include "syolo/data/dataset.h"
#include "syolo/graph/head.h"
#include "syolo/graph/net.h"

namespace syolo {

/// Box sizes in input pixels after preprocessing; crowds and boxes without area are left out.
std::vector<Anchor> box_sizes(const Dataset& dataset, Size input, Fit fit);

struct AnchorFit {
  double best_possible_recall = 0;  // share of boxes that any anchor matches
  double anchors_matched = 0;       // mean number of anchors that match a box
  double mean_iou = 0;              // mean of the best IoU at a common corner
  double fitness = 0;               // mean of the best ratio where it matches, as training counts
  std::vector<std::int64_t> owned;  // boxes whose best ratio is with this anchor
};
AnchorFit anchor_fit(const std::vector<Anchor>& sizes, const std::vector<Anchor>& anchors,
                     double anchor_t = 4);

/// k-means, then `generations` of mutations that are kept when the fitness grows. Sorted by area.
/// Source: the Scaled-YOLOv4 trainer's search; random numbers are ours.
/// @throws Error(input) when there are fewer distinct sizes than k
std::vector<Anchor> fitted_anchors(const std::vector<Anchor>& sizes, int k, double anchor_t,
                                   int generations, std::uint64_t seed);

}  // namespace syolo
