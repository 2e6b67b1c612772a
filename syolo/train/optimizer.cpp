#include "syolo/train/optimizer_impl.h"

#include <cmath>

#include "syolo/train/hints_impl.h"

namespace syolo::train {

Optimizer::Optimizer(Net& net, const OptimizerOptions& options) : net_(net), options_(options) {
  for (const auto& [id, tensor] : net_.tensors()) {
    if (is_statistic(id.role)) continue;
    tensors_["momentum/" + to_text(id)] = torch::zeros_like(tensor).detach();
    if (options_.kind == OptimizerKind::sgd) continue;
    tensors_["square/" + to_text(id)] = torch::zeros_like(tensor).detach();
  }
  for (const Node& node : net_.graph().nodes()) {
    const auto id = static_cast<NodeId>(&node - net_.graph().nodes().data());
    const Hints hints(node.hints, node.where);
    const double factor = hints.real("learning_rate", 1), clip = hints.real("clip", 0);
    if (factor != 1) factors_[id] = factor;
    if (clip > 0) clips_[id] = clip;
  }
}

void Optimizer::zero_gradients() {
  for (const auto& [id, tensor] : net_.tensors()) tensor.mutable_grad().reset();
}

double Optimizer::largest_gradient() const {
  torch::Tensor largest = torch::zeros({});
  for (const auto& [id, tensor] : net_.tensors()) {
    if (!tensor.grad().defined()) continue;
    // All of these hand NaN on.
    const auto [least, most] = at::aminmax(tensor.grad().detach());
    largest = torch::maximum(largest, torch::maximum(-least, most).to(largest.options()));
  }
  return largest.item<double>();
}

/// What the step follows, from the gradient and the memory of earlier ones.
torch::Tensor Optimizer::direction(const std::string& name, const torch::Tensor& gradient,
                                   double momentum) {
  torch::Tensor first = tensors_.at("momentum/" + name);
  if (options_.kind == OptimizerKind::sgd) {
    first.mul_(momentum).add_(gradient);  // the first step: 0 + gradient
    return options_.nesterov ? torch::add(gradient, first, momentum) : first;
  }
  torch::Tensor second = tensors_.at("square/" + name);
  first.mul_(momentum).add_(gradient, 1 - momentum);
  second.mul_(options_.beta2).addcmul_(gradient, gradient, 1 - options_.beta2);
  const auto n = static_cast<double>(steps_);
  const torch::Tensor deviation = (second / (1 - std::pow(options_.beta2, n))).sqrt_();
  return first / (deviation.add_(options_.epsilon) * (1 - std::pow(momentum, n)));
}

void Optimizer::step(const Rates& rates, double gradient_scale) {
  const torch::NoGradGuard no_grad;
  ++steps_;
  for (const auto& [id, parameter] : net_.tensors()) {
    if (!parameter.grad().defined()) continue;
    const auto factor = factors_.find(id.node);
    const double rate = (id.role == Role::bias ? rates.biases : rates.weights) *
                        (factor == factors_.end() ? 1 : factor->second);
    const double decay = id.role == Role::kernel ? options_.weight_decay : 0;
    torch::Tensor gradient = parameter.grad();
    if (gradient_scale != 1) gradient = gradient * gradient_scale;
    torch::Tensor target = parameter;
    if (decay > 0 && options_.kind == OptimizerKind::adamw) {
      target.mul_(1 - rate * decay);
    } else if (decay > 0) {
      gradient = torch::add(gradient, parameter, decay);
    }
    target.sub_(direction(to_text(id), gradient, rates.momentum), rate);
    const auto clip = clips_.find(id.node);
    if (clip != clips_.end() && id.role == Role::kernel) {
      target.clamp_(-clip->second, clip->second);
    }
  }
}

Average::Average(const Net& net) {
  for (const auto& [id, tensor] : net.tensors()) {
    tensors_["average/" + to_text(id)] = tensor.detach().clone();
  }
}

void Average::update(Net& net, const AverageStep& step) {
  const torch::NoGradGuard no_grad;
  ++updates_;
  for (const auto& [id, tensor] : net.tensors()) {
    const double kept = step.statistics || !is_statistic(id.role) ? step.kept : 0;
    torch::Tensor average = tensors_.at("average/" + to_text(id)), own = tensor;
    average.mul_(kept).add_(own, 1 - kept);
    if (step.replaces) own.copy_(average);
  }
}

Weights Average::weights(const Graph& graph) const {
  Weights weights;
  for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
    for (const ParamSpec& param : graph.params(node)) {
      const ParamId id{node, param.role};
      weights.set(id, to_tensor(tensors_.at("average/" + to_text(id)), param.shape));
    }
  }
  return weights;
}

}  // namespace syolo::train
