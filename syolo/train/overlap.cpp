#include "syolo/train/overlap_impl.h"

#include <numbers>

namespace syolo::train {
namespace {

constexpr double kTiny = 1e-16;  // keeps 0/0 away; absorbed by anything else

/// One axis of two rows of boxes.
struct Axis {
  torch::Tensor size_a, size_b;
  torch::Tensor shared, hull;  // lengths; shared at least 0
  torch::Tensor distance;      // of the centres
};
Axis axis(const torch::Tensor& a, const torch::Tensor& b, std::int64_t which) {
  const torch::Tensor centre_a = a.select(1, which), centre_b = b.select(1, which);
  const torch::Tensor size_a = a.select(1, which + 2), size_b = b.select(1, which + 2);
  const torch::Tensor low_a = centre_a - size_a / 2, high_a = centre_a + size_a / 2;
  const torch::Tensor low_b = centre_b - size_b / 2, high_b = centre_b + size_b / 2;
  return {size_a, size_b, (torch::min(high_a, high_b) - torch::max(low_a, low_b)).clamp_min(0),
          torch::max(high_a, high_b) - torch::min(low_a, low_b),
          ((low_b + high_b) - (low_a + high_a)) / 2};
}

}  // namespace

torch::Tensor overlap(Overlap kind, const torch::Tensor& a, const torch::Tensor& b) {
  const Axis x = axis(a, b, 0), y = axis(a, b, 1);
  const torch::Tensor shared = x.shared * y.shared;
  const torch::Tensor all = x.size_a * y.size_a + x.size_b * y.size_b - shared + kTiny;
  const torch::Tensor iou = shared / all;
  if (kind == Overlap::iou) return iou;
  if (kind == Overlap::giou) {
    const torch::Tensor hull = x.hull * y.hull + kTiny;
    return iou - (hull - all) / hull;
  }
  const torch::Tensor diagonal = x.hull.square() + y.hull.square() + kTiny;
  const torch::Tensor diou = iou - (x.distance.square() + y.distance.square()) / diagonal;
  if (kind == Overlap::diou) return diou;

  const torch::Tensor angle = torch::atan(x.size_b / y.size_b) - torch::atan(x.size_a / y.size_a);
  const torch::Tensor v = angle.square() * (4 / (std::numbers::pi * std::numbers::pi));
  const torch::Tensor alpha = (v / (1 - iou + v + kTiny)).detach();
  return diou - alpha * v;
}

}  // namespace syolo::train
