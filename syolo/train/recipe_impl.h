// What a recipe of training decides; all else of a run is common to both: trainer.cpp.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <span>

#include "syolo/train/adversarial_impl.h"
#include "syolo/train/losses/losses_impl.h"
#include "syolo/train/optimizer_impl.h"
#include "syolo/train/trainer.h"

namespace syolo::train {

struct RunSize {
  std::int64_t images = 0, batches_per_epoch = 1;  // of an epoch
};

class Recipe {
 public:
  virtual ~Recipe() = default;

  /// The network as it is trained and saved. @throws Error(unsupported) for other heads
  virtual Graph trained(const Graph& graph) const = 0;
  /// @param random  nodes whose weights are those of random_weights(); the others stay
  virtual Weights start(const Graph& graph, const Weights& weights,
                        const std::set<NodeId>& random) const = 0;
  /// How far running statistics move to those of a batch.
  virtual double statistics_rate() const = 0;
  virtual OptimizerOptions optimizer() const = 0;

  /// The size of a batch's pictures where that is not the input.
  virtual std::function<Size(Cursor at)> sizes() const { return {}; }
  /// @param batch  counted from 0 over the run
  virtual Rates rates(std::int64_t batch) const = 0;
  /// Batches that make one step now; the end of an epoch ends a step, too.
  virtual int batches_per_step(std::int64_t batch) const = 0;
  /// What the sum of a step's gradients is multiplied by.
  virtual double gradient_scale(std::int64_t images) const = 0;
  virtual LossTerms loss(const LossInput& input) const = 0;
  /// How the pictures of half of the batches hide their objects before they are learnt.
  virtual Hiding hiding(std::int64_t batch) const = 0;
  /// Whether normalisations count earlier batches, too (TrainOptions::cbn).
  virtual bool crosses(std::int64_t batch) const = 0;
  /// What a batch drops.
  virtual DropRates drops(std::int64_t batch) const = 0;

  /// After step `step`, counted from 1.
  virtual AverageStep average(std::int64_t step) const = 0;
};

/// That of options.recipe; options are completed(). @throws like the two below
std::unique_ptr<Recipe> make_recipe(const Graph& graph, const TrainOptions& options,
                                    const RunSize& size);

/// ScaledYOLOv4's, for classifiers, too. Source: arXiv:2011.08036 and its reference program.
std::unique_ptr<Recipe> scaled_recipe(const Graph& graph, const TrainOptions& options,
                                      const RunSize& size);
/// What [net] and [yolo] of the graph say, with Darknet's names and defaults.
/// @throws Error(input) at the section for a value that Darknet has not
std::unique_ptr<Recipe> darknet_recipe(const Graph& graph, const TrainOptions& options,
                                       const RunSize& size);
/// completed() of each.
TrainOptions scaled_completed(TrainOptions options);
TrainOptions darknet_completed(TrainOptions options, const Graph& graph, std::int64_t images);

}  // namespace syolo::train
