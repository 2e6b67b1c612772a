// The interpreter: slow, obvious, in double. It is the judge of every fast path.
#pragma once

#include <functional>
#include <vector>

#include "syolo/weights/weights.h"

namespace syolo {

/// Values of every node of a program for one image. `bound` is the scale of each value's
/// rounding error: the sum of the magnitudes of the terms that were added up for it (sum |w*x|
/// and |b| of a convolution, times |scale / deviation| of a normalisation after it), or the
/// value's own magnitude where nothing is added. `terms` is how many there were.
struct Outputs {
  struct Node {
    Shape shape;
    std::vector<double> values;
    std::vector<double> bound;  // empty without InterpretOptions::bounds
    std::int64_t terms = 1;
  };
  std::vector<Node> nodes;  // indexed by NodeId; without values where a pass removed the node
};

struct InterpretOptions {
  bool bounds = true;  // off: half of the time and memory
  int threads = 0;     // 0 = what this process may use; never changes a result
  /// Layer-by-layer comparison: a tensor returned here for a node is what later nodes read
  /// instead of the node's computed values; an empty one changes nothing.
  std::function<Tensor(NodeId)> observed = {};
};

/// Runs the program as it is (lowered or optimised).
/// @param input  C,H,W values of the program's input shape
Outputs interpret(const Program& program, const Weights& weights, const Tensor& input,
                  const InterpretOptions& options = {});

/// Tolerance of a sum of K terms in a type of `epsilon`: 4 eps (2 + log2 K) sum|w*x|.
double rounding_bound(double epsilon, std::int64_t terms, double sum_of_magnitudes);

}  // namespace syolo
