// The loss of ScaledYOLOv4. Source: arXiv:2011.08036 and its reference program.
#include <algorithm>
#include <numeric>

#include "syolo/train/losses/losses_impl.h"

namespace syolo::train {
namespace {

/// Weights of the levels' objectness, finest level first.
double balance(std::size_t levels, std::size_t level) {
  constexpr std::array kFour = {4.0, 1.0, 0.4, 0.1};
  constexpr std::array kFive = {4.0, 1.0, 0.5, 0.4, 0.1};
  return levels == 5 ? kFive[level] : kFour[std::min(level, kFour.size() - 1)];
}

/// Binary cross-entropy of logits, its mean; focal where asked.
torch::Tensor cross_entropy(const torch::Tensor& logits, const torch::Tensor& target,
                            double positive_weight, double gamma) {
  constexpr double kAlpha = 0.25;
  const torch::Tensor weight = torch::full({1}, positive_weight, logits.options());
  if (gamma <= 0) {
    return torch::binary_cross_entropy_with_logits(logits, target, {}, weight, at::Reduction::Mean);
  }
  const torch::Tensor each =
      torch::binary_cross_entropy_with_logits(logits, target, {}, weight, at::Reduction::None);
  const torch::Tensor p = torch::sigmoid(logits);
  const torch::Tensor hit = target * p + (1 - target) * (1 - p);
  const torch::Tensor alpha = target * kAlpha + (1 - target) * (1 - kAlpha);
  return (each * alpha * (1 - hit).pow(gamma)).mean();
}

/// The matches of a level as columns of indices and boxes.
struct Rows {
  torch::Tensor image, anchor, row, column, cls;  // [n]
  torch::Tensor box;                              // [n, 4]
  torch::Tensor sizes;                            // of the anchors, [n, 2] cells
  torch::Tensor last;                             // [m]: rows that set the objectness
};

Rows rows_of(std::span<const Match> matches, std::span<const Anchor> anchors,
             const torch::TensorOptions& options) {
  std::vector<std::int64_t> index, last;
  std::vector<float> box, sizes;
  for (const Match& m : matches) {
    if (m.last) last.push_back(static_cast<std::int64_t>(index.size() / 5));
    index.insert(index.end(), {m.image, m.anchor, m.row, m.column, m.cls});
    box.insert(box.end(), {m.x, m.y, m.w, m.h});
    const Anchor& anchor = anchors[static_cast<std::size_t>(m.anchor)];
    sizes.insert(sizes.end(), {anchor.w, anchor.h});
  }
  const torch::Tensor columns =
      torch::tensor(index, torch::kInt64).reshape({-1, 5}).t().to(options.device());
  return {columns[0],
          columns[1],
          columns[2],
          columns[3],
          columns[4],
          torch::tensor(box, torch::kFloat32).reshape({-1, 4}).to(options),
          torch::tensor(sizes, torch::kFloat32).reshape({-1, 2}).to(options),
          torch::tensor(last, torch::kInt64).to(options.device())};
}

/// What a level has to learn from: its part of the matches and slots of all ranks.
struct Truths {
  std::vector<Anchor> anchors;  // in cells
  std::vector<Match> matches;
  double matches_share = 1, slots_share = 1;
};

std::vector<Truths> truths_of(const LossInput& input, const ScaledYoloLoss& options) {
  std::vector<Truths> levels;
  std::vector<double> counts;  // matches of each level, then pictures
  for (std::size_t i = 0; i < input.logits.size(); ++i) {
    const torch::Tensor& logits = input.logits[i];
    const Size grid{static_cast<int>(logits.size(3)), static_cast<int>(logits.size(2))};
    Truths level;
    for (const Anchor& a : input.heads[i].anchors) {
      level.anchors.push_back(
          {a.w * static_cast<float>(grid.width) / static_cast<float>(input.input.width),
           a.h * static_cast<float>(grid.height) / static_cast<float>(input.input.height)});
    }
    level.matches = assign(input.targets, level.anchors, grid, options.anchor_threshold);
    counts.push_back(static_cast<double>(level.matches.size()));
    levels.push_back(std::move(level));
  }
  if (input.group == nullptr) return levels;
  counts.push_back(static_cast<double>(input.logits[0].size(0)));
  const std::vector<double> own = counts;
  input.group->sum(counts);
  for (std::size_t i = 0; i < levels.size(); ++i) {
    levels[i].matches_share = own[i] / std::max(counts[i], 1.0);
    levels[i].slots_share = own.back() / counts.back();
  }
  return levels;
}

struct Level {
  torch::Tensor box, objectness, classes;  // undefined where nothing matches
};

Level level_loss(const torch::Tensor& logits, const HeadSpec& head, const Truths& truths,
                 const ScaledYoloLoss& options) {
  const Size grid{static_cast<int>(logits.size(3)), static_cast<int>(logits.size(2))};
  const auto na = static_cast<std::int64_t>(head.anchors.size());
  const torch::Tensor p = logits.reshape({logits.size(0), na, -1, grid.height, grid.width})
                              .permute({0, 1, 3, 4, 2});  // [N, anchor, row, column, entry]
  const torch::Tensor objectness = p.select(4, 4);
  torch::Tensor target = torch::zeros(objectness.sizes(), objectness.options());
  Level level;
  if (!truths.matches.empty()) {
    const Rows rows = rows_of(truths.matches, truths.anchors, p.options());
    const torch::Tensor at = p.index({rows.image, rows.anchor, rows.row, rows.column});
    const torch::Tensor point = torch::sigmoid(at.narrow(1, 0, 2)) * 2 - 0.5;
    const torch::Tensor size = (torch::sigmoid(at.narrow(1, 2, 2)) * 2).square() * rows.sizes;
    const torch::Tensor ciou = overlap(Overlap::ciou, torch::cat({point, size}, 1), rows.box);
    level.box = (1 - ciou).mean() * truths.matches_share;

    const double r = options.overlap_ratio;
    const torch::Tensor hit = (1 - r) + r * ciou.detach().clamp_min(0);
    const auto slot = [&](const torch::Tensor& column) {
      return column.index_select(0, rows.last);
    };
    target.index_put_({slot(rows.image), slot(rows.anchor), slot(rows.row), slot(rows.column)},
                      slot(hit));
    if (head.classes > 1) {
      const torch::Tensor logits_of_classes = at.narrow(1, 5, head.classes);
      torch::Tensor truth =
          torch::full(logits_of_classes.sizes(), options.label_smoothing / 2, p.options());
      truth.scatter_(1, rows.cls.unsqueeze(1), 1 - options.label_smoothing / 2);
      level.classes =
          cross_entropy(logits_of_classes, truth, options.classes_weight, options.focal_gamma) *
          truths.matches_share;
    }
  }
  level.objectness =
      cross_entropy(objectness, target, options.objectness_weight, options.focal_gamma) *
      truths.slots_share;
  return level;
}

}  // namespace

LossTerms scaled_yolo_loss(const LossInput& input, const ScaledYoloLoss& options) {
  const std::size_t levels = input.logits.size();
  std::vector<std::size_t> finest_first(levels);
  std::iota(finest_first.begin(), finest_first.end(), std::size_t{0});
  std::stable_sort(finest_first.begin(), finest_first.end(), [&](std::size_t a, std::size_t b) {
    return input.logits[a].size(3) > input.logits[b].size(3);
  });

  const std::vector<Truths> truths = truths_of(input, options);
  const torch::ScalarType type =
      input.logits[0].scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  torch::Tensor box = torch::zeros({}, input.logits[0].options().dtype(type));
  torch::Tensor objectness = box, classes = box;
  for (std::size_t i = 0; i < levels; ++i) {
    const std::size_t at = finest_first[i];
    const Level level = level_loss(input.logits[at].to(type), input.heads[at], truths[at], options);
    if (level.box.defined()) box = box + level.box;
    if (level.classes.defined()) classes = classes + level.classes;
    objectness = objectness + level.objectness * balance(levels, i);
  }
  const double share = 3.0 / static_cast<double>(levels);
  box = box * (options.box * share);
  objectness = objectness * (options.objectness * share * (levels >= 4 ? 1.4 : 1.0));
  classes = classes * (options.classes * share);
  const torch::Tensor total = (box + objectness + classes) * static_cast<double>(input.images());
  return {total, box.item<double>(), objectness.item<double>(), classes.item<double>()};
}

}  // namespace syolo::train
