#include "syolo/boxes/iou.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace syolo {
namespace {

constexpr double kPi = 3.14159265358979323846;

bool has_nan(const Box& box) {
  return std::isnan(box.x1) || std::isnan(box.y1) || std::isnan(box.x2) || std::isnan(box.y2);
}

double width(const Box& box) {
  return std::max(0.0, double{box.x2} - double{box.x1});
}
double height(const Box& box) {
  return std::max(0.0, double{box.y2} - double{box.y1});
}

/// What all measures are made of. Sides of the hull are those of the smallest enclosing box.
struct Overlap {
  double iou = 0, union_area = 0;
  double hull_width = 0, hull_height = 0;
  double diagonal2() const { return hull_width * hull_width + hull_height * hull_height; }
};

Overlap overlap(const Box& a, const Box& b) {
  const double left = std::max(a.x1, b.x1), right = std::min(a.x2, b.x2);
  const double top = std::max(a.y1, b.y1), bottom = std::min(a.y2, b.y2);
  const double common = std::max(0.0, right - left) * std::max(0.0, bottom - top);
  Overlap result;
  result.union_area = width(a) * height(a) + width(b) * height(b) - common;
  result.iou = result.union_area > 0 ? common / result.union_area : 0;
  result.hull_width = double{std::max(a.x2, b.x2)} - double{std::min(a.x1, b.x1)};
  result.hull_height = double{std::max(a.y2, b.y2)} - double{std::min(a.y1, b.y1)};
  return result;
}

double distance2(const Box& a, const Box& b) {
  const double dx = (double{a.x1} + a.x2 - b.x1 - b.x2) / 2;
  const double dy = (double{a.y1} + a.y2 - b.y1 - b.y2) / 2;
  return dx * dx + dy * dy;
}

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double iou(const Box& a, const Box& b) noexcept {
  return has_nan(a) || has_nan(b) ? kNaN : overlap(a, b).iou;
}

double giou(const Box& a, const Box& b) noexcept {
  if (has_nan(a) || has_nan(b)) return kNaN;
  const Overlap both = overlap(a, b);
  const double hull = both.hull_width * both.hull_height;
  return hull > 0 ? both.iou - (hull - both.union_area) / hull : both.iou;
}

double diou(const Box& a, const Box& b, double exponent) noexcept {
  if (has_nan(a) || has_nan(b)) return kNaN;
  const Overlap both = overlap(a, b);
  const double diagonal2 = both.diagonal2();
  if (!(diagonal2 > 0)) return both.iou;
  return both.iou - std::pow(distance2(a, b) / diagonal2, exponent);
}

double ciou(const Box& a, const Box& b) noexcept {
  if (has_nan(a) || has_nan(b)) return kNaN;
  const double turn = std::atan2(width(a), height(a)) - std::atan2(width(b), height(b));
  const double v = 4 / (kPi * kPi) * turn * turn;
  const double rest = 1 - overlap(a, b).iou + v;
  return diou(a, b) - (rest > 0 ? v * v / rest : 0);
}

}  // namespace syolo
