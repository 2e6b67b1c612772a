#include "syolo/boxes/anchors.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "syolo/base/error.h"
#include "syolo/base/rng.h"

namespace syolo {
namespace {

constexpr int kMostRounds = 300;

struct Point {
  double w = 0, h = 0;
};

double overlap(const Point& a, const Point& b) {
  const double common = std::min(a.w, b.w) * std::min(a.h, b.h);
  return common / (a.w * a.h + b.w * b.h - common);
}

std::vector<Point> points(std::span<const Anchor> sizes) {
  std::vector<Point> result;
  result.reserve(sizes.size());
  for (const Anchor& size : sizes) {
    require(size.w > 0 && size.h > 0 && std::isfinite(size.w) && std::isfinite(size.h),
            "expected box sizes above 0, found {}x{}", size.w, size.h);
    result.push_back({size.w, size.h});
  }
  return result;
}

/// Number of the centre with the best overlap; the first of equals.
std::size_t nearest_centre(const Point& point, const std::vector<Point>& centres, double& best) {
  std::size_t chosen = 0;
  best = -1;
  for (std::size_t k = 0; k < centres.size(); ++k) {
    const double found = overlap(point, centres[k]);
    if (found > best) best = found, chosen = k;
  }
  return chosen;
}

/// k-means++: each next centre is drawn with a probability growing with the squared distance.
std::vector<Point> first_centres(const std::vector<Point>& all, int k, Rng& rng) {
  std::vector<Point> centres = {
      all[static_cast<std::size_t>(rng.below(static_cast<int>(all.size())))]};
  std::vector<double> far(all.size(), 1);
  while (static_cast<int>(centres.size()) < k) {
    double sum = 0;
    for (std::size_t i = 0; i < all.size(); ++i) {
      far[i] = std::min(far[i], 1 - overlap(all[i], centres.back()));
      sum += far[i] * far[i];
    }
    double left = rng.uniform() * sum;
    std::size_t chosen = all.size();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (far[i] <= 0) continue;  // already a centre
      chosen = i;
      left -= far[i] * far[i];
      if (left < 0) break;
    }
    centres.push_back(all[chosen]);
  }
  return centres;
}

/// Moves every centre to the mean of its points; a centre without points moves to the point
/// that fits worst.
void move_centres(const std::vector<Point>& all, const std::vector<std::size_t>& owner,
                  const std::vector<double>& fit, std::vector<Point>& centres) {
  std::vector<Point> sums(centres.size());
  std::vector<double> counts(centres.size());
  for (std::size_t i = 0; i < all.size(); ++i) {
    sums[owner[i]].w += all[i].w;
    sums[owner[i]].h += all[i].h;
    ++counts[owner[i]];
  }
  for (std::size_t k = 0; k < centres.size(); ++k) {
    if (counts[k] > 0) {
      centres[k] = {sums[k].w / counts[k], sums[k].h / counts[k]};
    } else {
      centres[k] =
          all[static_cast<std::size_t>(std::min_element(fit.begin(), fit.end()) - fit.begin())];
    }
  }
}

std::size_t distinct(std::span<const Anchor> sizes) {
  std::vector<std::pair<float, float>> seen;
  for (const Anchor& size : sizes) seen.emplace_back(size.w, size.h);
  std::sort(seen.begin(), seen.end());
  return static_cast<std::size_t>(std::unique(seen.begin(), seen.end()) - seen.begin());
}

}  // namespace

std::vector<Anchor> kmeans_anchors(std::span<const Anchor> sizes, int k, std::uint64_t seed) {
  require(k >= 1, "expected 1 anchor or more, found {}", k);
  const std::vector<Point> all = points(sizes);
  const std::size_t found = distinct(sizes);
  require(found >= static_cast<std::size_t>(k),
          "expected at least {} different box sizes for {} anchors, found {}", k, k, found);
  Rng rng(seed, Stream::search);
  std::vector<Point> centres = first_centres(all, k, rng);
  std::vector<Point> best_centres = centres;
  std::vector<std::size_t> owner(all.size()), owner_before;
  std::vector<double> fit(all.size());
  double best = -1;
  // The mean is not the optimum under this distance, so a round may be worse: keep the best.
  for (int round = 0; round < kMostRounds && owner != owner_before; ++round) {
    owner_before = owner;
    for (std::size_t i = 0; i < all.size(); ++i) owner[i] = nearest_centre(all[i], centres, fit[i]);
    const double sum = std::accumulate(fit.begin(), fit.end(), 0.0);
    if (sum > best) best = sum, best_centres = centres;
    move_centres(all, owner, fit, centres);
  }
  std::vector<Anchor> anchors;
  anchors.reserve(best_centres.size());
  for (const Point& centre : best_centres) {
    anchors.push_back({static_cast<float>(centre.w), static_cast<float>(centre.h)});
  }
  std::sort(anchors.begin(), anchors.end(), [](const Anchor& a, const Anchor& b) {
    const double area_a = double{a.w} * a.h, area_b = double{b.w} * b.h;
    return std::tie(area_a, a.w) < std::tie(area_b, b.w);
  });
  return anchors;
}

double mean_best_iou(std::span<const Anchor> sizes, std::span<const Anchor> anchors) {
  if (sizes.empty() || anchors.empty()) return 0;
  const std::vector<Point> centres = points(anchors);
  double sum = 0;
  for (const Point& point : points(sizes)) {
    double best = 0;
    nearest_centre(point, centres, best);
    sum += best;
  }
  return sum / static_cast<double>(sizes.size());
}

}  // namespace syolo
