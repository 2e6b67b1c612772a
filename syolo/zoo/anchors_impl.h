// Anchors of the published networks, and anchors for structures that nobody published.
#pragma once

#include <vector>

#include "syolo/graph/head.h"

namespace syolo::zoo {

std::vector<Anchor> anchors_v3();
std::vector<Anchor> anchors_v4();
std::vector<Anchor> anchors_tiny();
std::vector<Anchor> anchors_p5();
std::vector<Anchor> anchors_p6();
std::vector<Anchor> anchors_p7();

/// For levels P`lowest`..P`top` with `per_level` anchors each: the published set of that structure,
/// else `own` spread: sides interpolated on a logarithmic scale, doubled per level above P5.
std::vector<Anchor> anchors_for(const std::vector<Anchor>& own, int lowest, int top, int per_level);

}  // namespace syolo::zoo
