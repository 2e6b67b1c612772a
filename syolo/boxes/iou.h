// Overlap measures of two boxes, in double. Sources and conventions beside each.
#pragma once

#include "syolo/base/geometry.h"

namespace syolo {

/// Intersection over union; 0 when the union is 0. In [0, 1]; NaN in, NaN out.
double iou(const Box& a, const Box& b) noexcept;
/// IoU - (hull - union) / hull. Source: Rezatofighi et al., arXiv:1902.09630.
double giou(const Box& a, const Box& b) noexcept;
/// IoU - (d^2 / c^2)^exponent; plain IoU where c^2 is 0. Source: Zheng et al., arXiv:1911.08287;
/// Darknet's NMS uses exponent 0.6 (beta_nms).
double diou(const Box& a, const Box& b, double exponent = 1.0) noexcept;
/// IoU - d^2/c^2 - alpha*v. Symmetric. Source: arXiv:1911.08287.
double ciou(const Box& a, const Box& b) noexcept;

}  // namespace syolo
