// Activations in training: the formulas of graph/activation.h over tensors, so that autograd
// differentiates them. LibTorch's own kernels where it has one, since they keep one tensor for the
// way back instead of one per step of the formula.
#include "syolo/train/operations_impl.h"

namespace syolo::train {
namespace {

/// A tensor as the number of a formula.
struct Number {
  torch::Tensor value;
};
struct Condition {
  torch::Tensor holds;
};

Number operator+(const Number& a, const Number& b) {
  return {a.value + b.value};
}
Number operator-(const Number& a, const Number& b) {
  return {a.value - b.value};
}
Number operator*(const Number& a, const Number& b) {
  return {a.value * b.value};
}
Number operator+(const Number& a, double b) {
  return {a.value + b};
}
Number operator-(const Number& a, double b) {
  return {a.value - b};
}
Number operator*(const Number& a, double b) {
  return {a.value * b};
}
Condition operator>(const Number& a, double b) {
  return {a.value > b};
}
Condition operator>=(const Number& a, double b) {
  return {a.value >= b};
}
Condition operator<(const Number& a, double b) {
  return {a.value < b};
}
Number expm1(const Number& x) {
  return {torch::expm1(x.value)};
}
Number tanh(const Number& x) {
  return {torch::tanh(x.value)};
}
Number floor(const Number& x) {
  return {torch::floor(x.value)};
}
Number maximum(const Number& x, double low) {
  return {torch::clamp_min(x.value, low)};
}
Number clamp(const Number& x, double low, double high) {
  return {torch::clamp(x.value, low, high)};
}
Number logistic(const Number& x) {
  return {torch::sigmoid(x.value)};
}
Number softplus(const Number& x) {
  return {torch::softplus(x.value)};
}
Number select(const Condition& condition, const Number& yes, const Number& no) {
  return {torch::where(condition.holds, yes.value, no.value)};
}

torch::Tensor formula(const Act& act, const torch::Tensor& x) {
  if (act.is<formula::Mish>()) return torch::mish(x);
  if (act.is<formula::Swish>()) return torch::silu(x);
  if (act.is<formula::Leaky>()) return torch::leaky_relu(x, 0.1);
  if (act.is<formula::Relu>()) return torch::relu(x);
  return act.apply(Number{x}).value;
}

/// Groups of values that are coupled, as [N, groups, members, cells].
torch::Tensor couple(const Activate& op, const torch::Tensor& x) {
  constexpr int kMembers = 2;
  constexpr double kFloor = 1e-4;
  switch (op.act.across()) {
    case Across::none:
      return x;
    case Across::softmax:
      return torch::softmax(x / op.temperature, kMembers);
    case Across::relu_sum: {
      const torch::Tensor y = torch::relu(x);
      return y / (y.sum(kMembers, true) + kFloor);
    }
    case Across::exp_sum: {
      const torch::Tensor y = torch::exp(x / op.temperature);
      return y / (y.sum(kMembers, true) + kFloor);
    }
    case Across::exp_sum_shifted: {
      const torch::Tensor y = torch::exp((x - x.amax(kMembers, true)) / op.temperature);
      return y / (y.sum(kMembers, true) + kFloor);
    }
  }
  return x;
}

}  // namespace

torch::Tensor activate(const Activate& op, const torch::Tensor& src) {
  // LibTorch 1.13 has no Mish of bf16, and a formula in bf16 would lose at every step.
  if (src.scalar_type() == torch::kBFloat16) {
    return activate(op, src.to(torch::kFloat32)).to(torch::kBFloat16);
  }
  if (op.act.across() == Across::none) return formula(op.act, src);
  const std::int64_t cells = op.flat ? 1 : src.size(2) * src.size(3);
  return couple(op, src.reshape({src.size(0), op.groups, -1, cells})).reshape(src.sizes());
}

}  // namespace syolo::train
