// Darknet's gradient of the overlap measures. It is no derivative: widths and heights lack a
// factor, intersections may be negative, one sign differs. The steps follow its arithmetic, in
// edges top, bottom, left, right.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "syolo/train/losses/losses_impl.h"

namespace syolo::train {
namespace {

struct Edges {
  double top, bottom, left, right;
  explicit Edges(const CentreBox& box) :
      top(std::min(box.y - box.h / 2, box.y + box.h / 2)),
      bottom(std::max(box.y - box.h / 2, box.y + box.h / 2)),
      left(std::min(box.x - box.w / 2, box.x + box.w / 2)),
      right(std::max(box.x - box.w / 2, box.x + box.w / 2)) {}
  double height() const { return bottom - top; }
  double width() const { return right - left; }
  double area() const { return width() * height(); }
};

using ByEdge = std::array<double, 4>;    // top, bottom, left, right
using ByCentre = std::array<double, 4>;  // x, y, w, h

/// What the measures are made of.
struct Parts {
  Edges p, t;
  double shared_w, shared_h, shared, all;  // not clamped at 0
  double hull_w, hull_h, hull;
  ByEdge d_shared{}, d_all{}, d_hull{};

  Parts(const CentreBox& prediction, const CentreBox& truth) : p(prediction), t(truth) {
    shared_w = std::min(p.right, t.right) - std::max(p.left, t.left);
    shared_h = std::min(p.bottom, t.bottom) - std::max(p.top, t.top);
    shared = shared_w * shared_h;
    all = p.area() + t.area() - shared;
    hull_w = std::max(p.right, t.right) - std::min(p.left, t.left);
    hull_h = std::max(p.bottom, t.bottom) - std::min(p.top, t.top);
    hull = hull_w * hull_h;
    d_shared = {p.top > t.top ? -shared_w : 0, p.bottom < t.bottom ? shared_w : 0,
                p.left > t.left ? -shared_h : 0, p.right < t.right ? shared_h : 0};
    d_hull = {p.top < t.top ? -hull_w : 0, p.bottom > t.bottom ? hull_w : 0,
              p.left < t.left ? -hull_h : 0, p.right > t.right ? hull_h : 0};
    const ByEdge d_area = {-p.width(), p.width(), -p.height(), p.height()};
    for (std::size_t e = 0; e < 4; ++e) d_all[e] = d_area[e] - d_shared[e];
  }
  bool apart() const { return shared_w <= 0 || shared_h <= 0; }
};

ByEdge iou_by_edge(const Parts& parts) {
  ByEdge d{};
  if (parts.all > 0) {
    for (std::size_t e = 0; e < 4; ++e) {
      d[e] =
          (parts.all * parts.d_shared[e] - parts.shared * parts.d_all[e]) / (parts.all * parts.all);
    }
  }
  if (!(parts.p.top < parts.p.bottom)) d[0] = d[1];
  if (!(parts.p.left < parts.p.right)) d[2] = d[3];
  return d;
}

void add_hull(const Parts& parts, ByEdge& d) {
  for (std::size_t e = 0; e < 4; ++e) {
    const double term =
        (parts.hull * parts.d_all[e] - parts.all * parts.d_hull[e]) / (parts.hull * parts.hull);
    if (parts.hull > 0) d[e] += term;
    if (parts.apart()) d[e] = term;
  }
}

/// The term of the centres' distance, and CIoU's of the shapes.
ByCentre distance_term(Overlap kind, const Parts& parts, const CentreBox& p, const CentreBox& t) {
  const double diagonal = parts.hull_w * parts.hull_w + parts.hull_h * parts.hull_h;
  const double distance = (p.x - t.x) * (p.x - t.x) + (p.y - t.y) * (p.y - t.y);
  const int right = parts.p.right > parts.t.right, left = parts.p.left < parts.t.left;
  const int bottom = parts.p.bottom > parts.t.bottom, top = parts.p.top < parts.t.top;
  const double c_x = 2 * parts.hull_w * (right - left), c_y = 2 * parts.hull_h * (bottom - top);
  const double c_w = parts.hull_w * (right + left), c_h = parts.hull_h * (bottom + top);
  const double square = diagonal * diagonal;
  ByCentre d = {(2 * (t.x - p.x) * diagonal - c_x * distance) / square,
                (2 * (t.y - p.y) * diagonal - c_y * distance) / square, c_w * distance / square,
                c_h * distance / square};
  if (kind == Overlap::ciou) {
    constexpr double kPi2 = std::numbers::pi * std::numbers::pi;
    const double angle = std::atan(t.w / t.h) - std::atan(p.w / p.h);
    const double v = 4 / kPi2 * angle * angle;
    const double alpha = v / (1 - parts.shared / parts.all + v + 0.000001);
    d[2] += alpha * 8 / kPi2 * angle * p.h;
    d[3] -= alpha * 8 / kPi2 * angle * p.w;
  }
  return d;
}

}  // namespace

std::array<double, 4> darknet_box_gradient(Overlap kind, const CentreBox& p, const CentreBox& t) {
  const Parts parts(p, t);
  ByEdge edge = iou_by_edge(parts);
  if (kind == Overlap::giou) add_hull(parts, edge);
  ByCentre d = {edge[2] + edge[3], edge[0] + edge[1], edge[3] - edge[2], edge[1] - edge[0]};
  if (kind != Overlap::diou && kind != Overlap::ciou) return d;

  const ByCentre term = distance_term(kind, parts, p, t);
  const bool has_hull = parts.hull_w * parts.hull_w + parts.hull_h * parts.hull_h > 0;
  for (std::size_t i = 0; i < 4; ++i) {
    if (has_hull) d[i] += term[i];
    if (parts.apart()) d[i] = term[i];
  }
  return d;
}

}  // namespace syolo::train
