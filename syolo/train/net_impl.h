// A graph as a trainable network: its program run on tensors, its parameters shared by name with
// the graph's weights. No loss, no optimiser.
#pragma once

#include <map>
#include <set>
#include <vector>

#include "syolo/graph/segments.h"
#include "syolo/train/cross_norm_impl.h"
#include "syolo/train/drop_impl.h"
#include "syolo/train/freeze_impl.h"
#include "syolo/train/fused_impl.h"
#include "syolo/train/profile_impl.h"
#include "syolo/train/torch_impl.h"
#include "syolo/weights/weights.h"

namespace syolo::train {

enum class Mode { train, eval };

/// One pass over a network.
struct Pass {
  Pass(Mode how) : mode(how) {}  // NOLINT(google-explicit-constructor): a mode alone is a pass
  Mode mode;
  const Drops* drops = nullptr;  // none: nothing is dropped
  int mini_batch = 0;            // of its step, from 0: CmBN gathers statistics over them
  bool cross = false;            // normalise by earlier iterations, too (NetOptions::cbn)
  /// Gets what each head's convolution reads, in file order.
  std::vector<torch::Tensor>* features = nullptr;
};

struct NetOptions {
  /// Device and type of the parameters; double is for checking gradients.
  torch::TensorOptions tensors = torch::TensorOptions(torch::kFloat32);
  /// Values between layers are bf16; parameters, statistics and what heads read are not.
  bool bf16 = false;
  /// All normalisations gather statistics over the mini-batches of a step, not only those of cbn=1.
  bool cmbn = false;
  /// Iterations whose statistics count, this one's as well (CBN); 0 and 1: this one's alone.
  int cbn = 0;
  /// Training passes keep what segments of the program exchange alone; their way back computes the
  /// rest anew, with the same bits.
  bool recompute = false;
  Group* group = nullptr;  // whose batches are normalised as one; none: each by itself
  /// How far running statistics move to those of a batch. ScaledYOLOv4: 0.03; Darknet: 0.1 on a
  /// CPU, 0.01 on a GPU.
  double statistics_rate = 0.03;
};

/// Parameters of these roles are estimated from batches, the others learn by gradients.
constexpr bool is_statistic(Role role) {
  return role == Role::mean || role == Role::variance;
}

class Net {
 public:
  /// Copies the weights.
  Net(Graph graph, const Weights& weights, const NetOptions& options);

  /// @param images  N,C,H,W on any device and of any type; the sides multiples of
  ///                greatest_stride(graph)
  /// @return the logits of each head in file order: what it reads, or what the logistic before a
  ///         new_coords head reads (without heads: what a last [softmax] reads, or the last
  ///         layer's output)
  std::vector<torch::Tensor> forward(const torch::Tensor& images, const Pass& pass);
  /// The output of every layer; a head's is what it reads.
  std::vector<torch::Tensor> forward_all(const torch::Tensor& images, const Pass& pass);

  /// From now on the layers learn that do so at this step; all of them until told.
  void set_learning(const Freeze& freeze, std::int64_t step);

  /// All tensors by name: in place changes change the network.
  const std::map<ParamId, torch::Tensor>& tensors() const { return tensors_; }
  const Graph& graph() const { return graph_; }

  /// What CBN keeps, by name; to be saved and, changed in place, restored.
  std::map<std::string, torch::Tensor> cross_tensors() const;
  std::int64_t cross_iterations() const { return cross_iterations_; }
  void set_cross_iterations(std::int64_t count) { cross_iterations_ = count; }

  /// Tells where the time of later passes goes, until told nullptr.
  void set_profile(Profile* profile) { profile_ = profile; }

  /// Copies, as f32.
  Weights weights() const;
  /// Overwrites the values; shapes as in the graph.
  void set_weights(const Weights& weights);

 private:
  class Run;
  void program_for(const torch::Tensor& images);
  void read_program();
  torch::Tensor input(const torch::Tensor& images) const;

  Graph graph_;
  NetOptions options_;
  std::map<ParamId, torch::Tensor> tensors_;
  Program program_;                    // for the size seen last
  std::vector<ValueId> results_;       // of it: what forward() returns
  std::vector<CodeSegment> segments_;  // of it, when values are computed anew
  std::map<NodeId, DropLayer> drop_layers_;
  std::map<NodeId, NormWindow> windows_;   // of layers that gather statistics
  std::map<NodeId, CrossWindow> cross_;    // of normalisations behind convolutions
  std::int64_t cross_iterations_ = 0;      // that have gone into the windows
  std::set<NodeId> still_, only_forward_;  // Freeze
  Profile* profile_ = nullptr;
};

}  // namespace syolo::train
