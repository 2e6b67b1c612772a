#include "syolo/eval/match.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "syolo/base/parallel.h"

namespace syolo {
namespace {

struct AreaRange {
  double low, high;
  bool outside(double area) const { return area < low || area > high; }
};
constexpr std::array<AreaRange, kAreas> kAreaRanges = {
    {{0, 1e10}, {0, 32.0 * 32}, {32.0 * 32, 96.0 * 96}, {96.0 * 96, 1e10}}};

/// NaN last, as numpy sorts.
bool better(double a, double b) {
  return std::isnan(b) ? !std::isnan(a) : a > b;
}

struct TruthAt {
  int rank;  // of the item, by id
  const Truth* truth;
};
struct RowAt {
  int rank, row;
};

/// What one class has to match, by the rank of the items.
struct ClassInput {
  std::vector<TruthAt> truths;
  std::vector<RowAt> rows;
};

std::vector<int> sorted_positions(std::size_t n, const auto& id) {
  std::vector<int> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return id(a) < id(b); });
  return order;
}

class ClassMatcher {
 public:
  ClassMatcher(std::span<const Prediction> predictions, std::span<const int> item_of_rank,
               bool has_ids) :
      predictions_(predictions),
      item_of_rank_(item_of_rank), has_ids_(has_ids) {}

  ClassMatches operator()(int cls, const ClassInput& input) {
    out_ = {};
    out_.cls = cls;
    for (auto& outcomes : out_.outcomes) outcomes.reserve(input.rows.size());
    auto truth = input.truths.begin();
    auto row = input.rows.begin();
    while (truth != input.truths.end() || row != input.rows.end()) {
      const int rank = std::min(truth == input.truths.end() ? kNever : truth->rank,
                                row == input.rows.end() ? kNever : row->rank);
      truths_.clear();
      rows_.clear();
      for (; truth != input.truths.end() && truth->rank == rank; ++truth) {
        truths_.push_back(truth->truth);
      }
      for (; row != input.rows.end() && row->rank == rank; ++row) rows_.push_back(row->row);
      picture(item_of_rank_[static_cast<std::size_t>(rank)]);
    }
    sort_by_score();
    return std::move(out_);
  }

 private:
  static constexpr int kNever = std::numeric_limits<int>::max();

  const Prediction& prediction(int row) const {
    return predictions_[static_cast<std::size_t>(row)];
  }

  void picture(int item) {
    std::stable_sort(rows_.begin(), rows_.end(), [&](int a, int b) {
      return better(prediction(a).score, prediction(b).score);
    });
    if (rows_.size() > kMaxPredictions) rows_.resize(kMaxPredictions);
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      out_.scores.push_back(prediction(rows_[i]).score);
      out_.items.push_back(item);
      out_.ranks.push_back(static_cast<int>(i));
      out_.rows.push_back(rows_[i]);
    }
    overlaps();
    for (std::size_t area = 0; area < kAreas; ++area) one_area(area, item);
  }

  void overlaps() {
    ious_.resize(rows_.size() * truths_.size());
    std::size_t at = 0;
    for (const int row : rows_) {
      for (const Truth* truth : truths_) {
        ious_[at++] = coco_iou(prediction(row).box, truth->box, truth->crowd);
      }
    }
  }

  void one_area(std::size_t area, int item) {
    const AreaRange& range = kAreaRanges[area];
    order_.clear();
    ignored_.assign(truths_.size(), false);
    for (std::size_t g = 0; g < truths_.size(); ++g) {
      ignored_[g] = truths_[g]->crowd || range.outside(truths_[g]->area);
      if (!ignored_[g]) order_.push_back(g);
    }
    const std::size_t counting = order_.size();
    for (std::size_t g = 0; g < truths_.size(); ++g) {
      if (ignored_[g]) order_.push_back(g);
    }
    out_.truths[area] += static_cast<std::int64_t>(counting);
    if (area == 0 && counting > 0) {
      out_.item_truths.emplace_back(item, static_cast<int>(counting));
    }
    auto& outcomes = out_.outcomes[area];
    const std::size_t first = outcomes.size();
    outcomes.resize(first + rows_.size());
    static const std::array<double, kIouThresholds> thresholds = iou_thresholds();
    for (std::size_t t = 0; t < kIouThresholds; ++t) {
      taken_.assign(truths_.size(), false);
      for (std::size_t d = 0; d < rows_.size(); ++d) {
        const BoxXywh& box = prediction(rows_[d]).box;
        judge(best_truth(d, thresholds[t]), range.outside(box.w * box.h), t, outcomes[first + d]);
      }
    }
  }

  /// The truth that prediction d takes at this threshold, or -1: the one of greatest overlap, the
  /// last of equal ones; ignored ones only when no other fits.
  std::ptrdiff_t best_truth(std::size_t d, double threshold) {
    double best = std::min(threshold, 1 - 1e-10);
    std::ptrdiff_t found = -1;
    for (const std::size_t g : order_) {
      if (taken_[g] && !truths_[g]->crowd) continue;
      if (found >= 0 && !ignored_[static_cast<std::size_t>(found)] && ignored_[g]) break;
      const double iou = ious_[d * truths_.size() + g];
      if (iou < best) continue;
      best = iou;
      found = static_cast<std::ptrdiff_t>(g);
    }
    if (found >= 0) taken_[static_cast<std::size_t>(found)] = true;
    return found;
  }

  void judge(std::ptrdiff_t truth, bool outside, std::size_t t, Outcome& outcome) const {
    const auto bit = static_cast<std::uint16_t>(1U << t);
    if (truth >= 0 && ignored_[static_cast<std::size_t>(truth)]) {
      outcome.ignored = static_cast<std::uint16_t>(outcome.ignored | bit);
      return;
    }
    // pycocotools keeps the id of the truth and takes 0 for "none": a truth with id 0 is used up,
    // but its prediction counts as one that found nothing.
    const bool hit = truth >= 0 && !(has_ids_ && truths_[static_cast<std::size_t>(truth)]->id == 0);
    if (hit) {
      outcome.hit = static_cast<std::uint16_t>(outcome.hit | bit);
    } else if (outside) {
      outcome.ignored = static_cast<std::uint16_t>(outcome.ignored | bit);
    }
  }

  void sort_by_score() {
    const auto order = [&] {
      std::vector<std::size_t> positions(out_.scores.size());
      std::iota(positions.begin(), positions.end(), std::size_t{0});
      std::stable_sort(positions.begin(), positions.end(), [&](std::size_t a, std::size_t b) {
        return better(out_.scores[a], out_.scores[b]);
      });
      return positions;
    }();
    const auto arrange = [&order](auto& values) {
      auto sorted = values;
      for (std::size_t i = 0; i < order.size(); ++i) sorted[i] = values[order[i]];
      values = std::move(sorted);
    };
    arrange(out_.scores), arrange(out_.items), arrange(out_.ranks), arrange(out_.rows);
    for (auto& outcomes : out_.outcomes) arrange(outcomes);
  }

  std::span<const Prediction> predictions_;
  std::span<const int> item_of_rank_;
  bool has_ids_;
  ClassMatches out_;
  // Of the picture at hand:
  std::vector<const Truth*> truths_;
  std::vector<int> rows_;
  std::vector<double> ious_;
  std::vector<std::size_t> order_;  // of truths: those that count first
  std::vector<char> ignored_, taken_;
};

std::vector<ClassInput> by_class(const Dataset& dataset, std::span<const Prediction> predictions,
                                 std::span<const int> item_of_rank) {
  std::vector<ClassInput> inputs(dataset.names.size());
  std::vector<int> rank_of_item(item_of_rank.size());
  for (std::size_t rank = 0; rank < item_of_rank.size(); ++rank) {
    const auto item = static_cast<std::size_t>(item_of_rank[rank]);
    rank_of_item[item] = static_cast<int>(rank);
    for (const Truth& truth : dataset.items[item].truths) {
      inputs.at(static_cast<std::size_t>(truth.cls))
          .truths.push_back({static_cast<int>(rank), &truth});
    }
  }
  for (std::size_t row = 0; row < predictions.size(); ++row) {
    const Prediction& one = predictions[row];
    inputs.at(static_cast<std::size_t>(one.cls))
        .rows.push_back(
            {rank_of_item.at(static_cast<std::size_t>(one.item)), static_cast<int>(row)});
  }
  for (ClassInput& input : inputs) {
    std::stable_sort(input.rows.begin(), input.rows.end(),
                     [](const RowAt& a, const RowAt& b) { return a.rank < b.rank; });
  }
  return inputs;
}

bool has_truth_ids(const Dataset& dataset) {
  for (const Item& item : dataset.items) {
    for (const Truth& truth : item.truths) {
      if (truth.id != 0) return true;
    }
  }
  return false;
}

}  // namespace

std::array<double, kIouThresholds> iou_thresholds() {
  std::array<double, kIouThresholds> values{};
  const double step = (0.95 - 0.5) / (kIouThresholds - 1);
  for (int i = 0; i < kIouThresholds; ++i) values[static_cast<std::size_t>(i)] = i * step + 0.5;
  values.back() = 0.95;
  return values;
}

std::array<double, kRecallPoints> recall_points() {
  std::array<double, kRecallPoints> values{};
  const double step = 1.0 / (kRecallPoints - 1);
  for (int i = 0; i < kRecallPoints; ++i) values[static_cast<std::size_t>(i)] = i * step;
  values.back() = 1;
  return values;
}

double coco_iou(const BoxXywh& prediction, const BoxXywh& truth, bool crowd) {
  const double w =
      std::min(prediction.w + prediction.x, truth.w + truth.x) - std::max(prediction.x, truth.x);
  if (!(w > 0)) return 0;
  const double h =
      std::min(prediction.h + prediction.y, truth.h + truth.y) - std::max(prediction.y, truth.y);
  if (!(h > 0)) return 0;
  const double area = prediction.w * prediction.h;
  const double common = w * h;
  return common / (crowd ? area : area + truth.w * truth.h - common);
}

Matches match(const Dataset& dataset, std::span<const Prediction> predictions, int threads) {
  const std::vector<int> items = sorted_positions(
      dataset.items.size(), [&](int i) { return dataset.items[static_cast<std::size_t>(i)].id; });
  const bool with_ids = dataset.class_ids.size() == dataset.names.size();
  const std::vector<int> classes = sorted_positions(dataset.names.size(), [&](int i) {
    return with_ids ? dataset.class_ids[static_cast<std::size_t>(i)] : i;
  });
  const std::vector<ClassInput> inputs = by_class(dataset, predictions, items);
  const bool has_ids = has_truth_ids(dataset);
  Matches out;
  out.items = static_cast<int>(dataset.items.size());
  out.classes.resize(classes.size());
  for_each_parallel(classes.size(), threads, [&](std::size_t k, std::size_t) {
    ClassMatcher matcher(predictions, items, has_ids);
    out.classes[k] = matcher(classes[k], inputs[static_cast<std::size_t>(classes[k])]);
  });
  return out;
}

}  // namespace syolo
