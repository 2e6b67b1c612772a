// How often a picture is drawn, so that rare and badly found classes come more often.
#pragma once

#include <vector>

#include "syolo/data/dataset.h"

namespace syolo::train {

/// Of each picture: the sum over its boxes of their class's weight, 1 / n_c over the sum of that
/// (n_c boxes of the class, at least 1), times (1 - AP_c)^2. Source: the Scaled-YOLOv4 trainer.
std::vector<double> image_weights(const Dataset& data, const std::vector<double>& class_ap);

}  // namespace syolo::train
