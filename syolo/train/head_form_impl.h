// The form of [yolo] heads that ScaledYOLOv4's loss means, and the weights a new network starts
// with.
#pragma once

#include <set>

#include "syolo/weights/model.h"

namespace syolo::train {

/// The graph with its [yolo] heads as the loss decodes them: x, y = 2 sigma - 0.5 and
/// w, h = (2 sigma)^2 anchor, in a cfg new_coords=1, scale_x_y=2 and a logistic convolution before
/// the head. So training, engine and interpreter find the same boxes.
/// @throws Error(unsupported) at a head of another form, or one whose source is no convolution
///         without or with logistic activation
Graph with_scaled_heads(const Graph& graph);

/// Kernels of these nodes times `factor`.
Weights with_scaled_kernels(const Weights& weights, const std::set<NodeId>& nodes, float factor);

/// Random weights as ScaledYOLOv4 starts: kernels uniform within 1/sqrt(inputs) of a filter,
/// heads biased to expect few objects (arXiv:1708.02002, section 3.3).
/// @param random  nodes whose weights are those of random_weights(); the others stay
Weights start_weights(const Graph& graph, const Weights& weights, const std::set<NodeId>& random);

}  // namespace syolo::train
