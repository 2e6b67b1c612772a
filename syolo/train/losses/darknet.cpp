// The loss of Darknet's [yolo]: deltas, which are what the layer adds to the gradient it hands
// back, with the sign of ascent. Names of the cfg; o is the objectness.
#include <algorithm>
#include <array>
#include <cmath>

#include "syolo/base/parallel.h"
#include "syolo/boxes/iou.h"
#include "syolo/train/hints_impl.h"
#include "syolo/train/loss_rows.h"
#include "syolo/train/losses/losses_impl.h"

namespace syolo::train {
namespace {

Box corners(const CentreBox& box) {
  return {static_cast<float>(box.x - box.w / 2), static_cast<float>(box.y - box.h / 2),
          static_cast<float>(box.x + box.w / 2), static_cast<float>(box.y + box.h / 2)};
}

double measure(Overlap kind, const CentreBox& a, const CentreBox& b) {
  constexpr double kExponent = 0.6;
  const Box first = corners(a), second = corners(b);
  switch (kind) {
    case Overlap::iou:
      return iou(first, second);
    case Overlap::giou:
      return giou(first, second);
    case Overlap::diou:
      return diou(first, second, kExponent);
    case Overlap::ciou:
      return ciou(first, second);
  }
  return 0;
}

/// What a head's positives add up to, over one image.
struct Positives {
  double overlap_loss = 0;  // sum of 1 - IoU, or of 1 - GIoU
  std::int64_t count = 0;
};

/// One head and one image.
class Deltas {
 public:
  /// @param output  activated by activate_head, C,H,W
  Deltas(const HeadSpec& head, const DarknetLoss& loss, const Shape& shape, Size input,
         std::span<const Target> truths, std::span<const double> output, std::span<double> delta) :
      head_(head),
      loss_(loss), shape_(shape), input_(input), truths_(truths), output_(output), delta_(delta) {}

  Positives run() {
    for (int anchor = 0; anchor < static_cast<int>(head_.anchors.size()); ++anchor) {
      for (int row = 0; row < shape_.h; ++row) {
        for (int column = 0; column < shape_.w; ++column) every_slot({anchor, row, column});
      }
    }
    for (const Target& truth : truths_) every_truth(truth);
    if (loss_.iou_thresh < 1) average();
    return positives_;
  }

 private:
  struct Slot {
    int anchor, row, column;
  };

  std::size_t at(const Slot& slot, int entry) const {
    const std::int64_t channel = std::int64_t{slot.anchor} * head_.entries() + entry;
    return static_cast<std::size_t>((channel * shape_.h + slot.row) * shape_.w + slot.column);
  }
  double output(const Slot& slot, int entry) const { return output_[at(slot, entry)]; }
  double& delta(const Slot& slot, int entry) { return delta_[at(slot, entry)]; }
  double objectness(const Slot& slot) const {
    const double o = output(slot, 4);
    return std::isfinite(o) ? o : 0;
  }
  double multiplier(int cls) const {
    return loss_.class_multipliers.empty() ? 1
                                           : loss_.class_multipliers[static_cast<std::size_t>(cls)];
  }
  static CentreBox box_of(const Target& t) { return {t.x, t.y, t.w, t.h}; }

  CentreBox prediction(const Slot& slot) const {
    const Anchor& anchor = head_.anchors[static_cast<std::size_t>(slot.anchor)];
    const double w = output(slot, 2), h = output(slot, 3);
    const bool classic = head_.form == DecodeForm::classic;
    return {(slot.column + output(slot, 0)) / shape_.w, (slot.row + output(slot, 1)) / shape_.h,
            (classic ? std::exp(w) : 4 * w * w) * anchor.w / input_.width,
            (classic ? std::exp(h) : 4 * h * h) * anchor.h / input_.height};
  }

  /// The first pass: what every prediction says of objects anywhere.
  void every_slot(const Slot& slot) {
    const CentreBox p = prediction(slot);
    double best = 0;
    const Target* best_truth = nullptr;
    for (const Target& truth : truths_) {
      const double overlap = measure(Overlap::iou, p, box_of(truth));
      if (overlap > best) best = overlap, best_truth = &truth;
    }
    const double o = objectness(slot), omega = loss_.obj_normalizer;
    double& d = delta(slot, 4);
    d = omega * (0 - o);
    if (best > loss_.ignore_thresh && some_class(slot)) {
      d = loss_.objectness_smooth ? std::max(d, omega * (best - o)) : 0;
    }
    if (best_truth == nullptr || best <= loss_.truth_thresh) return;
    const double q = best * best, m = multiplier(best_truth->cls);
    d = omega * ((loss_.objectness_smooth ? q : 1) - o);
    add_classes(slot, best_truth->cls);
    if (loss_.objectness_smooth) {
      delta(slot, 5 + best_truth->cls) = m * (q - output(slot, 5 + best_truth->cls));
    }
    add_box(slot, *best_truth, loss_.iou_normalizer * m);
  }

  /// Any class will do, not only the truth's: Darknet's rule.
  bool some_class(const Slot& slot) const {
    for (int cls = 0; cls < head_.classes; ++cls) {
      if (output(slot, 5 + cls) > 0.25) return true;
    }
    return false;
  }

  /// The second pass: the anchors that answer for a truth.
  void every_truth(const Target& truth) {
    const int column = std::min(static_cast<int>(double{truth.x} * shape_.w), shape_.w - 1);
    const int row = std::min(static_cast<int>(double{truth.y} * shape_.h), shape_.h - 1);
    const CentreBox shape{0, 0, truth.w, truth.h};
    const auto fit = [&](std::size_t n, Overlap kind) {
      const Anchor& a = head_.all_anchors[n];
      return measure(kind, {0, 0, double{a.w} / input_.width, double{a.h} / input_.height}, shape);
    };
    std::size_t best = 0;
    double best_fit = 0;
    for (std::size_t n = 0; n < head_.all_anchors.size(); ++n) {
      const double overlap = fit(n, Overlap::iou);
      if (overlap > best_fit) best_fit = overlap, best = n;
    }
    const auto of_mask = [&](std::size_t n) {
      const auto found = std::find(head_.mask.begin(), head_.mask.end(), static_cast<int>(n));
      return found == head_.mask.end() ? -1 : static_cast<int>(found - head_.mask.begin());
    };
    if (of_mask(best) >= 0) positive({of_mask(best), row, column}, truth);
    if (loss_.iou_thresh >= 1) return;
    for (std::size_t n = 0; n < head_.all_anchors.size(); ++n) {
      if (n == best || of_mask(n) < 0 || fit(n, loss_.iou_thresh_kind) <= loss_.iou_thresh)
        continue;
      positive({of_mask(n), row, column}, truth);
    }
  }

  void positive(const Slot& slot, const Target& truth) {
    const double m = multiplier(truth.cls);
    const CentreBox p = prediction(slot);
    const Overlap counted = loss_.iou_loss == Overlap::giou ? Overlap::giou : Overlap::iou;
    positives_.overlap_loss += 1 - measure(counted, p, box_of(truth));
    ++positives_.count;
    add_box(slot, truth, loss_.iou_normalizer * m);
    double& d = delta(slot, 4);
    // With objectness_smooth the first pass has almost always left something here: Darknet's rule.
    if (!loss_.objectness_smooth || d == 0) {
      d = m * loss_.obj_normalizer * (1 - objectness(slot));
    }
    add_classes(slot, truth.cls);
  }

  void add_classes(const Slot& slot, int cls) {
    const double m = multiplier(cls), eps = loss_.label_smooth_eps;
    const auto target = [&](bool own) { return (own ? 1 - eps : 0) + 0.5 * eps; };
    const auto set = [&](double& d, double value) {
      if (std::isfinite(value)) d = value;
    };
    double& own = delta(slot, 5 + cls);
    if (own != 0) {  // another truth has been here: only this truth's class changes
      set(own, target(true) - output(slot, 5 + cls));
      own *= m;
      return;
    }
    if (loss_.focal_loss) {
      const double p = output(slot, 5 + cls) + 1e-15;
      const double g = -(1 - p) * (2 * p * std::log(p) + p - 1);
      for (int k = 0; k < head_.classes; ++k) {
        delta(slot, 5 + k) = 0.5 * g * ((k == cls ? 1 : 0) - output(slot, 5 + k));
      }
      return;
    }
    for (int k = 0; k < head_.classes; ++k) {
      set(delta(slot, 5 + k), target(k == cls) - output(slot, 5 + k));
    }
    if (!loss_.class_multipliers.empty()) own *= m * loss_.cls_normalizer;
  }

  void add_box(const Slot& slot, const Target& truth, double factor) {
    if (!loss_.iou_loss) return add_squares(slot, truth, factor);
    CentreBox p = prediction(slot);
    if (p.w == 0) p.w = 1;
    if (p.h == 0) p.h = 1;
    std::array<double, 4> d = darknet_box_gradient(*loss_.iou_loss, p, box_of(truth));
    if (head_.form == DecodeForm::classic) {
      d[2] *= std::exp(output(slot, 2));
      d[3] *= std::exp(output(slot, 3));
    }
    for (int entry = 0; entry < 4; ++entry) {
      double value = d[static_cast<std::size_t>(entry)] * factor;
      if (!std::isfinite(value)) value = 0;
      if (loss_.max_delta) value = std::clamp(value, -*loss_.max_delta, *loss_.max_delta);
      delta(slot, entry) += value;
    }
  }

  void add_squares(const Slot& slot, const Target& truth, double factor) {
    const Anchor& anchor = head_.anchors[static_cast<std::size_t>(slot.anchor)];
    const double scale = (2 - double{truth.w} * truth.h) * factor;
    const double w = double{truth.w} * input_.width / anchor.w;
    const double h = double{truth.h} * input_.height / anchor.h;
    const bool classic = head_.form == DecodeForm::classic;
    const double target[] = {
        double{truth.x} * shape_.w - slot.column, double{truth.y} * shape_.h - slot.row,
        classic ? std::log(w) : std::sqrt(w / 4), classic ? std::log(h) : std::sqrt(h / 4)};
    for (int entry = 0; entry < 4; ++entry) {
      delta(slot, entry) += scale * (target[entry] - output(slot, entry));
    }
  }

  /// Boxes of several classes in one slot share it.
  void average() {
    for (int anchor = 0; anchor < static_cast<int>(head_.anchors.size()); ++anchor) {
      for (int row = 0; row < shape_.h; ++row) {
        for (int column = 0; column < shape_.w; ++column) {
          const Slot slot{anchor, row, column};
          int classes = 0;
          for (int k = 0; k < head_.classes; ++k) classes += delta(slot, 5 + k) > 0 ? 1 : 0;
          if (delta(slot, 4) == 0 || classes == 0) continue;
          for (int entry = 0; entry < 4; ++entry) delta(slot, entry) /= classes;
        }
      }
    }
  }

  const HeadSpec& head_;
  const DarknetLoss& loss_;
  Shape shape_;
  Size input_;
  std::span<const Target> truths_;
  std::span<const double> output_;
  std::span<double> delta_;
  Positives positives_;
};

/// Targets by image, classes that the head has, at most max_truths each.
std::vector<std::vector<Target>> by_image(const LossInput& input, const HeadSpec& head,
                                          const DarknetLoss& loss) {
  std::vector<std::vector<Target>> images(static_cast<std::size_t>(input.logits[0].size(0)));
  for (const Target& target : input.targets) {
    auto& of_image = images[static_cast<std::size_t>(target.image)];
    if (target.cls < 0 || target.cls >= head.classes) continue;
    if (std::ssize(of_image) < loss.max_truths) of_image.push_back(target);
  }
  return images;
}

/// One head: adds its terms. Images are independent.
void add_head(const torch::Tensor& logits, const HeadSpec& head, const DarknetLoss& loss,
              const LossInput& input, LossTerms& terms) {
  const std::size_t count = static_cast<std::size_t>(logits.size(0));
  const Shape shape{1, static_cast<int>(logits.size(1)), static_cast<int>(logits.size(2)),
                    static_cast<int>(logits.size(3))};
  const torch::Tensor raw = head.form == DecodeForm::new_coords ? torch::sigmoid(logits) : logits;
  const torch::Tensor values = raw.detach().to(torch::kCPU, torch::kFloat64).contiguous();
  const torch::Tensor delta = torch::zeros_like(values);
  const auto size = static_cast<std::size_t>(shape.elements());
  const std::vector<std::vector<Target>> truths = by_image(input, head, loss);
  std::vector<Positives> positives(count);
  for_each_parallel(count, 0, [&](std::size_t image, std::size_t) {
    std::vector<double> output(size);
    activate_head(head, shape, values.data_ptr<double>() + image * size, output.data());
    const std::span<double> out(delta.data_ptr<double>() + image * size, size);
    positives[image] = Deltas(head, loss, shape, input.input, truths[image], output, out).run();
  });

  const torch::Tensor slots =
      delta.reshape({delta.size(0), std::ssize(head.anchors), head.entries(), shape.h, shape.w});
  Positives all;
  for (const Positives& of_image : positives) {
    all.overlap_loss += of_image.overlap_loss;
    all.count += of_image.count;
  }
  const auto squares = [&](std::int64_t first, std::int64_t entries) {
    return slots.narrow(2, first, entries).square().sum().item<double>();
  };
  const double omega = loss.obj_normalizer;
  terms.objectness += omega * squares(4, 1);
  terms.classes += omega * squares(5, head.classes);
  // Without an overlap loss Darknet prints the squares as they are.
  if (!loss.iou_loss) {
    terms.objectness += (1 - omega) * squares(4, 1);
    terms.classes += (1 - omega) * squares(5, head.classes);
    terms.box += squares(0, 4);
  } else {
    const auto positive = static_cast<double>(std::max<std::int64_t>(all.count, 1));
    terms.box += loss.iou_normalizer * all.overlap_loss / positive;
  }
  const torch::Tensor pull = (raw * delta.to(raw.options())).sum() * loss.delta_normalizer;
  terms.total = terms.total + (pull.detach() - pull);  // a gradient without a value
}

}  // namespace

DarknetLoss darknet_loss_of(const Node& head, int classes) {
  std::array<std::string_view, kBoxLosses.size()> names;
  std::ranges::transform(kBoxLosses, names.begin(), &LossRow::name);
  const std::span<const std::string_view> losses(names), measures = losses.first(4);
  const Hints hints(head.hints, head.where);
  DarknetLoss loss;
  loss.ignore_thresh = hints.real("ignore_thresh", loss.ignore_thresh);
  loss.truth_thresh = hints.real("truth_thresh", loss.truth_thresh);
  loss.iou_thresh = hints.real("iou_thresh", loss.iou_thresh);
  loss.iou_thresh_kind = static_cast<Overlap>(hints.choice("iou_thresh_kind", "iou", measures));
  const std::size_t kind = hints.choice("iou_loss", "mse", losses);
  if (kind < measures.size()) loss.iou_loss = static_cast<Overlap>(kind);
  loss.iou_normalizer = hints.real("iou_normalizer", loss.iou_normalizer);
  loss.cls_normalizer = hints.real("cls_normalizer", loss.cls_normalizer);
  loss.obj_normalizer = hints.real("obj_normalizer", loss.obj_normalizer);
  loss.delta_normalizer = hints.real("delta_normalizer", loss.delta_normalizer);
  loss.label_smooth_eps = hints.real("label_smooth_eps", 0);
  loss.focal_loss = hints.flag("focal_loss");
  loss.objectness_smooth = hints.flag("objectness_smooth");
  loss.max_truths = hints.integer("max", loss.max_truths);
  const double max_delta = hints.real("max_delta", 0);
  if (max_delta > 0) loss.max_delta = max_delta;

  std::vector<double> counters = hints.reals("counters_per_class");
  if (counters.empty()) return loss;
  with_where(head.where, [&] {
    require(std::ssize(counters) == classes, "expected counters_per_class of {} classes, found {}",
            classes, counters.size());
  });
  for (double& count : counters) count = std::max(count, 1.0);
  const double most = *std::max_element(counters.begin(), counters.end());
  for (const double count : counters) {
    const double m = most / count;
    loss.class_multipliers.push_back(loss.max_delta ? std::min(m, *loss.max_delta) : m);
  }
  return loss;
}

LossTerms darknet_loss(const LossInput& input, std::span<const DarknetLoss> options) {
  LossTerms terms;
  terms.total = torch::zeros({}, input.logits[0].options());
  for (std::size_t i = 0; i < input.logits.size(); ++i) {
    add_head(input.logits[i], input.heads[i], options[i], input, terms);
  }
  terms.total = terms.total + (terms.box + terms.objectness + terms.classes);
  return terms;
}

}  // namespace syolo::train
