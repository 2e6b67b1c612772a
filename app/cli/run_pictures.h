// What a training run looks like: curves, label statistics, batches with boxes.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/data/loader.h"
#include "syolo/eval/plot.h"
#include "syolo/eval/predictions.h"

namespace syolo::cli {

/// results.csv as columns.
struct History {
  std::vector<std::string> names;
  std::vector<std::vector<double>> rows;  // as many values as names; NaN where there is no number
  /// NaN when there is no such column.
  double at(std::size_t row, std::string_view name) const;
};
/// @throws Error(input) naming the line that has another number of columns
History read_history(std::string_view text);

/// Losses, what was measured and the rate along the epochs.
Sheet history_sheet(const History& history);

/// Boxes per class; sizes and centres of boxes relative to their pictures. Or pictures per class.
Sheet labels_sheet(const Dataset& data);

/// The samples of a batch as the network sees them, with their boxes or shares of classes.
Image batch_picture(const Batch& batch, const std::vector<std::string>& names);

/// Boxes, or the class of the whole, on the pictures first, first + 1, ... of a dataset in a grid
/// of at most 16.
Image truths_picture(const Dataset& data, std::size_t first);
Image predictions_picture(const Dataset& data, std::span<const Prediction> predictions,
                          double score, std::size_t first);
inline constexpr std::size_t kPicturesOfGrid = 16;

}  // namespace syolo::cli
