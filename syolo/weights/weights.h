// Weights: named f32 tensors checked against a graph. No pixels, no speed.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "syolo/base/error.h"
#include "syolo/base/file.h"
#include "syolo/base/tensor.h"
#include "syolo/graph/graph.h"

namespace syolo {

/// Prints as "112.kernel".
struct ParamId {
  NodeId node = 0;
  Role role = Role::kernel;
  auto operator<=>(const ParamId&) const = default;
};
std::string to_text(const ParamId& id);

/// Every parameter of a graph, shapes as Graph::params says. Tensors are shared, so copies
/// are cheap; share_index layers own nothing here.
class Weights {
 public:
  bool has(ParamId id) const { return tensors_.count(id) != 0; }
  const Tensor& at(ParamId id) const;  // asserts that it is there
  void set(ParamId id, Tensor tensor) { tensors_[id] = std::move(tensor); }
  const std::map<ParamId, Tensor>& all() const { return tensors_; }

  /// Keeps the mapped file that tensors view, so that release_pages knows their pages.
  void keep(std::shared_ptr<const MappedFile> file) { file_ = std::move(file); }
  /// Lets the pages of this parameter leave memory when it views a mapped file, else nothing;
  /// reading the tensor again is legal. For a planner that has packed its own copy.
  void release_pages(ParamId id) const;

 private:
  std::map<ParamId, Tensor> tensors_;
  std::shared_ptr<const MappedFile> file_;
};

/// The bytes of a file, mapped or in memory; tensors that view them share `owner`.
struct FileBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
  std::string name;  // for messages
};

/// Seeded random weights of a sane scale, for bench, cost and the start of training: He-uniform
/// kernels, unit scale, variance and shortcut weights, zero bias and mean. The values of a layer
/// depend on the seed, its number and its shapes only.
Weights random_weights(const Graph& graph, std::uint64_t seed);
/// The same for one parameter.
Tensor random_parameter(ParamId id, const Shape& shape, std::uint64_t seed);

/// Kernel and bias with the batch normalisation folded in, computed in double:
/// w' = w*scale/sqrt(variance + epsilon), b' = bias - scale*mean/sqrt(variance + epsilon).
/// Writes as many filters as `bias` has values, from filter `first` on; `kernel` has their weights.
void fold_batch_norm(const Weights& weights, NodeId node, double epsilon, int first,
                     std::span<float> kernel, std::span<float> bias);

/// Normalised weights of a weighted shortcut, [source][channel] or [source].
std::vector<double> normalized_sum_weights(const Tensor& weights, int sources,
                                           WeightedSum::Normalization normalization);

}  // namespace syolo
