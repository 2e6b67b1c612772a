#include "syolo/eval/suspects.h"

#include <algorithm>

#include "syolo/data/rules.h"

namespace syolo {
namespace {

constexpr double kNear = 0.1;  // overlap of a box that is meant for a truth, but placed badly

double overlap(const BoxXywh& a, const BoxXywh& b) {
  const double w = std::min(a.x + a.w, b.x + b.w) - std::max(a.x, b.x);
  const double h = std::min(a.y + a.h, b.y + b.h) - std::max(a.y, b.y);
  if (!(w > 0) || !(h > 0)) return 0;
  return w * h / (a.w * a.h + b.w * b.h - w * h);
}

bool inside_crowd(const Item& item, const BoxXywh& box) {
  return std::any_of(item.truths.begin(), item.truths.end(), [&](const Truth& truth) {
    const double x = box.x + box.w / 2 - truth.box.x, y = box.y + box.h / 2 - truth.box.y;
    return truth.crowd && x >= 0 && y >= 0 && x <= truth.box.w && y <= truth.box.h;
  });
}

/// A doubt about one picture, before it is put into words.
struct Doubt {
  std::string_view rule;
  int item = 0;
  double weight = 0;  // score, or share of the picture
  const Truth* truth = nullptr;
  const Prediction* box = nullptr;
};

class Doubter {
 public:
  Doubter(const Dataset& dataset, const std::vector<bool>& judged, const SuspectOptions& options) :
      dataset_(dataset), judged_(judged), options_(options) {}

  /// @param boxes  of this picture, best first
  void look(int item, const std::vector<const Prediction*>& boxes);
  std::vector<Doubt> ranked();

 private:
  bool judges(int cls) const { return judged_.empty() || judged_[static_cast<std::size_t>(cls)]; }
  /// A box on the truth with its own class, no weaker than the score.
  bool agreed(const Truth& truth, const std::vector<const Prediction*>& boxes, double score) const {
    return std::any_of(boxes.begin(), boxes.end(), [&](const Prediction* box) {
      return box->score >= score && box->cls == truth.cls &&
             overlap(box->box, truth.box) >= options_.iou;
    });
  }
  void doubt_box(int item, const Prediction& box, const std::vector<const Prediction*>& boxes);
  void doubt_truth(int item, const Truth& truth, const std::vector<const Prediction*>& boxes);

  const Dataset& dataset_;
  const std::vector<bool>& judged_;
  const SuspectOptions& options_;
  std::vector<Doubt> doubts_;
};

void Doubter::doubt_box(int item, const Prediction& box,
                        const std::vector<const Prediction*>& boxes) {
  const Item& picture = dataset_.items[static_cast<std::size_t>(item)];
  const Truth *own = nullptr, *any = nullptr;
  double own_overlap = 0, any_overlap = 0;
  for (const Truth& truth : picture.truths) {
    if (truth.crowd) continue;
    const double share = overlap(box.box, truth.box);
    if (share > any_overlap) any_overlap = share, any = &truth;
    if (truth.cls == box.cls && share > own_overlap) own_overlap = share, own = &truth;
  }
  if (own_overlap >= options_.iou) return;
  if (any_overlap >= options_.iou) {
    if (judges(any->cls) && !agreed(*any, boxes, box.score)) {
      doubts_.push_back({"suspect-class", item, box.score, any, &box});
    }
    return;
  }
  if (own_overlap >= kNear) {
    if (!agreed(*own, boxes, options_.seen)) {
      doubts_.push_back({"suspect-place", item, box.score, own, &box});
    }
    return;
  }
  if (inside_crowd(picture, box.box)) return;
  // Several boxes on one thing are one doubt.
  const bool told = std::any_of(doubts_.begin(), doubts_.end(), [&](const Doubt& doubt) {
    return doubt.item == item && doubt.rule == "suspect-missing" &&
           overlap(doubt.box->box, box.box) >= options_.iou;
  });
  if (!told) doubts_.push_back({"suspect-missing", item, box.score, nullptr, &box});
}

void Doubter::doubt_truth(int item, const Truth& truth,
                          const std::vector<const Prediction*>& boxes) {
  if (truth.crowd || truth.difficult || !judges(truth.cls)) return;
  for (const Prediction* box : boxes) {
    if (box->score < options_.seen) continue;
    const bool sees = box->cls == truth.cls ? overlap(box->box, truth.box) >= kNear
                                            : overlap(box->box, truth.box) >= options_.iou;
    if (sees) return;
  }
  const Size size = dataset_.items[static_cast<std::size_t>(item)].size;
  const double area = std::max(1.0, 1.0 * size.width * size.height);
  doubts_.push_back({"suspect-unseen", item, truth.box.w * truth.box.h / area, &truth, nullptr});
}

void Doubter::look(int item, const std::vector<const Prediction*>& boxes) {
  for (const Prediction* box : boxes) {
    if (box->score >= options_.score) doubt_box(item, *box, boxes);
  }
  for (const Truth& truth : dataset_.items[static_cast<std::size_t>(item)].truths) {
    doubt_truth(item, truth, boxes);
  }
}

std::vector<Doubt> Doubter::ranked() {
  std::stable_sort(doubts_.begin(), doubts_.end(), [](const Doubt& a, const Doubt& b) {
    const bool unseen_a = a.box == nullptr, unseen_b = b.box == nullptr;
    return unseen_a != unseen_b ? unseen_b : a.weight > b.weight;
  });
  return std::move(doubts_);
}

std::string box_text(const BoxXywh& box) {
  return format("{:.0f} {:.0f} {:.0f} {:.0f}", box.x, box.y, box.x + box.w, box.y + box.h);
}

std::string text_of(const Doubt& doubt, const std::vector<std::string>& names) {
  const auto name = [&](int cls) { return printable(names[static_cast<std::size_t>(cls)], 60); };
  if (doubt.box == nullptr) {
    return format("label {} at {}: no box", name(doubt.truth->cls), box_text(doubt.truth->box));
  }
  const std::string seen =
      format("{} {:.2f} at {}", name(doubt.box->cls), doubt.box->score, box_text(doubt.box->box));
  if (doubt.truth == nullptr) return seen + ", no label";
  return format("{}, label {} at {}", seen, name(doubt.truth->cls), box_text(doubt.truth->box));
}

}  // namespace

void add_suspects(const Dataset& dataset, std::span<const Prediction> predictions,
                  const std::vector<bool>& judged, const SuspectOptions& options,
                  LintReport& report) {
  std::vector<std::vector<const Prediction*>> boxes(dataset.items.size());
  for (const Prediction& row : predictions) {
    boxes[static_cast<std::size_t>(row.item)].push_back(&row);
  }
  Doubter doubter(dataset, judged, options);
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    std::stable_sort(boxes[i].begin(), boxes[i].end(),
                     [](const Prediction* a, const Prediction* b) { return a->score > b->score; });
    doubter.look(static_cast<int>(i), boxes[i]);
  }
  for (const Doubt& doubt : doubter.ranked()) {
    const Item& item = dataset.items[static_cast<std::size_t>(doubt.item)];
    Where where = {.file = item.image.string()};
    if (doubt.truth != nullptr && doubt.truth->line > 0) {
      where = {.file = item.label.string(), .line = doubt.truth->line};
    }
    Truth mark;
    mark.box = doubt.box != nullptr ? doubt.box->box : doubt.truth->box;
    mark.cls = doubt.box != nullptr ? doubt.box->cls : doubt.truth->cls;
    report.marks.emplace(report.findings.size(), mark);
    report.findings.push_back(found(doubt.rule, std::move(where), text_of(doubt, dataset.names)));
  }
}

}  // namespace syolo
