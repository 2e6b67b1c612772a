#include "syolo/train/losses/losses_impl.h"

namespace syolo::train {

LossTerms class_loss(const LossInput& input, double smoothing) {
  SYOLO_ASSERT(input.logits.size() == 1, "one vector of logits for each picture");
  const torch::Tensor logits = input.logits[0].flatten(1);
  const std::int64_t images = logits.size(0), classes = logits.size(1);
  SYOLO_ASSERT(std::ssize(input.classes) == images, "classes of every picture");
  torch::Tensor wanted =
      torch::full({images, classes}, smoothing / static_cast<double>(classes), torch::kFloat64);
  auto at = wanted.accessor<double, 2>();
  for (std::int64_t image = 0; image < images; ++image) {
    for (const ClassShare& one : input.classes[static_cast<std::size_t>(image)]) {
      at[image][one.cls] += (1 - smoothing) * one.share;
    }
  }
  const double part = input.shared ? 1.0 / input.group->size() : 1.0;
  LossTerms terms;
  terms.total = -part * (torch::log_softmax(logits, 1) * wanted.to(logits.options())).sum();
  terms.classes = terms.total.item<double>() / static_cast<double>(input.images());
  return terms;
}

}  // namespace syolo::train
