#include "syolo/train/torch_impl.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <algorithm>

#include "syolo/base/error.h"

namespace syolo::train {

torch::Tensor to_torch(const Tensor& tensor, const torch::TensorOptions& options) {
  const Shape& shape = tensor.shape();
  const bool vector = shape.n == 1 && shape.h == 1 && shape.w == 1;
  const auto values = tensor.values();
  torch::Tensor copy = torch::empty({shape.elements()}, torch::kFloat32);
  std::copy(values.begin(), values.end(), copy.data_ptr<float>());
  if (!vector) copy = copy.reshape({shape.n, shape.c, shape.h, shape.w});
  return copy.to(options);
}

Tensor to_tensor(const torch::Tensor& tensor, const Shape& shape) {
  SYOLO_ASSERT(tensor.numel() == shape.elements(), "a shape of the tensor's size");
  const torch::Tensor plain = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const float* values = plain.data_ptr<float>();
  return Tensor(shape, std::vector<float>(values, values + plain.numel()));
}

void keep_freed_memory() {
#ifdef __GLIBC__
  mallopt(M_MMAP_MAX, 0);         // nothing from mappings that are given back
  mallopt(M_TRIM_THRESHOLD, -1);  // nothing is given back from the heap's end
#endif
}

}  // namespace syolo::train
