#include "syolo/data/anchor_fit.h"

#include <algorithm>
#include <cmath>

#include "syolo/base/rng.h"
#include "syolo/boxes/anchors.h"
#include "syolo/image/preprocess.h"

namespace syolo {
namespace {

/// The worse side's ratio, 1 for equal sizes, towards 0 for unlike ones.
double likeness(const Anchor& a, const Anchor& b) {
  const double w = double{a.w} / b.w, h = double{a.h} / b.h;
  return std::min(std::min(w, 1 / w), std::min(h, 1 / h));
}

double fitness(const std::vector<Anchor>& sizes, const std::vector<Anchor>& anchors,
               double anchor_t) {
  double sum = 0;
  for (const Anchor& size : sizes) {
    double best = 0;
    for (const Anchor& anchor : anchors) best = std::max(best, likeness(size, anchor));
    if (best > 1 / anchor_t) sum += best;
  }
  return sizes.empty() ? 0 : sum / static_cast<double>(sizes.size());
}

/// Each side times clip(1 + mask * u * N * 0.1, 0.3, 3), at least 2 pixels; one u for all.
std::vector<Anchor> mutated(const std::vector<Anchor>& anchors, Rng& rng) {
  std::vector<Anchor> result = anchors;
  bool changed = false;
  while (!changed) {
    const double u = rng.uniform();
    const auto mutate = [&](float value) {
      const double normal = rng.normal();
      if (!rng.chance(0.9)) return value;
      const double factor = std::clamp(1 + u * normal * 0.1, 0.3, 3.0);
      changed = changed || factor != 1;
      return static_cast<float>(std::max(2.0, value * factor));
    };
    for (std::size_t i = 0; i < anchors.size(); ++i) {
      result[i] = {mutate(anchors[i].w), mutate(anchors[i].h)};
    }
  }
  return result;
}

}  // namespace

std::vector<Anchor> box_sizes(const Dataset& dataset, Size input, Fit fit) {
  Preprocess how;
  how.fit = fit;
  std::vector<Anchor> sizes;
  for (const Item& item : dataset.items) {
    if (item.size.width <= 0 || item.size.height <= 0) continue;
    const ImageMap map = image_map(item.size, how, input);
    for (const Truth& truth : item.truths) {
      const Anchor size = {static_cast<float>(truth.box.w * map.sx),
                           static_cast<float>(truth.box.h * map.sy)};
      if (!truth.crowd && size.w > 0 && size.h > 0) sizes.push_back(size);
    }
  }
  return sizes;
}

AnchorFit anchor_fit(const std::vector<Anchor>& sizes, const std::vector<Anchor>& anchors,
                     double anchor_t) {
  AnchorFit fit;
  fit.owned.resize(anchors.size());
  if (sizes.empty() || anchors.empty()) return fit;
  std::int64_t matched = 0, pairs = 0;
  for (const Anchor& size : sizes) {
    double best = -1;
    std::size_t owner = 0;
    for (std::size_t i = 0; i < anchors.size(); ++i) {
      const double like = likeness(size, anchors[i]);
      if (like > best) best = like, owner = i;
      pairs += like > 1 / anchor_t ? 1 : 0;
    }
    matched += best > 1 / anchor_t ? 1 : 0;
    ++fit.owned[owner];
  }
  const auto count = static_cast<double>(sizes.size());
  fit.best_possible_recall = static_cast<double>(matched) / count;
  fit.anchors_matched = static_cast<double>(pairs) / count;
  fit.mean_iou = mean_best_iou(sizes, anchors);
  fit.fitness = fitness(sizes, anchors, anchor_t);
  return fit;
}

std::vector<Anchor> fitted_anchors(const std::vector<Anchor>& sizes, int k, double anchor_t,
                                   int generations, std::uint64_t seed) {
  std::vector<Anchor> best = kmeans_anchors(sizes, k, seed);
  double best_fitness = fitness(sizes, best, anchor_t);
  Rng rng(seed, Stream::search, 1);
  for (int i = 0; i < generations; ++i) {
    std::vector<Anchor> next = mutated(best, rng);
    const double found = fitness(sizes, next, anchor_t);
    if (found > best_fitness) best = std::move(next), best_fitness = found;
  }
  std::sort(best.begin(), best.end(),
            [](const Anchor& a, const Anchor& b) { return double{a.w} * a.h < double{b.w} * b.h; });
  return best;
}

}  // namespace syolo
