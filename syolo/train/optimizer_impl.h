// From gradients to new weights: SGD with momentum, Adam and AdamW; and the running average of the
// weights. Both keep their tensors by the parameters' names.
#pragma once

#include "syolo/train/net_impl.h"
#include "syolo/train/schedule_impl.h"

namespace syolo::train {

enum class OptimizerKind { sgd, adam, adamw };

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::sgd;
  bool nesterov = true;        // of sgd
  double weight_decay = 5e-4;  // of kernels only; adamw: apart from the gradient
  double beta2 = 0.999, epsilon = 1e-8;
};

using Named = std::map<std::string, torch::Tensor>;

/// Acts on the parameters of a net, which must outlive it.
class Optimizer {
 public:
  Optimizer(Net& net, const OptimizerOptions& options);

  void zero_gradients();
  /// The largest magnitude among the gradients; NaN or infinite when one of them is.
  double largest_gradient() const;
  /// One step. Gradients are multiplied by `gradient_scale` first. adam: momentum is beta1. A
  /// layer's learning_rate of the cfg multiplies its rates, its `clip` bounds its kernels.
  void step(const Rates& rates, double gradient_scale = 1);

  std::int64_t steps() const { return steps_; }
  /// Momentum and the like; to be saved and, changed in place, restored.
  const Named& tensors() const { return tensors_; }
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  torch::Tensor direction(const std::string& name, const torch::Tensor& gradient, double momentum);

  Net& net_;
  OptimizerOptions options_;
  std::int64_t steps_ = 0;
  Named tensors_;
  std::map<NodeId, double> factors_;  // of layers whose rate is not the network's
  std::map<NodeId, double> clips_;    // of layers whose kernels are bounded
};

/// What one step does to the average.
struct AverageStep {
  double kept = 0;         // of the old average: 0 makes it the net
  bool statistics = true;  // averaged as well; else those of the net
  bool replaces = false;   // the net goes on from the average
};

/// The exponential average of all of a net's tensors.
class Average {
 public:
  explicit Average(const Net& net);
  void update(Net& net, const AverageStep& step);
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }
  const Named& tensors() const { return tensors_; }
  /// As f32, shaped as the graph says.
  Weights weights(const Graph& graph) const;

 private:
  std::int64_t updates_ = 0;
  Named tensors_;
};

}  // namespace syolo::train
