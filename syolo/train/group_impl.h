// Processes that train one network together. Every member makes the same calls in the same order.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "syolo/train/torch_impl.h"
#include "syolo/train/trainer.h"

namespace syolo::train {

/// Errors are Error(rank_lost): another member has ended, or does not answer.
class Group {
 public:
  virtual ~Group() = default;
  virtual int rank() const = 0;
  virtual int size() const = 0;
  /// Sums over the members, in place; all of them get the same bits.
  virtual void sum(std::span<double> values) = 0;
  /// The same for a dense tensor, in the background. @return waits until it holds the sums
  virtual std::function<void()> start_sum(const torch::Tensor& values) = 0;

  bool leads() const { return rank() == 0; }
  /// Whether one of the members says so.
  bool any(bool here);
};

/// The group that meets at the place; one rank is a group by itself.
/// @throws Error(rank_lost) when the others do not come, Error(unsupported) for a build without
/// Gloo
std::unique_ptr<Group> group_for(const RankPlace& place);

}  // namespace syolo::train
