#include "syolo/eval/protocols.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "syolo/eval/match.h"

namespace syolo {
namespace {

constexpr double kDarknetScore = 0.25, kTrainerScore = 0.1;

/// One prediction of a class, judged.
struct Judged {
  double score = 0, iou = 0;
  std::uint16_t hit = 0;  // bit t: at threshold t
};

struct ClassJudged {
  std::int64_t truths = 0;
  std::vector<Judged> rows;  // best first; those that do not count are left out
};

bool counts(const Truth& truth) {
  return !truth.crowd && !truth.difficult;
}

struct Best {
  std::ptrdiff_t truth = -1;
  double iou = 0;
};

/// The truth of greatest overlap among those that `of` picks; the first of equal ones.
template <class Of>
Best best_truth(const BoxXywh& box, std::span<const Truth* const> truths, Of&& of) {
  Best best;
  best.iou = -1;
  for (std::size_t i = 0; i < truths.size(); ++i) {
    if (!of(*truths[i])) continue;
    const double iou = coco_iou(box, truths[i]->box, false);
    if (iou > best.iou) best = {static_cast<std::ptrdiff_t>(i), iou};
  }
  return best;
}

/// The predictions of one class in one picture against its truths.
class Picture {
 public:
  Picture(Protocol protocol, std::vector<const Truth*> truths) :
      protocol_(protocol), truths_(std::move(truths)), taken_(truths_.size()) {}

  /// Nothing when the prediction does not count.
  std::optional<Judged> judge(const Prediction& row) {
    const bool devkit = protocol_ == Protocol::voc07 || protocol_ == Protocol::voc;
    return devkit ? voc(row) : strict(row);
  }

 private:
  bool take(std::ptrdiff_t truth) {
    return std::exchange(taken_[static_cast<std::size_t>(truth)], 1) == 0;
  }

  std::optional<Judged> voc(const Prediction& row) {
    const Best best = best_truth(row.box, truths_, [](const Truth&) { return true; });
    Judged judged{row.score, best.iou, 0};
    if (best.truth < 0 || best.iou < 0.5) return judged;
    if (!counts(*truths_[static_cast<std::size_t>(best.truth)])) return std::nullopt;
    judged.hit = take(best.truth) ? 1 : 0;
    return judged;
  }

  /// Darknet and the trainer: strictly above the threshold; the trainer asks for all thresholds.
  std::optional<Judged> strict(const Prediction& row) {
    static const std::array<double, kIouThresholds> thresholds = iou_thresholds();
    const Best best = best_truth(row.box, truths_, counts);
    Judged judged{row.score, best.iou, 0};
    if (best.truth < 0 || !(best.iou > thresholds[0])) {
      const Best other = best_truth(row.box, truths_, [](const Truth& t) { return !counts(t); });
      if (other.iou > thresholds[0]) return std::nullopt;
      return judged;
    }
    if (!take(best.truth)) return judged;
    for (std::size_t t = 0; t < kIouThresholds; ++t) {
      if (best.iou > thresholds[t]) judged.hit = static_cast<std::uint16_t>(judged.hit | 1U << t);
    }
    return judged;
  }

  Protocol protocol_;
  std::vector<const Truth*> truths_;
  std::vector<char> taken_;
};

/// NaN last.
bool better(double a, double b) {
  return std::isnan(b) ? !std::isnan(a) : a > b;
}

std::vector<ClassJudged> judge_all(Protocol protocol, const Dataset& dataset,
                                   std::span<const Prediction> predictions) {
  std::vector<ClassJudged> classes(dataset.names.size());
  std::vector<std::vector<std::size_t>> rows(dataset.items.size());
  for (std::size_t i = 0; i < predictions.size(); ++i) {
    rows.at(static_cast<std::size_t>(predictions[i].item)).push_back(i);
  }
  for (std::size_t item = 0; item < dataset.items.size(); ++item) {
    std::map<int, std::vector<const Truth*>> truths;
    for (const Truth& truth : dataset.items[item].truths) {
      truths[truth.cls].push_back(&truth);
      classes.at(static_cast<std::size_t>(truth.cls)).truths += counts(truth) ? 1 : 0;
    }
    std::stable_sort(rows[item].begin(), rows[item].end(), [&](std::size_t a, std::size_t b) {
      return better(predictions[a].score, predictions[b].score);
    });
    std::map<int, Picture> pictures;
    for (const std::size_t i : rows[item]) {
      const Prediction& row = predictions[i];
      const auto at = pictures.try_emplace(row.cls, protocol, truths[row.cls]).first;
      if (const auto judged = at->second.judge(row)) {
        classes.at(static_cast<std::size_t>(row.cls)).rows.push_back(*judged);
      }
    }
  }
  for (ClassJudged& one : classes) {
    std::stable_sort(one.rows.begin(), one.rows.end(),
                     [](const Judged& a, const Judged& b) { return better(a.score, b.score); });
  }
  return classes;
}

struct Curve {
  std::vector<double> recall, precision;
};

Curve curve_of(const ClassJudged& one, std::size_t threshold) {
  Curve curve;
  double hits = 0, all = 0;
  for (const Judged& row : one.rows) {
    hits += (row.hit >> threshold & 1) != 0 ? 1 : 0;
    ++all;
    curve.recall.push_back(hits / static_cast<double>(one.truths));
    curve.precision.push_back(hits / all);
  }
  return curve;
}

double f1_of(double precision, double recall) {
  return precision + recall > 0 ? 2 * precision * recall / (precision + recall) : 0;
}

double mean_of(const std::vector<double>& values) {
  if (values.empty()) return -1;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// numpy.interp: outside the ends the nearest value; of equal x the last.
double interpolate(double x, std::span<const double> xs, std::span<const double> ys) {
  const auto at = std::upper_bound(xs.begin(), xs.end(), x) - xs.begin();
  if (at == 0) return ys.front();
  const auto i = static_cast<std::size_t>(at - 1);
  if (i + 1 == xs.size()) return ys.back();
  return (ys[i + 1] - ys[i]) / (xs[i + 1] - xs[i]) * (x - xs[i]) + ys[i];
}

/// Precision and recall at one score, for one class or summed over all.
struct AtScore {
  double hits = 0, found = 0, truths = 0, iou = 0;

  void add(const ClassJudged& one, double score) {
    truths += static_cast<double>(one.truths);
    for (const Judged& row : one.rows) {
      if (!(row.score > score)) continue;
      ++found;
      if ((row.hit & 1) != 0) ++hits, iou += row.iou;
    }
  }
  double precision() const { return found > 0 ? hits / found : 0; }
  double recall() const { return truths > 0 ? hits / truths : 0; }
};

/// As the trainer reports them: interpolated along the scores.
void precision_at_trainers_score(const ClassJudged& one, const Curve& curve, ProtocolClass& out) {
  std::vector<double> falling;  // interpolation wants rising numbers
  for (const Judged& row : one.rows) falling.push_back(-row.score);
  if (falling.empty()) return;
  out.precision = interpolate(-kTrainerScore, falling, curve.precision);
  out.recall = interpolate(-kTrainerScore, falling, curve.recall);
  out.f1 = f1_of(out.precision, out.recall);
}

void trainer_class(const ClassJudged& one, ProtocolClass& out) {
  std::vector<double> values;
  for (std::size_t t = 0; t < kIouThresholds; ++t) {
    const Curve curve = curve_of(one, t);
    values.push_back(interpolated_ap(curve.recall, curve.precision));
    if (t == 0) precision_at_trainers_score(one, curve, out);
  }
  out.ap50 = values[0];
  out.ap = mean_of(values);
}

ProtocolClass class_of(Protocol protocol, int cls, const ClassJudged& one) {
  ProtocolClass out;
  out.cls = cls;
  out.truths = one.truths;
  out.predictions = static_cast<std::int64_t>(one.rows.size());
  if (one.truths == 0) return out;
  if (protocol == Protocol::scaled_yolov4) {
    trainer_class(one, out);
    return out;
  }
  const Curve curve = curve_of(one, 0);
  out.ap50 = protocol == Protocol::voc07 ? voc07_ap(curve.recall, curve.precision)
                                         : envelope_ap(curve.recall, curve.precision);
  AtScore at;
  at.add(one, kDarknetScore);
  out.precision = at.precision(), out.recall = at.recall();
  out.f1 = f1_of(out.precision, out.recall);
  return out;
}

/// The trainer's means over classes; elsewhere all boxes together.
void summarize(const std::vector<ClassJudged>& classes, ProtocolReport& report) {
  std::vector<double> ap50, ap, precision, recall;
  AtScore at;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const ProtocolClass& row = report.classes[i];
    at.add(classes[i], report.score);
    if (row.truths == 0) {
      // Darknet divides by all classes.
      if (report.protocol == Protocol::darknet) ap50.push_back(0);
      continue;
    }
    ap50.push_back(row.ap50), ap.push_back(row.ap);
    precision.push_back(row.precision), recall.push_back(row.recall);
  }
  report.map50 = mean_of(ap50);
  report.precision = at.precision(), report.recall = at.recall();
  report.mean_iou = at.found > 0 ? at.iou / at.found : 0;
  if (report.protocol == Protocol::scaled_yolov4) {
    report.map = mean_of(ap);
    report.precision = std::max(0.0, mean_of(precision));
    report.recall = std::max(0.0, mean_of(recall));
  }
  report.f1 = f1_of(report.precision, report.recall);
}

/// Precision made non-increasing from the right.
std::vector<double> envelope(std::span<const double> precision) {
  std::vector<double> result(precision.begin(), precision.end());
  for (std::size_t i = result.size(); i-- > 1;) result[i - 1] = std::max(result[i - 1], result[i]);
  return result;
}

}  // namespace

double voc07_ap(std::span<const double> recall, std::span<const double> precision) {
  const std::vector<double> best = envelope(precision);
  double sum = 0;
  for (int k = 0; k <= 10; ++k) {
    const auto at = std::lower_bound(recall.begin(), recall.end(), k / 10.0) - recall.begin();
    if (static_cast<std::size_t>(at) < best.size()) sum += best[static_cast<std::size_t>(at)];
  }
  return sum / 11;
}

double envelope_ap(std::span<const double> recall, std::span<const double> precision) {
  const std::vector<double> best = envelope(precision);
  double area = 0, before = 0;
  for (std::size_t i = 0; i < best.size(); ++i) {
    area += (recall[i] - before) * best[i];
    before = recall[i];
  }
  return area;
}

double interpolated_ap(std::span<const double> recall, std::span<const double> precision) {
  if (recall.empty()) return 0;
  std::vector<double> x = {0}, y = {0};
  x.insert(x.end(), recall.begin(), recall.end());
  y.insert(y.end(), precision.begin(), precision.end());
  x.push_back(std::min(recall.back() + 0.001, 1.0)), y.push_back(0);
  y = envelope(y);
  double area = 0, last = 0;
  for (int k = 0; k <= 100; ++k) {
    const double now = interpolate(k / 100.0, x, y);
    if (k > 0) area += (last + now) / 2 * 0.01;
    last = now;
  }
  return area;
}

ProtocolReport evaluate(Protocol protocol, const Dataset& dataset,
                        std::span<const Prediction> predictions) {
  ProtocolReport report;
  report.protocol = protocol;
  report.score = protocol == Protocol::scaled_yolov4 ? kTrainerScore : kDarknetScore;
  const std::vector<ClassJudged> classes = judge_all(protocol, dataset, predictions);
  for (std::size_t i = 0; i < classes.size(); ++i) {
    report.classes.push_back(class_of(protocol, static_cast<int>(i), classes[i]));
  }
  summarize(classes, report);
  return report;
}

}  // namespace syolo
