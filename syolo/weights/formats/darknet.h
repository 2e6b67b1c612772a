// Darknet .weights: a header and float32 in layer order; no names, no sizes.
#pragma once

#include <vector>

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
///
/// What the file does not hold is never invented silently. Kernels of `dontload` layers and of
/// the layers behind the end of a partial file are random_parameter(seed 0), their scales and
/// variances 1, everything else 0; `dontloadscales` gives scale and variance 1, mean 0. A finding
/// names each case: "weights-partial", "weights-not-in-file". A header whose counter has the
/// other width than its version says is "weights-header-width".
DarknetWeights load_darknet(const Path& path, const Graph& graph, Findings& findings,
                            const Limits& limits = {});
/// The same from bytes, which the tensors go on viewing.
DarknetWeights read_darknet(const FileBytes& file, const Graph& graph, Findings& findings,
                            const Limits& limits = {});

/// Version 0.2.5, 64-bit counter; atomic. Kernel order and layer order as the reader's: what the
/// reader skips (dontload, dontloadscales) is not written. @throws Error(input) for NaN or Inf.
void save_darknet(const Path& path, const Graph& graph, const Weights& weights,
                  std::uint64_t images_seen);
std::vector<std::byte> write_darknet(const Graph& graph, const Weights& weights,
                                     std::uint64_t images_seen);

}  // namespace syolo
