#include "syolo/data/stats.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace syolo {
namespace {

std::vector<double> even(double step, int count) {
  std::vector<double> edges;
  edges.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) edges.push_back(step * i);
  return edges;
}

void count_box(const Item& item, const Truth& truth, DatasetStats& stats) {
  const double w = item.size.width, h = item.size.height;
  const BoxXywh& box = truth.box;
  if (w <= 0 || h <= 0 || box.w <= 0 || box.h <= 0) return;
  stats.width.add(box.w / w);
  stats.height.add(box.h / h);
  stats.aspect.add(box.w / box.h);
  const auto cell = [](double share) {
    return static_cast<std::size_t>(std::clamp(static_cast<int>(24 * share), 0, 23));
  };
  ++stats.centre[cell((box.y + box.h / 2) / h)][cell((box.x + box.w / 2) / w)];
}

void count_size(const Anchor& size, DatasetStats& stats) {
  const double side = std::sqrt(double{size.w} * size.h);
  stats.side.add(side);
  const double level = std::round(std::log2(side / 32));  // 4 cells of stride 8 are 32 pixels
  ++stats.levels[static_cast<std::size_t>(std::clamp(level, 0.0, 4.0))];
  stats.below_cell += std::max(size.w, size.h) < 8 ? 1 : 0;
}

}  // namespace

void Histogram::add(double value) {
  if (counts.size() != edges.size()) counts.resize(edges.size());
  const auto above = std::upper_bound(edges.begin(), edges.end(), value);
  if (above == edges.begin()) return;
  ++counts[static_cast<std::size_t>(above - edges.begin()) - 1];
}

DatasetStats dataset_stats(const Dataset& dataset, const StatsOptions& options) {
  DatasetStats stats;
  stats.options = options;
  stats.names = dataset.names;
  stats.class_boxes.resize(dataset.names.size());
  stats.class_pictures.resize(dataset.names.size());
  stats.boxes_per_picture.edges = {0, 1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 50, 100};
  stats.picture_megapixels.edges = {0, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32};
  stats.width.edges = stats.height.edges = even(0.05, 20);
  stats.aspect.edges = {0, 0.125, 0.25, 0.35, 0.5, 0.71, 1, 1.41, 2, 2.83, 4, 8};
  stats.side.edges = {0, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512};
  for (Histogram* histogram : {&stats.boxes_per_picture, &stats.picture_megapixels, &stats.width,
                               &stats.height, &stats.aspect, &stats.side}) {
    histogram->counts.resize(histogram->edges.size());
  }
  for (const Item& item : dataset.items) {
    ++stats.pictures;
    stats.classification = stats.classification || item.cls >= 0;
    stats.empty += item.truths.empty() && item.cls < 0 ? 1 : 0;
    stats.missing += item.state == LabelState::missing ? 1 : 0;
    stats.boxes_per_picture.add(static_cast<double>(item.truths.size()));
    stats.picture_megapixels.add(1e-6 * item.size.width * item.size.height);
    std::set<int> classes;
    if (item.cls >= 0) classes.insert(item.cls);
    for (const Truth& truth : item.truths) {
      ++stats.boxes;
      stats.crowds += truth.crowd ? 1 : 0;
      stats.difficult += truth.difficult ? 1 : 0;
      ++stats.class_boxes[static_cast<std::size_t>(truth.cls)];
      classes.insert(truth.cls);
      count_box(item, truth, stats);
    }
    for (const int cls : classes) ++stats.class_pictures[static_cast<std::size_t>(cls)];
  }
  const std::vector<Anchor> sizes = box_sizes(dataset, options.input, options.fit);
  for (const Anchor& size : sizes) count_size(size, stats);
  stats.fit = anchor_fit(sizes, options.anchors, options.anchor_t);
  return stats;
}

}  // namespace syolo
