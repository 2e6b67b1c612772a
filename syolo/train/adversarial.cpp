#include "syolo/train/adversarial_impl.h"

#include "syolo/train/head_boxes_impl.h"

namespace syolo::train {

torch::Tensor hiding_direction(const torch::Tensor& logits, const HeadSpec& head, Size input,
                               double objectness) {
  constexpr double kSure = 0.25;
  const torch::NoGradGuard no_grad;
  const torch::Tensor entries = planes(logits, head);
  const torch::Tensor outputs = head_outputs(entries, head);
  const torch::Tensor boxes = head_boxes(outputs, head, input);
  const torch::Tensor area = boxes.narrow(2, 2, 1) * boxes.narrow(2, 3, 1);
  const torch::Tensor q = area.sqrt();  // sizes of both forms are above 0
  const torch::Tensor o = outputs.narrow(2, 4, 1), p = outputs.narrow(2, 5, head.classes);

  const torch::Tensor seen = p * o > kSure;
  const torch::Tensor any = seen.any(2, true);
  const torch::Tensor others = (p * o < kSure).logical_and(any);
  const torch::Tensor zero = torch::zeros({}, p.options());
  const torch::Tensor of_classes =
      torch::where(seen, -q * p, zero) + torch::where(others, q * (1 - p), zero);
  const torch::Tensor of_boxes = torch::where(any, -q * outputs.narrow(2, 0, 4), zero);
  torch::Tensor direction = torch::cat({of_boxes, -q * objectness * o, of_classes}, 2);
  if (head.form == DecodeForm::new_coords) {  // through the logistic of its convolution
    const torch::Tensor v = torch::sigmoid(entries);
    direction = direction * v * (1 - v);
  }
  return direction.reshape(logits.sizes());
}

torch::Tensor hidden(Net& net, const torch::Tensor& images, std::span<const HeadSpec> heads,
                     const Hiding& hiding) {
  const torch::AutoGradMode grad(true);
  const torch::Tensor from = images.detach().clone().set_requires_grad(true);
  const std::vector<torch::Tensor> logits = net.forward(from, Mode::eval);
  const Size input{static_cast<int>(images.size(3)), static_cast<int>(images.size(2))};
  std::vector<torch::Tensor> directions;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    directions.push_back(hiding_direction(logits[i].detach(), heads[i], input, hiding.objectness));
  }
  const torch::Tensor step = torch::autograd::grad(logits, {from}, directions)[0];
  return (images + step * hiding.strength).clamp(0, 1).detach();
}

}  // namespace syolo::train
