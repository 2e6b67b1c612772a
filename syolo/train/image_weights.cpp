#include "syolo/train/image_weights_impl.h"

#include <algorithm>
#include <numeric>

namespace syolo::train {

std::vector<double> image_weights(const Dataset& data, const std::vector<double>& class_ap) {
  std::vector<double> of_class(data.names.size(), 0);
  const auto at = [](const Truth& truth) { return static_cast<std::size_t>(truth.cls); };
  for (const Item& item : data.items) {
    for (const Truth& truth : item.truths) ++of_class[at(truth)];
  }
  for (double& count : of_class) count = 1 / std::max(count, 1.0);
  const double all = std::accumulate(of_class.begin(), of_class.end(), 0.0);
  for (std::size_t c = 0; c < of_class.size(); ++c) {
    const double missing = 1 - (c < class_ap.size() ? std::clamp(class_ap[c], 0.0, 1.0) : 0);
    of_class[c] *= missing * missing / all;
  }
  std::vector<double> weights;
  for (const Item& item : data.items) {
    double weight = 0;
    for (const Truth& truth : item.truths) weight += of_class[at(truth)];
    weights.push_back(weight);
  }
  return weights;
}

}  // namespace syolo::train
