#include "syolo/zoo/search.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "syolo/base/text.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/zoo/models.h"
#include "syolo/zoo/scaling.h"

namespace syolo {
namespace {

// AP of COCO at the networks' own sizes. u5: val, with the later training; the others: test-dev
// as AlexeyAB/darknet lists it, P7 and tiny as ScaledYOLOv4 does. Protocols differ by tenths.
constexpr std::array<QualityPoint, 14> kPoints = {{{"yolov4-tiny", 6.908, 22.0, 416},
                                                   {"yolov4-csp-s-mish", 20.890, 40.8, 640},
                                                   {"yolov4s-mish (u5)", 21.165, 40.8, 640},
                                                   {"yolov4m-mish (u5)", 53.886, 45.6, 640},
                                                   {"yolov4l-mish (u5)", 120.240, 49.0, 640},
                                                   {"yolov4x-mish (u5)", 226.518, 50.7, 640},
                                                   {"yolov4-csp", 76.953, 46.2, 512},
                                                   {"yolov4-csp", 120.240, 48.7, 640},
                                                   {"yolov4-csp-swish", 120.240, 50.0, 640},
                                                   {"yolov4x-mish", 221.885, 50.1, 640},
                                                   {"yolov4-csp-x-swish", 221.885, 51.5, 640},
                                                   {"yolov4-p5", 326.643, 51.6, 896},
                                                   {"yolov4-p6", 717.020, 54.0, 1280},
                                                   {"yolov4-p7", 1636.704, 55.4, 1536}}};

/// AP per factor e of work below the smallest published network of the family: from there to the
/// two Yolo-Fastest networks (0.25 GFLOPs, AP50 24.4) AP50 falls by 4.8, AP by about half of it.
constexpr double kBelow = 2.5;

using Row = std::array<double, 3>;

Row features(double gflops, int side) {
  return {1, std::pow(gflops, -0.7), std::log(side / 640.0)};
}

double dot(const Row& x, const Row& y) {
  return x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
}

double determinant(const Row& a, const Row& b, const Row& c) {
  return a[0] * (b[1] * c[2] - b[2] * c[1]) - a[1] * (b[0] * c[2] - b[2] * c[0]) +
         a[2] * (b[0] * c[1] - b[1] * c[0]);
}

/// Normal equations by Cramer's rule; `left_out` is an index, or -1.
Row solve(std::span<const QualityPoint> points, int left_out) {
  std::array<Row, 3> matrix{};
  Row right{};
  for (int p = 0; p < static_cast<int>(points.size()); ++p) {
    if (p == left_out) continue;
    const QualityPoint& point = points[static_cast<std::size_t>(p)];
    const Row x = features(point.gflops, point.side);
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t j = 0; j < 3; ++j) matrix[j][i] += x[i] * x[j];  // columns
      right[i] += x[i] * point.ap;
    }
  }
  const double whole = determinant(matrix[0], matrix[1], matrix[2]);
  return {determinant(right, matrix[1], matrix[2]) / whole,
          determinant(matrix[0], right, matrix[2]) / whole,
          determinant(matrix[0], matrix[1], right) / whole};
}

struct Base {
  std::string_view name;
  SearchBase kind;
  bool deepens;
  int finest, least_side, most_side;  // finest: level; inputs it is looked at
};
constexpr std::array<Base, 3> kBases = {{{"yolov4-tiny", SearchBase::tiny, false, 4, 256, 640},
                                         {"yolov4-csp-leaky", SearchBase::csp, true, 3, 256, 640},
                                         {"yolov4-p5", SearchBase::large, true, 3, 640, 1536}}};
constexpr std::array kWidths = {0.25, 0.375, 0.5, 0.625, 0.75, 1.0, 1.25};
constexpr std::array kDepths = {0.33, 0.67, 1.0, 1.33};
constexpr std::array kSides = {256, 288, 320, 352, 384, 416,  448,  480,  512,  544,
                               576, 608, 640, 768, 896, 1024, 1152, 1280, 1408, 1536};
constexpr double kMostCells = 16;  // of the topmost level: P5's largest anchor has 14
constexpr double kShallow = 0.01;
constexpr int kWorkSide = 640;  // every stride divides it

}  // namespace

Recipe recipe_of(const Member& member, int classes) {
  const Recipe base = recipe(member.base);
  return scaled(base, {.depth = member.depth,
                       .width = member.width,
                       .input = Size{member.side, member.side},
                       .top_level = base.levels.empty() ? 0 : member.top_level,
                       .classes = classes});
}

std::string to_text(const Member& m) {
  return format("{} depth {} width {} input {} to P{}", m.base, m.depth, m.width, m.side,
                m.top_level);
}

namespace {

/// As the published networks have it for this input, or fewer where large objects do not need it.
int top_level(const Base& base, int side, const std::optional<ObjectSizes>& objects) {
  int top = base.kind == SearchBase::large ? top_level_for({side, side}) : 5;
  while (objects && top > 5 && objects->large * side <= kMostCells * (1 << (top - 1))) --top;
  return top;
}

bool sees(const Member& member, int finest, const std::optional<ObjectSizes>& objects) {
  return !objects || objects->small * member.side >= (1 << finest);
}

}  // namespace

std::vector<Member> search_grid(SearchBase wanted, const std::optional<ObjectSizes>& objects) {
  std::vector<Member> grid, blind;
  for (const int side : kSides) {
    for (const Base& base : kBases) {
      if (wanted != SearchBase::any && wanted != base.kind) continue;
      if (side < base.least_side || side > base.most_side) continue;
      const int top = top_level(base, side, objects);
      for (const double width : kWidths) {
        for (const double depth : kDepths) {
          if (!base.deepens && depth != 1.0) continue;
          const Member member{base.name, depth, width, side, top};
          (sees(member, base.finest, objects) ? grid : blind).push_back(member);
        }
      }
    }
  }
  return grid.empty() ? blind : grid;
}

double WorkTable::gflops(const Member& member) {
  Member at = member;
  at.side = kWorkSide;
  const auto [entry, added] = known_.try_emplace(to_text(at), 0.0);
  if (added) {
    const Graph graph = build(recipe_of(at, classes_));
    entry->second = cost(graph, lower(graph)).gflops();
  }
  const double ratio = static_cast<double>(member.side) / kWorkSide;
  return entry->second * ratio * ratio;
}

Member shallowest(Member member) {
  member.depth = kShallow;
  return member;
}

std::span<const QualityPoint> quality_points() {
  return kPoints;
}

double QualityFit::ap(double gflops, int side) const {
  const double known = std::max(gflops, least_gflops);
  const double below = kBelow * std::log(std::min(1.0, gflops / known));
  return std::max(0.0, dot({a, b, c}, features(known, side)) + below);
}

QualityFit fit_quality(std::span<const QualityPoint> points) {
  const Row all = solve(points, -1);
  QualityFit fit{.a = all[0], .b = all[1], .c = all[2], .least_gflops = points[0].gflops};
  for (std::size_t i = 0; i < points.size(); ++i) {
    const QualityPoint& point = points[i];
    const Row x = features(point.gflops, point.side);
    const double seen = point.ap - dot(all, x);
    const double unseen = point.ap - dot(solve(points, static_cast<int>(i)), x);
    fit.rms += seen * seen;
    fit.leave_one_out += unseen * unseen;
    fit.least_gflops = std::min(fit.least_gflops, point.gflops);
    fit.most_gflops = std::max(fit.most_gflops, point.gflops);
  }
  const auto count = static_cast<double>(points.size());
  fit.rms = std::sqrt(fit.rms / count);
  fit.leave_one_out = std::sqrt(fit.leave_one_out / count);
  return fit;
}

}  // namespace syolo
