#include "syolo/graph/classifier.h"
#include "syolo/train/head_form_impl.h"
#include "syolo/train/recipe_impl.h"

namespace syolo::train {
namespace {

CosineSchedule schedule_of(const TrainOptions& options, const RunSize& size) {
  CosineSchedule s;
  s.lr0 = options.lr0, s.lrf = options.lrf, s.momentum = options.momentum;
  s.warmup_epochs = options.warmup_epochs, s.warmup_momentum = options.warmup_momentum;
  s.warmup_bias_lr = options.warmup_bias_lr;
  s.epochs = options.epochs, s.batch = options.batch;
  s.batches_per_epoch = size.batches_per_epoch;
  s.nominal_batch = options.nominal_batch > 0 ? options.nominal_batch
                                              : nominal_batch_for(size.images, options.batch);
  return s;
}

ScaledYoloLoss loss_of(const TrainOptions& options, int classes) {
  ScaledYoloLoss loss{.box = options.box, .objectness = options.obj};
  loss.classes = options.cls * classes / 80;
  loss.objectness_weight = options.obj_pw, loss.classes_weight = options.cls_pw;
  loss.anchor_threshold = options.anchor_t, loss.focal_gamma = options.fl_gamma;
  loss.label_smoothing = options.label_smoothing;
  return loss;
}

AverageShape shape_of(const TrainOptions& options, const CosineSchedule& schedule) {
  AverageShape shape = average_for(schedule.steps());
  if (options.average_decay > 0) shape.decay = options.average_decay;
  if (options.average_ramp > 0) shape.ramp = options.average_ramp;
  return shape;
}

/// For detectors as published; classifiers learn by the same schedule, from the mean of a step's
/// cross-entropies.
class ScaledRecipe final : public Recipe {
 public:
  ScaledRecipe(const Graph& graph, const TrainOptions& options, const RunSize& size) :
      options_(options), schedule_(schedule_of(options, size)),
      loss_(loss_of(options, class_count(graph))), average_(shape_of(options, schedule_)),
      classifies_(is_classifier(graph)) {}

  Graph trained(const Graph& graph) const override { return with_scaled_heads(graph); }
  Weights start(const Graph& graph, const Weights& weights,
                const std::set<NodeId>& random) const override {
    return start_weights(graph, weights, random);
  }
  double statistics_rate() const override { return 0.03; }
  OptimizerOptions optimizer() const override {
    // The files' decay is meant for steps of 64 pictures.
    const double share = options_.batch * schedule_.batches_per_step() / 64;
    return {.kind = static_cast<OptimizerKind>(options_.optimizer),
            .weight_decay = options_.weight_decay * share};
  }
  Rates rates(std::int64_t batch) const override { return schedule_.rates(batch); }
  int batches_per_step(std::int64_t batch) const override { return schedule_.accumulate(batch); }
  double gradient_scale(std::int64_t images) const override {
    return classifies_ ? 1 / static_cast<double>(images) : 1;
  }
  LossTerms loss(const LossInput& input) const override {
    return classifies_ ? class_loss(input, options_.label_smoothing)
                       : scaled_yolo_loss(input, loss_);
  }
  Hiding hiding(std::int64_t batch) const override {
    if (batch < schedule_.warmup_batches()) return {};
    return {.strength = options_.adversarial * progress_at(batch)};
  }
  /// Kernels move too far in the warm-up.
  bool crosses(std::int64_t batch) const override { return batch >= schedule_.warmup_batches(); }
  /// Blocks grow over the run. Source: arXiv:1810.12890.
  DropRates drops(std::int64_t batch) const override {
    const double progress = progress_at(batch);
    return {options_.dropout, options_.dropblock * progress, options_.dropconnect,
            block_ramp(progress)};
  }
  AverageStep average(std::int64_t step) const override { return {.kept = average_.kept(step)}; }

 private:
  /// How much of the run lies behind, 0..1.
  double progress_at(std::int64_t batch) const {
    return static_cast<double>(batch) /
           static_cast<double>(schedule_.epochs * schedule_.batches_per_epoch);
  }

  const TrainOptions& options_;
  CosineSchedule schedule_;
  ScaledYoloLoss loss_;
  AverageShape average_;
  bool classifies_;
};

}  // namespace

std::unique_ptr<Recipe> scaled_recipe(const Graph& graph, const TrainOptions& options,
                                      const RunSize& size) {
  return std::make_unique<ScaledRecipe>(graph, options, size);
}

TrainOptions scaled_completed(TrainOptions options) {
  const auto grown = [&](int side) { return options.multi_scale ? side + side / 2 : side; };
  options.largest = {grown(options.input.width), grown(options.input.height)};
  if (options.epochs == 0) options.epochs = 300;
  if (options.batch == 0) options.batch = 16;
  return options;
}

}  // namespace syolo::train
