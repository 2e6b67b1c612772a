// Floats as a cfg says them: the shortest text that is read back as the same float.
#pragma once

#include <span>
#include <string>

#include "syolo/graph/head.h"

namespace syolo {

/// As a float: made a double first, 26.2 would have sixteen digits.
std::string shortest(float value);

/// "10,13, 16.5,30".
std::string anchor_list(std::span<const Anchor> anchors);

}  // namespace syolo
