// Gradients summed over the ranks while autograd is still on its way back: in buckets, each sent
// as soon as its gradients are complete.
#pragma once

#include <memory>

#include "syolo/train/group_impl.h"
#include "syolo/train/net_impl.h"

namespace syolo::train {

class GradientSums {
 public:
  /// Both must outlive it.
  GradientSums(const Net& net, Group& group);
  ~GradientSums();
  GradientSums(const GradientSums&) = delete;
  GradientSums& operator=(const GradientSums&) = delete;

  /// Before the way back of a step's last batch: earlier batches of it stay with their rank.
  void begin();
  /// After it: all gradients are the sums over the ranks; a parameter without one anywhere keeps
  /// none.
  void finish();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace syolo::train
