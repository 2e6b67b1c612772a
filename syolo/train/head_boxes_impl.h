// What a head's logits mean, with gradients and whatever its form: outputs and boxes.
#pragma once

#include "syolo/base/geometry.h"
#include "syolo/graph/head.h"
#include "syolo/train/torch_impl.h"

namespace syolo::train {

/// N,C,H,W -> N, anchor, entry, H, W: a view where that is possible.
torch::Tensor planes(const torch::Tensor& logits, const HeadSpec& head);

/// Outputs of the [yolo] layer, after its logistic and its scale of x and y.
/// @param logits  planes() of a classic or new_coords head
torch::Tensor head_outputs(const torch::Tensor& logits, const HeadSpec& head);

/// Decoded boxes: N, anchor, (x, y, w, h), H, W; centre and size relative to the input.
/// @param outputs  head_outputs()
torch::Tensor head_boxes(const torch::Tensor& outputs, const HeadSpec& head, Size input);

}  // namespace syolo::train
