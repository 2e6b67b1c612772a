// Darknet .weights: a header and float32 in layer order; no names, no sizes.
#pragma once

#include "syolo/base/file.h"
#include "syolo/base/limits.h"
#include "syolo/weights/weights.h"

namespace syolo {

struct DarknetWeights {
  Weights weights;
  std::uint64_t images_seen = 0;
  int layers_loaded = 0;  // nodes().size() when complete; less when the file ends at a layer
};

/// Maps the file; tensors view it. Accounts for every byte: @throws Error(input) that states
/// expected and found bytes and guesses the cause (class count, other width of the header,
/// partial file, other network). NaN, Inf and negative variance are errors with place.
DarknetWeights load_darknet(const Path& path, const Graph& graph, Findings& findings,
                            const Limits& limits = {});

/// Version 0.2.5, 64-bit counter; atomic. Kernel order and layer order as the reader's.
void save_darknet(const Path& path, const Graph& graph, const Weights& weights,
                  std::uint64_t images_seen);

}  // namespace syolo
