// Losses of detection heads and classifiers: from logits and targets to a scalar that can be
// differentiated.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "syolo/data/augment.h"
#include "syolo/graph/graph.h"
#include "syolo/train/assign_impl.h"
#include "syolo/train/group_impl.h"
#include "syolo/train/overlap_impl.h"

namespace syolo::train {

struct LossInput {
  std::span<const torch::Tensor> logits;  // of each head, N,C,H,W (Net::forward)
  std::span<const HeadSpec> heads;        // classic or new_coords; none: a classifier
  std::span<const Target> targets;
  Size input;  // pixels, the unit of the anchors
  /// Whose ranks share the batch: losses and terms of all ranks add up to those of one that has
  /// all pictures. None: these are all.
  Group* group = nullptr;
  std::int64_t of_all = 0;  // pictures of the batch on all ranks; with a group
  bool shared = false;      // every rank has all of them
  std::span<const std::vector<ClassShare>> classes = {};  // of each picture, for a classifier

  std::int64_t images() const { return group == nullptr ? logits[0].size(0) : of_all; }
};

struct LossTerms {
  torch::Tensor total;  // summed over the images of the batch
  double box = 0, objectness = 0, classes = 0;
};

/// ScaledYOLOv4's loss; names and defaults of its files. Boxes are decoded in the new_coords way
/// whatever the head says, as the reference does.
struct ScaledYoloLoss {
  double box = 0.05, objectness = 1, classes = 0.5;  // gains
  double objectness_weight = 1, classes_weight = 1;  // of positives in the cross-entropies
  double anchor_threshold = 4;                       // of assign()
  double overlap_ratio = 1;                          // objectness target: 1 - r + r * CIoU
  double focal_gamma = 0, label_smoothing = 0;       // 0: off
};
LossTerms scaled_yolo_loss(const LossInput& input, const ScaledYoloLoss& options);

/// A classifier's: softmax and cross-entropy with the shares of the classes, smoothed to
/// (1 - smoothing) * share + smoothing / classes. Source: arXiv:1512.00567.
/// @return the sum over the pictures; `classes` is their mean
LossTerms class_loss(const LossInput& input, double smoothing);

/// What a [yolo] section says about its loss; Darknet's names and defaults.
struct DarknetLoss {
  double ignore_thresh = 0.5, truth_thresh = 1, iou_thresh = 1;
  Overlap iou_thresh_kind = Overlap::iou;
  std::optional<Overlap> iou_loss = {};  // none: squared errors
  double iou_normalizer = 0.75, cls_normalizer = 1, obj_normalizer = 1, delta_normalizer = 1;
  double label_smooth_eps = 0;
  std::optional<double> max_delta = {};
  bool focal_loss = false, objectness_smooth = false;
  std::vector<double> class_multipliers = {};  // of counters_per_class; empty: none
  int max_truths = 200;
};
/// @throws Error(input) at the section for a value that Darknet has not
DarknetLoss darknet_loss_of(const Node& head, int classes);

/// Darknet's loss: its gradient is what Darknet hands back (with its deviations from the
/// derivative of any function, docs/training.md); the terms are the costs that it prints.
/// Values: tests/data/oracles/darknet/yolo-loss.
LossTerms darknet_loss(const LossInput& input, std::span<const DarknetLoss> options);

/// The direction in which the measure of P and T grows, as Darknet has it, by x, y, w, h of P;
/// before its factors and limits.
struct CentreBox {
  double x = 0, y = 0, w = 0, h = 0;
};
std::array<double, 4> darknet_box_gradient(Overlap kind, const CentreBox& p, const CentreBox& t);

}  // namespace syolo::train
