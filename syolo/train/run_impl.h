// One pass over a network's program, whole or in segments that autograd computes anew on the way
// back.
#pragma once

#include <memory>
#include <span>

#include "syolo/train/net_impl.h"

namespace syolo::train {

class Net::Run : public std::enable_shared_from_this<Net::Run> {
 public:
  /// Net and program must outlive it, and the way back of what it gives.
  Run(Net& net, const Program& program, const Pass& pass, bool keep_all);

  /// In a shared_ptr: segments keep it until their way back.
  void operator()(const torch::Tensor& images);
  std::vector<torch::Tensor> values(std::span<const ValueId> ids);
  /// What the convolutions read that give these.
  std::vector<torch::Tensor> read_for(std::span<const ValueId> ids) const;
  /// Lets go of all values, which hold the way back that holds this.
  void forget();

 private:
  struct Kept;
  class Segment;

  bool learns(const CodeSegment& segment) const;
  std::vector<torch::Tensor> through(const CodeSegment& segment,
                                     const std::vector<torch::Tensor>& in);
  void execute(std::size_t begin, std::size_t end);
  void release(std::size_t i);
  void set(ValueId id, const torch::Tensor& result);
  torch::Tensor& value(ValueId id) { return values_[static_cast<std::size_t>(id)]; }
  const torch::Tensor& src(std::size_t i) { return value(instr_->src[i]); }
  std::vector<torch::Tensor> sources();
  const Shape& dst() const { return program_.shape(instr_->dst); }
  torch::Tensor param(NodeId node, Role role) const { return net_.tensors_.at({node, role}); }
  bool is_result(ValueId id) const;

  torch::Tensor run(const Input& op);
  torch::Tensor run(const Conv& op);
  torch::Tensor run(const BatchNorm& op) { return normalized(op, {}); }
  torch::Tensor run(const Activate& op);
  torch::Tensor run(const Pool& op);
  torch::Tensor run(const Upsample& op);
  torch::Tensor run(const Concat& op);
  torch::Tensor run(const Slice& op);
  torch::Tensor run(const Binary& op);
  torch::Tensor run(const WeightedSum& op);
  torch::Tensor run(const Reorg& op);
  torch::Tensor run(const Drop& op);
  torch::Tensor run(const Head& op);
  torch::Tensor of_head(const Conv& op);
  torch::Tensor bias_of(const Conv& op) const;
  torch::Tensor normalized(const BatchNorm& op, const Activate& act);
  CrossWindow* cross() const;

  Net& net_;
  const Program& program_;
  Pass pass_;
  Drops drops_;  // pass_.drops points here: segments run later
  bool keep_all_;
  bool in_segments_ = false, again_ = false;  // again_: on the way back
  std::vector<int> last_;
  std::vector<torch::Tensor> values_;
  torch::Tensor images_;
  std::map<ValueId, torch::Tensor> read_;        // by the convolutions of heads
  const Instr* conv_ = nullptr;                  // the last convolution
  torch::Tensor conv_src_;                       // what it read, for CBN
  std::map<const Instr*, NormMoments> moments_;  // of the first time, in segments
  const Instr* instr_ = nullptr;
};

}  // namespace syolo::train
