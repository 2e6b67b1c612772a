// Program -> program, for inference. Each pass keeps the meaning of the outputs.
#pragma once

#include <span>

#include "syolo/graph/program.h"

namespace syolo {

struct PassOptions {
  bool keep_nodes = false;  // every node's output stays a value (for trace and verify)
};

/// Drops training-only operations, folds batch normalisation into its convolution, attaches
/// activations and residual sums to the convolution before them, turns parallel max-pools of
/// sizes 5, 9, 13 (any odd k, stride 1) into a cascade, and removes what nothing reads.
Program optimized(const Program& program, const PassOptions& options = {});

/// For each value, the index of the last instruction that reads it (code.size() for outputs:
/// heads' sources and the last node); -1 if never read.
std::vector<int> last_uses(const Program& program);
std::vector<ValueId> outputs(const Program& program);

/// Whether instruction i is a batch normalisation that only the activation behind it reads, so
/// that both can be computed at once. @param last  last_uses()
bool feeds_activation(const Program& program, std::span<const int> last, std::size_t i);

}  // namespace syolo
