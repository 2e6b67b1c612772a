// Names of the losses: what `list losses` prints and what sections and recipes choose from.
#pragma once

#include <array>
#include <string_view>

namespace syolo {

struct LossRow {
  std::string_view name, what;
};

/// Of iou_loss in [yolo] (the first four also of iou_thresh_kind), in the order of train::Overlap.
inline constexpr std::array<LossRow, 5> kBoxLosses = {{
    {"iou", "box: 1 - IoU; iou_loss of [yolo]"},
    {"giou", "box: 1 - GIoU (arXiv 1902.09630); iou_loss of [yolo]"},
    {"diou", "box: 1 - DIoU (arXiv 1911.08287); iou_loss of [yolo]"},
    {"ciou", "box: 1 - CIoU (arXiv 1911.08287); iou_loss of [yolo], the scaled-yolov4 recipe"},
    {"mse", "box: squared errors of the logits; iou_loss of [yolo], the default"},
}};
/// Whole losses of a head, in the order of TrainRecipe.
inline constexpr std::array<LossRow, 2> kHeadLosses = {{
    {"scaled-yolov4", "CIoU, objectness from CIoU, cross-entropies; focal, label smoothing"},
    {"darknet",
     "what [yolo] says: box loss, normalisers, thresholds, focal_loss, label_smooth_eps, "
     "max_delta, objectness_smooth, counters_per_class"},
}};

}  // namespace syolo
