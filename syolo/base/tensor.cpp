#include "syolo/base/tensor.h"

#include "syolo/base/error.h"

namespace syolo {

std::string to_text(const Shape& shape) {
  const std::string chw = format("{}x{}x{}", shape.c, shape.h, shape.w);
  return shape.n == 1 ? chw : format("{}x{}", shape.n, chw);
}

Tensor::Tensor(Shape shape) :
    Tensor(shape, std::vector<float>(static_cast<std::size_t>(shape.elements()))) {}

Tensor::Tensor(Shape shape, std::vector<float> values) : shape_(shape) {
  SYOLO_ASSERT(static_cast<std::int64_t>(values.size()) == shape.elements(), "tensor size");
  auto owned = std::make_shared<std::vector<float>>(std::move(values));
  values_ = *owned;
  owner_ = std::move(owned);
}

Tensor::Tensor(Shape shape, std::span<const float> values, std::shared_ptr<const void> owner) :
    shape_(shape), values_(values), owner_(std::move(owner)), view_(true) {
  SYOLO_ASSERT(static_cast<std::int64_t>(values.size()) == shape.elements(), "tensor size");
}

std::span<float> Tensor::mutable_values() {
  SYOLO_ASSERT(!view_ && owner_.use_count() == 1, "only a tensor that owns its values may change");
  return {const_cast<float*>(values_.data()), values_.size()};
}

}  // namespace syolo
