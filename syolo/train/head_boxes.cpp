#include "syolo/train/head_boxes_impl.h"

namespace syolo::train {

torch::Tensor planes(const torch::Tensor& logits, const HeadSpec& head) {
  return logits.reshape({logits.size(0), static_cast<std::int64_t>(head.anchors.size()),
                         head.entries(), logits.size(2), logits.size(3)});
}

torch::Tensor head_outputs(const torch::Tensor& logits, const HeadSpec& head) {
  const torch::Tensor logistic = torch::sigmoid(logits);
  const torch::Tensor point = logistic.narrow(2, 0, 2) * head.scale_xy - (head.scale_xy - 1) / 2;
  const bool raw = head.form == DecodeForm::classic;
  const torch::Tensor size = (raw ? logits : logistic).narrow(2, 2, 2);
  return torch::cat({point, size, logistic.narrow(2, 4, logits.size(2) - 4)}, 2);
}

torch::Tensor head_boxes(const torch::Tensor& outputs, const HeadSpec& head, Size input) {
  const std::int64_t h = outputs.size(3), w = outputs.size(4);
  const torch::Tensor x = outputs.select(2, 0) + torch::arange(w, outputs.options());
  const torch::Tensor y = outputs.select(2, 1) + torch::arange(h, outputs.options()).unsqueeze(1);
  std::vector<double> widths, heights;
  for (const Anchor& anchor : head.anchors) {
    widths.push_back(double{anchor.w} / input.width);
    heights.push_back(double{anchor.h} / input.height);
  }
  const auto size = [&](std::int64_t entry, const std::vector<double>& of_anchors) {
    const torch::Tensor value = outputs.select(2, entry);
    const torch::Tensor anchors =
        torch::tensor(at::ArrayRef<double>(of_anchors), outputs.options()).reshape({1, -1, 1, 1});
    return anchors * (head.form == DecodeForm::classic ? torch::exp(value) : 4 * value.square());
  };
  return torch::stack(
      {x / static_cast<double>(w), y / static_cast<double>(h), size(2, widths), size(3, heights)},
      2);
}

}  // namespace syolo::train
