#include "syolo/train/gradient_sums_impl.h"

namespace syolo::train {
namespace {

constexpr std::int64_t kBucketValues = std::int64_t{1} << 20;  // 4 MiB

struct Bucket {
  std::vector<std::size_t> members;  // numbers of parameters
  std::size_t missing = 0;           // gradients
  torch::Tensor values;
  std::function<void()> wait;
};

}  // namespace

class GradientSums::Impl {
 public:
  Impl(const Net& net, Group& group) : group_(group) {
    for (const auto& [id, tensor] : net.tensors()) {
      if (!is_statistic(id.role)) parameters_.push_back({tensor, nullptr, 0});
    }
  }

  void begin() {
    buckets_.clear(), sent_ = 0;
    std::int64_t values = kBucketValues;
    for (std::size_t i = parameters_.size(); i-- > 0;) {  // about as autograd finishes them
      Parameter& parameter = parameters_[i];
      if (!parameter.tensor.requires_grad()) continue;
      listen(i);
      if (values >= kBucketValues) buckets_.emplace_back(), values = 0;
      buckets_.back().members.push_back(i);
      ++buckets_.back().missing;
      parameter.bucket = buckets_.size() - 1;
      values += parameter.tensor.numel();
    }
    running_ = true;
  }

  void finish() {
    running_ = false;
    while (sent_ < buckets_.size()) send(buckets_[sent_++]);  // some have no gradient
    for (const Bucket& bucket : buckets_) {
      bucket.wait();
      take(bucket);
    }
  }

 private:
  struct Parameter {
    torch::Tensor tensor;
    std::shared_ptr<torch::autograd::Node> accumulator;  // kept: the tensor alone forgets it
    std::size_t bucket;
  };
  struct Ready final : torch::autograd::FunctionPostHook {
    Ready(Impl& impl, std::size_t parameter) : impl_(impl), parameter_(parameter) {}
    torch::autograd::variable_list operator()(
        const torch::autograd::variable_list& outputs,
        const torch::autograd::variable_list& /*inputs*/) override {
      impl_.ready(parameter_);
      return outputs;
    }
    Impl& impl_;
    std::size_t parameter_;
  };

  void listen(std::size_t i) {
    Parameter& parameter = parameters_[i];
    const auto accumulator = torch::autograd::impl::grad_accumulator(parameter.tensor);
    if (accumulator == parameter.accumulator) return;
    parameter.accumulator = accumulator;
    accumulator->add_post_hook(std::make_unique<Ready>(*this, i));
  }

  /// Buckets go in their order, since every rank must send the same.
  void ready(std::size_t i) {
    if (!running_) return;
    --buckets_[parameters_[i].bucket].missing;
    while (sent_ < buckets_.size() && buckets_[sent_].missing == 0) send(buckets_[sent_++]);
  }

  void send(Bucket& bucket) {
    const torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> parts;
    for (const std::size_t member : bucket.members) {
      const torch::Tensor& tensor = parameters_[member].tensor;
      parts.push_back(tensor.grad().defined() ? tensor.grad().detach().reshape({-1})
                                              : torch::zeros({tensor.numel()}, tensor.options()));
    }
    bucket.values = torch::cat(parts).to(torch::kCPU);
    bucket.wait = group_.start_sum(bucket.values);
  }

  void take(const Bucket& bucket) {
    const torch::NoGradGuard no_grad;
    std::int64_t at = 0;
    for (const std::size_t member : bucket.members) {
      const torch::Tensor& tensor = parameters_[member].tensor;
      const torch::Tensor sum = bucket.values.narrow(0, at, tensor.numel()).view(tensor.sizes());
      at += tensor.numel();
      if (tensor.grad().defined()) tensor.mutable_grad().copy_(sum);
    }
  }

  Group& group_;
  std::vector<Parameter> parameters_;
  std::vector<Bucket> buckets_;
  std::size_t sent_ = 0;  // buckets
  bool running_ = false;
};

GradientSums::GradientSums(const Net& net, Group& group) :
    impl_(std::make_unique<Impl>(net, group)) {}
GradientSums::~GradientSums() = default;
void GradientSums::begin() {
  impl_->begin();
}
void GradientSums::finish() {
  impl_->finish();
}

}  // namespace syolo::train
