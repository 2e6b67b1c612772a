// The numbers of a dataset: classes, sizes, shapes and places of boxes, and their fit to a network.
#pragma once

#include <array>

#include "syolo/data/anchor_fit.h"

namespace syolo {

/// Counts per bin; bin i covers [edges[i], edges[i + 1]), the last one everything above.
struct Histogram {
  std::vector<double> edges;
  std::vector<std::int64_t> counts;
  void add(double value);
};

struct StatsOptions {
  Size input = {640, 640};
  Fit fit = Fit::letterbox;
  std::vector<Anchor> anchors;  // in input pixels; empty: no fit
  double anchor_t = 4;
};

struct DatasetStats {
  std::vector<std::string> names;
  std::int64_t pictures = 0, boxes = 0, crowds = 0, difficult = 0;
  std::int64_t empty = 0, missing = 0;  // pictures without boxes, without labels
  bool classification = false;          // classes of whole pictures: there are no boxes
  std::vector<std::int64_t> class_boxes, class_pictures;
  Histogram boxes_per_picture, picture_megapixels;
  Histogram width, height;                                // of boxes, fractions of the picture
  Histogram aspect;                                       // width / height
  Histogram side;                                         // sqrt(w * h) in input pixels
  std::array<std::array<std::int64_t, 24>, 24> centre{};  // [y][x] of box centres
  /// Boxes per pyramid level: the one whose 4 cells are nearest to sqrt(w * h), strides 8 to 128.
  std::array<std::int64_t, 5> levels{};
  std::int64_t below_cell = 0;  // both sides below 8 input pixels
  StatsOptions options;
  AnchorFit fit;
};
DatasetStats dataset_stats(const Dataset& dataset, const StatsOptions& options = {});

/// One self-contained page with plots.
std::string stats_html(const DatasetStats& stats, std::string_view title);

}  // namespace syolo
