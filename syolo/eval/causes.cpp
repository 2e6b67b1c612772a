#include "syolo/eval/causes.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "syolo/data/anchor_fit.h"
#include "syolo/eval/match.h"

namespace syolo {
namespace {

constexpr double kPair = 0.5, kNear = 0.1;

bool counts(const Truth& truth) {
  return !truth.crowd && !truth.difficult;
}

using Rows = std::vector<const Prediction*>;

std::vector<Rows> by_item(std::span<const Prediction> predictions, std::size_t items) {
  std::vector<Rows> rows(items);
  for (const Prediction& row : predictions) {
    if (!std::isnan(row.score)) rows.at(static_cast<std::size_t>(row.item)).push_back(&row);
  }
  for (Rows& one : rows) {
    std::stable_sort(one.begin(), one.end(),
                     [](const Prediction* a, const Prediction* b) { return a->score > b->score; });
  }
  return rows;
}

struct Nearest {
  const Prediction* row = nullptr;
  double iou = 0;
};

/// One picture.
class Explainer {
 public:
  Explainer(const Item& item, int number, const Rows& rows, const Rows& unsuppressed,
            const CauseOptions& options, Causes& out) :
      item_(item),
      number_(number), rows_(rows), unsuppressed_(unsuppressed), options_(options), out_(out),
      taken_(item.truths.size()) {}

  void operator()() {
    std::vector<const Prediction*> wrong;
    for (const Prediction* row : rows_) {
      if (row->score > options_.score && !pair(*row)) wrong.push_back(row);
    }
    for (const Prediction* row : wrong) explain_false(*row);
    for (std::size_t t = 0; t < item_.truths.size(); ++t) {
      if (!counts(item_.truths[t])) continue;
      ++out_.truths;
      if (taken_[t]) {
        ++out_.found;
      } else {
        explain_miss(t);
      }
    }
  }

 private:
  /// Takes the free truth of its class with the greatest overlap.
  bool pair(const Prediction& row) {
    double best = kPair;
    std::ptrdiff_t found = -1;
    for (std::size_t t = 0; t < item_.truths.size(); ++t) {
      const Truth& truth = item_.truths[t];
      if (truth.cls != row.cls || !counts(truth) || taken_[t]) continue;
      const double iou = coco_iou(row.box, truth.box, false);
      if (iou >= best) best = iou, found = static_cast<std::ptrdiff_t>(t);
    }
    if (found >= 0) taken_[static_cast<std::size_t>(found)] = 1;
    return found >= 0;
  }

  void explain_false(const Prediction& row) {
    FalseBox out{row, FalseCause::background, -1, 0};
    double same = 0, other = 0;
    int same_truth = -1, other_truth = -1;
    for (std::size_t t = 0; t < item_.truths.size(); ++t) {
      const Truth& truth = item_.truths[t];
      const double iou = coco_iou(row.box, truth.box, truth.crowd);
      if (!counts(truth) && truth.cls == row.cls && iou >= kPair)
        return;  // neither right nor wrong
      double& best = truth.cls == row.cls ? same : other;
      if (iou <= best) continue;
      best = iou;
      (truth.cls == row.cls ? same_truth : other_truth) = static_cast<int>(t);
    }
    if (same >= kPair) {
      out = {row, FalseCause::duplicate, same_truth, same};
    } else if (other >= kPair) {
      out = {row, FalseCause::other_class, other_truth, other};
    } else if (same >= kNear) {
      out = {row, FalseCause::place, same_truth, same};
    }
    out_.false_boxes.push_back(out);
  }

  template <class Of>
  Nearest nearest(const Rows& rows, const Truth& truth, Of&& of) const {
    Nearest best;
    for (const Prediction* row : rows) {
      if (!of(*row)) continue;
      const double iou = coco_iou(row->box, truth.box, false);
      if (iou > best.iou) best = {row, iou};
    }
    return best;
  }

  void explain_miss(std::size_t t) {
    const Truth& truth = item_.truths[t];
    Miss miss{number_, t, MissCause::nothing, std::nullopt, 0, 0, 0};
    Dataset one;  // how large the network sees it
    one.items.resize(1);
    one.items[0].size = item_.size;
    one.items[0].truths = {truth};
    const std::vector<Anchor> sizes = box_sizes(one, options_.input, options_.fit);
    if (!sizes.empty()) miss.width = sizes[0].w, miss.height = sizes[0].h;
    const auto because = [&](MissCause cause, const Nearest& of) {
      miss.cause = cause;
      if (of.row != nullptr) miss.box = *of.row, miss.iou = of.iou;
    };
    const auto kept = [&](const Prediction& row) { return row.score > options_.score; };
    const auto own = [&](const Prediction& row) { return row.cls == truth.cls; };
    const Nearest other =
        nearest(rows_, truth, [&](const Prediction& r) { return kept(r) && !own(r); });
    const Nearest mine =
        nearest(rows_, truth, [&](const Prediction& r) { return kept(r) && own(r); });
    const Nearest low =
        nearest(rows_, truth, [&](const Prediction& r) { return !kept(r) && own(r); });
    const Nearest before =
        nearest(unsuppressed_, truth, [&](const Prediction& r) { return kept(r) && own(r); });
    if (mine.iou >= kPair) {
      because(MissCause::shared, mine);
    } else if (before.iou >= kPair) {
      because(MissCause::suppressed, before);
    } else if (other.iou >= kPair) {
      because(MissCause::other_class, other);
    } else if (low.iou >= kPair) {
      because(MissCause::low_score, low);
    } else if (mine.iou >= kNear) {
      because(MissCause::place, mine);
    } else {
      because(nothing_near(miss, sizes), {});
    }
    out_.misses.push_back(miss);
  }

  MissCause nothing_near(const Miss& miss, const std::vector<Anchor>& sizes) const {
    if (sizes.empty()) return MissCause::nothing;
    if (std::max(miss.width, miss.height) < options_.finest_stride) return MissCause::small;
    if (!options_.anchors.empty() &&
        anchor_fit(sizes, options_.anchors, options_.anchor_t).best_possible_recall < 1) {
      return MissCause::unmatched;
    }
    return MissCause::nothing;
  }

  const Item& item_;
  int number_;
  const Rows& rows_;
  const Rows& unsuppressed_;
  const CauseOptions& options_;
  Causes& out_;
  std::vector<char> taken_;
};

}  // namespace

std::string_view word(MissCause cause) {
  constexpr std::array<std::string_view, kMissCauses> kWords = {
      "other-class", "low-score", "suppressed", "shared", "place", "small", "unmatched", "nothing"};
  return kWords[static_cast<std::size_t>(cause)];
}

std::string_view word(FalseCause cause) {
  constexpr std::array<std::string_view, kFalseCauses> kWords = {"duplicate", "other-class",
                                                                 "place", "background"};
  return kWords[static_cast<std::size_t>(cause)];
}

Causes causes(const Dataset& dataset, std::span<const Prediction> predictions,
              std::span<const Prediction> unsuppressed, const CauseOptions& options) {
  Causes out;
  const std::vector<Rows> rows = by_item(predictions, dataset.items.size());
  const std::vector<Rows> before = by_item(unsuppressed, dataset.items.size());
  for (std::size_t i = 0; i < dataset.items.size(); ++i) {
    Explainer(dataset.items[i], static_cast<int>(i), rows[i], before[i], options, out)();
  }
  return out;
}

}  // namespace syolo
