// Anchors from a dataset's box sizes: k-means on IoU, and how well anchors fit.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "syolo/graph/head.h"

namespace syolo {

/// k anchors by k-means under the distance 1 - IoU (boxes at a common corner), sorted by area.
/// @throws Error(input) when there are fewer distinct sizes than k
std::vector<Anchor> kmeans_anchors(std::span<const Anchor> sizes, int k, std::uint64_t seed);

/// Mean over sizes of the best IoU with any anchor.
double mean_best_iou(std::span<const Anchor> sizes, std::span<const Anchor> anchors);

}  // namespace syolo
