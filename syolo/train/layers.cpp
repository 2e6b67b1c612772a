#include "syolo/train/layers.h"

#include "syolo/train/net_impl.h"

namespace syolo {

std::vector<Tensor> training_layers(const Model& model, const Tensor& input) {
  const torch::NoGradGuard no_grad;
  train::Net net(model.graph, model.weights, {});
  const Shape& shape = input.shape();
  const torch::Tensor images =
      train::to_torch(input, torch::kFloat32).reshape({1, shape.c, shape.h, shape.w});
  std::vector<Tensor> layers;
  for (const torch::Tensor& values : net.forward_all(images, train::Mode::eval)) {
    layers.push_back(train::to_tensor(
        values, {1, static_cast<int>(values.size(1)), static_cast<int>(values.size(2)),
                 static_cast<int>(values.size(3))}));
  }
  return layers;
}

}  // namespace syolo
