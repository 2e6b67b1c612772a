#include "syolo/boxes/decode.h"

#include <cmath>
#include <limits>
#include <numeric>
#include <tuple>

#include "syolo/base/error.h"
#include "syolo/boxes/best_keys_impl.h"

namespace syolo {
namespace {

using boxes::BestKeys;
using boxes::Key;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

float logistic(float x) {
  return 1 / (1 + std::exp(-x));
}
double logistic(double x) {
  return 1 / (1 + std::exp(-x));
}

/// Are classes and objectness still to pass through the logistic?
bool raw_logits(DecodeForm form) {
  return form != DecodeForm::new_coords;
}

/// A value x such that every v < x certainly has v (or its logistic) below `bound`, in spite of
/// rounding; the survivors are then judged by the exact computation. -inf lets all through.
float safe_bound(double bound, bool is_logit) {
  // Some eight roundings of 2^-24 lie between a value and its score.
  constexpr double kSlack = 4e-6;
  if (is_logit) {
    const double p = bound * (1 - kSlack);
    if (p < 1e-30) return -kInfinity;  // near denormal numbers the slack means nothing
    if (p >= 1) return kInfinity;
    bound = std::log(p / (1 - p));
  }
  return static_cast<float>(bound - kSlack * (std::abs(bound) + (is_logit ? 1 : 0)));
}

/// Values of one cell's anchor, entry by entry.
struct CellView {
  const HeadView& view;
  int channel;  // of the anchor's first entry
  std::ptrdiff_t cell;
  float operator[](int entry) const {
    const int c = channel + entry;
    const std::ptrdiff_t plane = std::ptrdiff_t{view.shape.h} * view.shape.w;
    return view.data[((c / view.block) * plane + cell) * view.block + c % view.block];
  }
};

struct Offsets {
  double x, y, w, h;  // x, y within the cell, in cells; w, h in units of the anchor
};

Offsets offsets(const CellView& v, const HeadSpec& spec) {
  const double shift = (spec.scale_xy - 1) / 2;
  const auto point = [&](float p) { return spec.scale_xy * logistic(double{p}) - shift; };
  const auto size = [](float p) { return std::exp(double{p}); };
  switch (spec.form) {
    case DecodeForm::new_coords:
      return {spec.scale_xy * v[0] - shift, spec.scale_xy * v[1] - shift, 4.0 * v[2] * v[2],
              4.0 * v[3] * v[3]};
    case DecodeForm::gaussian:
      return {point(v[0]), point(v[2]), size(v[4]), size(v[6])};
    case DecodeForm::classic:
    case DecodeForm::region:
      break;
  }
  return {point(v[0]), point(v[1]), size(v[2]), size(v[3])};
}

Box box_of(const CellView& v, const HeadSpec& spec, int anchor, Size input) {
  const Offsets at = offsets(v, spec);
  const Anchor& prior = spec.anchors[anchor];
  const double cell_w = double(input.width) / v.view.shape.w;
  const double cell_h = double(input.height) / v.view.shape.h;
  const bool in_cells = spec.form == DecodeForm::region;
  const double w = at.w * prior.w * (in_cells ? cell_w : 1);
  const double h = at.h * prior.h * (in_cells ? cell_h : 1);
  const auto column = v.cell % v.view.shape.w, row = v.cell / v.view.shape.w;
  double x = (static_cast<double>(column) + at.x) * cell_w;
  double y = (static_cast<double>(row) + at.y) * cell_h;
  if (spec.point == BoxPoint::left_top) x += w / 2, y += h / 2;
  if (spec.point == BoxPoint::right_bottom) x -= w / 2, y -= h / 2;
  return {static_cast<float>(x - w / 2), static_cast<float>(y - h / 2),
          static_cast<float>(x + w / 2), static_cast<float>(y + h / 2)};
}

bool is_finite(const Box& box) {
  return std::isfinite(box.x1) && std::isfinite(box.y1) && std::isfinite(box.x2) &&
         std::isfinite(box.y2);
}

float objectness_of(const CellView& v, const HeadSpec& spec) {
  const float raw = v[spec.objectness()];
  const float value = raw_logits(spec.form) ? logistic(raw) : raw;
  return spec.zero_low_objectness && value < 0.5F ? 0 : value;
}

/// 1 - mean deviation for the gaussian form, else 1.
float certainty_of(const CellView& v, const HeadSpec& spec) {
  if (spec.form != DecodeForm::gaussian) return 1;
  return 1 - (logistic(v[1]) + logistic(v[3]) + logistic(v[5]) + logistic(v[7])) / 4;
}

/// One head's pass over its values: keys of (box, class) pairs, numbered (cell, anchor, class).
class HeadScan {
 public:
  HeadScan(const HeadView& view, const HeadSpec& spec, Size input, float threshold,
           std::span<const int> classes, std::uint32_t base, BestKeys& best) :
      view_(view),
      spec_(spec), input_(input), threshold_(threshold), classes_(classes), base_(base),
      best_(best), plane_(std::ptrdiff_t{view.shape.h} * view.shape.w) {}

  void run() {
    for (anchor_ = 0; anchor_ < static_cast<int>(spec_.anchors.size()); ++anchor_) {
      channel_ = anchor_ * spec_.entries();
      find_survivors();
      if (survivors_.empty()) continue;
      if (spec_.form == DecodeForm::region) {
        spec_.softmax ? scan_softmax() : scan<false>();
      } else {
        raw_logits(spec_.form) ? scan<true>() : scan<false>();
      }
    }
  }

 private:
  /// A cell whose objectness passed. Classes below `bound` cannot pass any more.
  struct Survivor {
    int cell = 0;
    float objectness = 0, certainty = 1, bound = 0;
  };
  /// Classes whose values lie side by side: first class, number, first value at cell 0.
  struct Run {
    int cls = 0, count = 0;
    const float* data = nullptr;
  };

  const float* channel_data(int channel) const {
    return view_.data + (channel / view_.block) * plane_ * view_.block + channel % view_.block;
  }
  CellView values(int cell) const { return {view_, channel_, cell}; }

  void find_survivors() {
    survivors_.clear();
    const float bound = safe_bound(threshold_, raw_logits(spec_.form));
    const float* data = channel_data(channel_ + spec_.objectness());
    // Two loops: with the constant stride the first one runs at the speed of memory.
    if (view_.block == 1) {
      for (int cell = 0; cell < plane_; ++cell) {
        if (data[cell] >= bound) consider(cell);
      }
    } else {
      for (int cell = 0; cell < plane_; ++cell) {
        if (data[std::ptrdiff_t{cell} * view_.block] >= bound) consider(cell);
      }
    }
  }

  void consider(int cell) {
    const CellView v = values(cell);
    const float objectness = objectness_of(v, spec_);
    if (!(objectness > threshold_) || !is_finite(box_of(v, spec_, anchor_, input_))) return;
    survivors_.push_back({cell, objectness, certainty_of(v, spec_), 0});
  }

  /// The lowest class value that can still matter for this cell.
  template <bool kLogistic>
  float class_bound(const Survivor& at) const {
    const double weight = double{at.objectness} * at.certainty;
    if (!(weight > 0)) return -kInfinity;
    float floor = best_.cutoff() == std::numeric_limits<std::uint64_t>::max()
                      ? threshold_
                      : std::max(threshold_, Key::score(best_.cutoff()));
    if (std::abs(floor) < 1e-30F) floor = -1e-30F;  // products near denormal numbers round badly
    return safe_bound(floor / weight, kLogistic);
  }

  void add(const Survivor& at, int cls, float probability) {
    const float score = at.objectness * probability * at.certainty;
    if (!(score > threshold_ && score < kInfinity)) return;
    const auto cell_anchor = at.cell * spec_.anchors.size() + static_cast<std::size_t>(anchor_);
    best_.add(
        Key::of(score, base_ + static_cast<std::uint32_t>(cell_anchor * spec_.classes + cls)));
  }

  template <bool kLogistic>
  void add_raw(const Survivor& at, int cls, float value) {
    add(at, cls, kLogistic ? logistic(value) : value);
  }

  std::vector<Run> class_runs() const {
    std::vector<Run> runs;
    for (const int cls : classes_) {
      const float* data = channel_data(channel_ + spec_.coordinates() + cls);
      const bool joins = !runs.empty() && runs.back().cls + runs.back().count == cls &&
                         runs.back().data + runs.back().count == data && view_.block > 1 &&
                         (channel_ + spec_.coordinates() + cls) % view_.block != 0;
      if (joins) {
        ++runs.back().count;
      } else {
        runs.push_back({cls, 1, data});
      }
    }
    return runs;
  }

  template <bool kLogistic>
  void scan() {
    view_.block == 1 ? scan_planes<kLogistic>() : scan_cells<kLogistic>();
  }

  /// Planes: class by class, so that memory is read in its order.
  template <bool kLogistic>
  void scan_planes() {
    std::uint64_t cutoff = 0;
    for (const Run& run : class_runs()) {
      if (cutoff != best_.cutoff()) {
        cutoff = best_.cutoff();
        for (Survivor& at : survivors_) at.bound = class_bound<kLogistic>(at);
      }
      for (const Survivor& at : survivors_) {
        const float value = run.data[at.cell];
        if (value >= at.bound) add_raw<kLogistic>(at, run.cls, value);
      }
    }
  }

  /// Blocks and channels last: cell by cell.
  template <bool kLogistic>
  void scan_cells() {
    const std::vector<Run> runs = class_runs();
    for (const Survivor& at : survivors_) {
      const float bound = class_bound<kLogistic>(at);
      for (const Run& run : runs) {
        const float* value = run.data + std::ptrdiff_t{at.cell} * view_.block;
        for (int k = 0; k < run.count; ++k) {
          if (value[k] >= bound) add_raw<kLogistic>(at, run.cls + k, value[k]);
        }
      }
    }
  }

  void scan_softmax() {
    std::vector<double> parts(static_cast<std::size_t>(spec_.classes));
    for (const Survivor& at : survivors_) {
      const CellView v = values(at.cell);
      double top = -kInfinity;
      for (int c = 0; c < spec_.classes; ++c)
        top = std::max(top, double{v[spec_.coordinates() + c]});
      double sum = 0;
      for (int c = 0; c < spec_.classes; ++c) {
        sum += parts[c] = std::exp(double{v[spec_.coordinates() + c]} - top);
      }
      for (const int cls : classes_) add(at, cls, static_cast<float>(parts[cls] / sum));
    }
  }

  const HeadView& view_;
  const HeadSpec& spec_;
  Size input_;
  float threshold_;
  std::span<const int> classes_;
  std::uint32_t base_;
  BestKeys& best_;
  std::ptrdiff_t plane_;
  int anchor_ = 0, channel_ = 0;
  std::vector<Survivor> survivors_;
};

/// The wanted classes of a head, ascending and each once.
std::vector<int> wanted_classes(std::span<const int> wanted, int classes) {
  std::vector<int> result;
  if (wanted.empty()) {
    result.resize(static_cast<std::size_t>(classes));
    std::iota(result.begin(), result.end(), 0);
    return result;
  }
  for (const int cls : wanted) {
    if (cls >= 0 && cls < classes) result.push_back(cls);
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

/// (box, class) pairs of all heads before each head, and in all at the end.
std::vector<std::uint32_t> pair_bases(std::span<const HeadView> views,
                                      std::span<const HeadSpec> specs) {
  std::vector<std::uint32_t> bases = {0};
  for (std::size_t i = 0; i < views.size(); ++i) {
    SYOLO_ASSERT(views[i].shape.c == specs[i].channels() && views[i].block >= 1,
                 "a head's tensor and its spec differ in channels");
    const std::int64_t pairs =
        views[i].shape.plane() * static_cast<int>(specs[i].anchors.size()) * specs[i].classes;
    if (bases.back() + pairs > std::numeric_limits<std::uint32_t>::max()) {
      throw Error(ErrorKind::limit,
                  format("expected fewer than 2^32 boxes times classes in all heads, found {}",
                         bases.back() + pairs),
                  {}, "use a smaller network input");
    }
    bases.push_back(static_cast<std::uint32_t>(bases.back() + pairs));
  }
  return bases;
}

Candidate candidate_of(std::uint64_t key, std::span<const HeadView> views,
                       std::span<const HeadSpec> specs, std::span<const std::uint32_t> bases,
                       Size input) {
  const std::uint32_t number = Key::number(key);
  const auto past = std::upper_bound(bases.begin(), bases.end(), number);
  const auto head = static_cast<std::size_t>(past - bases.begin()) - 1;
  const HeadSpec& spec = specs[head];
  const auto classes = static_cast<std::uint32_t>(spec.classes);
  const auto anchors = static_cast<std::uint32_t>(spec.anchors.size());
  const std::uint32_t inside = number - bases[head];
  Candidate result;
  result.head = static_cast<int>(head);
  result.cls = static_cast<int>(inside % classes);
  result.anchor = static_cast<int>(inside / classes % anchors);
  result.cell = static_cast<int>(inside / classes / anchors);
  result.score = Key::score(key);
  const CellView v{views[head], result.anchor * spec.entries(), result.cell};
  result.objectness = objectness_of(v, spec);
  result.box = box_of(v, spec, result.anchor, input);
  return result;
}

}  // namespace

std::vector<Candidate> decode(std::span<const HeadView> views, std::span<const HeadSpec> specs,
                              Size input, const CandidateLimits& options) {
  SYOLO_ASSERT(views.size() == specs.size(), "every head has one spec");
  if (options.max_candidates < 1) {
    throw Error(ErrorKind::usage, format("expected 1 or more, found {}", options.max_candidates),
                {{}, 0, -1, "max_candidates"});
  }
  const std::vector<std::uint32_t> bases = pair_bases(views, specs);
  BestKeys best(static_cast<std::size_t>(options.max_candidates));
  for (std::size_t i = 0; i < views.size(); ++i) {
    const std::vector<int> classes = wanted_classes(options.classes, specs[i].classes);
    HeadScan(views[i], specs[i], input, options.threshold, classes, bases[i], best).run();
  }
  const std::vector<std::uint64_t> keys = best.take_sorted();
  std::vector<Candidate> result;
  result.reserve(keys.size());
  for (const std::uint64_t key : keys) {
    result.push_back(candidate_of(key, views, specs, bases, input));
  }
  return result;
}

void decode(const HeadView& view, const HeadSpec& spec, Size input, int head, float threshold,
            std::vector<Candidate>& out) {
  for (Candidate& found : decode(std::span(&view, 1), std::span(&spec, 1), input,
                                 {threshold, CandidateLimits().max_candidates, {}})) {
    found.head = head;
    out.push_back(found);
  }
}

bool before(const Candidate& a, const Candidate& b) {
  if (a.score != b.score) return a.score > b.score;
  const auto place = [](const Candidate& c) {
    return std::tie(c.head, c.cell, c.anchor, c.cls, c.box.x1, c.box.y1, c.box.x2, c.box.y2);
  };
  return place(a) < place(b);
}

}  // namespace syolo
