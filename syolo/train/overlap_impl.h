// Overlap measures of rows of boxes, differentiable. boxes/iou.h has them for single boxes.
#pragma once

#include "syolo/train/torch_impl.h"

namespace syolo::train {

enum class Overlap { iou, giou, diou, ciou };

/// Of boxes a and b, [n, 4] each as centre x, y, width, height; result [n]. The gradient of CIoU
/// takes its trade-off alpha as constant. Values and gradients:
/// tests/data/oracles/scaled-yolov4/iou.json.
torch::Tensor overlap(Overlap kind, const torch::Tensor& a, const torch::Tensor& b);

}  // namespace syolo::train
