// Anchors for the training pictures where the network's own do not fit them.
#pragma once

#include "app/cli/console.h"
#include "app/cli/train_inputs.h"

namespace syolo::cli {

/// Where the anchors can find less than 98 % of the boxes, and the heads are not trained yet:
/// others, when they find more. Source: the Scaled-YOLOv4 trainer.
void improve_anchors(Start& start, const Dataset& data, const TrainOptions& options, Console& out);

}  // namespace syolo::cli
