// The interpreter: slow, obvious, in double. It is the judge of every fast path.
#pragma once

#include <vector>

#include "syolo/weights/weights.h"

namespace syolo {

/// Values of every node of a program for one image. `bound` holds sum |w*x| per value of
/// convolutions (the scale of their rounding error), empty elsewhere.
struct Outputs {
  struct Node {
    Shape shape;
    std::vector<double> values;
    std::vector<double> bound;
  };
  std::vector<Node> nodes;  // indexed by NodeId
};

/// @param input  C,H,W values. Runs the program as it is (lowered or optimised).
Outputs interpret(const Program& program, const Weights& weights, const Tensor& input);

/// Tolerance of a sum of K terms in a type of `epsilon`: 4 eps (2 + log2 K) sum|w*x|.
double rounding_bound(double epsilon, std::int64_t terms, double sum_of_magnitudes);

}  // namespace syolo
