// Random weights, batch normalisation folded into kernels, weights of weighted shortcuts.

#include "syolo/weights/weights.h"

#include <algorithm>
#include <cmath>

#include "syolo/base/rng.h"
#include "syolo/base/text.h"

namespace syolo {

std::string to_text(const ParamId& id) {
  return format("{}.{}", id.node, name_of(id.role));
}

const Tensor& Weights::at(ParamId id) const {
  const auto found = tensors_.find(id);
  SYOLO_ASSERT(found != tensors_.end(), format("no parameter {}", to_text(id)));
  return found->second;
}

void Weights::release_pages(ParamId id) const {
  const auto found = tensors_.find(id);
  if (file_ == nullptr || found == tensors_.end() || found->second.empty()) return;
  const auto view = std::as_bytes(found->second.values());
  const auto bytes = file_->bytes();
  const std::less_equal<const std::byte*> not_after;  // total even for unrelated pointers
  const bool inside = not_after(bytes.data(), view.data()) &&
                      not_after(view.data() + view.size(), bytes.data() + bytes.size());
  if (inside) file_->forget(view.data(), view.size());
}

Tensor random_parameter(ParamId id, const Shape& shape, std::uint64_t seed) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()), 0.0F);
  switch (id.role) {
    case Role::bias:
    case Role::mean:
      break;
    case Role::scale:
    case Role::variance:
    case Role::weights:
      std::fill(values.begin(), values.end(), 1.0F);
      break;
    case Role::kernel: {
      const auto fan_in = static_cast<double>(std::max<std::int64_t>(1, shape.c * shape.plane()));
      const double bound = std::sqrt(6 / fan_in);
      Rng rng(seed, Stream::init, 0, static_cast<std::uint64_t>(id.node));
      for (float& value : values) value = static_cast<float>(rng.uniform(-bound, bound));
      break;
    }
  }
  return Tensor(shape, std::move(values));
}

Weights random_weights(const Graph& graph, std::uint64_t seed) {
  Weights weights;
  for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
    for (const ParamSpec& spec : graph.params(node)) {
      const ParamId id{node, spec.role};
      weights.set(id, random_parameter(id, spec.shape, seed));
    }
  }
  return weights;
}

void fold_batch_norm(const Weights& weights, NodeId node, double epsilon, int first,
                     std::span<float> kernel, std::span<float> bias) {
  const auto source = weights.at({node, Role::kernel}).values();
  const auto shift = weights.at({node, Role::bias}).values();
  const auto scale = weights.at({node, Role::scale}).values();
  const auto mean = weights.at({node, Role::mean}).values();
  const auto variance = weights.at({node, Role::variance}).values();
  const auto begin = static_cast<std::size_t>(first);
  SYOLO_ASSERT(first >= 0 && !bias.empty() && begin + bias.size() <= shift.size() &&
                   kernel.size() == source.size() / shift.size() * bias.size(),
               "fold_batch_norm: wrong buffer sizes");

  const std::size_t per_filter = source.size() / shift.size();
  for (std::size_t i = 0; i < bias.size(); ++i) {
    const std::size_t filter = begin + i;
    const double factor = scale[filter] / std::sqrt(variance[filter] + epsilon);
    bias[i] = static_cast<float>(shift[filter] - factor * mean[filter]);
    const auto from = source.subspan(filter * per_filter, per_filter);
    const auto to = kernel.subspan(i * per_filter, per_filter);
    for (std::size_t k = 0; k < per_filter; ++k) to[k] = static_cast<float>(from[k] * factor);
  }
}

namespace {

/// What one weight contributes to the sum it is divided by; `top` is the greatest of its channel.
double share(double value, double top, WeightedSum::Normalization normalization) {
  switch (normalization) {
    case WeightedSum::Normalization::none:
      return value;
    case WeightedSum::Normalization::relu:
      return std::max(value, 0.0);
    case WeightedSum::Normalization::softmax:
      return std::exp(value - top);
  }
  SYOLO_ASSERT(false, "unknown normalisation");
}

}  // namespace

std::vector<double> normalized_sum_weights(const Tensor& weights, int sources,
                                           WeightedSum::Normalization normalization) {
  const auto raw = weights.values();
  SYOLO_ASSERT(sources > 0 && raw.size() % static_cast<std::size_t>(sources) == 0,
               "normalized_sum_weights: weights do not divide by sources");
  const std::size_t channels = raw.size() / static_cast<std::size_t>(sources);
  std::vector<double> result(raw.begin(), raw.end());
  if (normalization == WeightedSum::Normalization::none) return result;

  for (std::size_t channel = 0; channel < channels; ++channel) {
    double top = raw[channel];
    for (std::size_t i = channel; i < raw.size(); i += channels) top = std::max(top, result[i]);
    double sum = 1e-4;  // not rescaled with the shift: Darknet's definition
    for (std::size_t i = channel; i < raw.size(); i += channels) {
      result[i] = share(result[i], top, normalization);
      sum += result[i];
    }
    for (std::size_t i = channel; i < raw.size(); i += channels) result[i] /= sum;
  }
  return result;
}

}  // namespace syolo
