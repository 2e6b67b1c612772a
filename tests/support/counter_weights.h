// The counter generator of the oracles: weights and inputs as a function of their place, so that
// no test stores them. Definition: tests/data/oracles/README.md.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>
#include <vector>

#include "syolo/base/rng.h"
#include "syolo/weights/weights.h"

namespace syolo::test {

inline double counter_uniform(std::uint64_t seed, std::uint64_t i) {
  return static_cast<double>(mix64(seed * 0x100000001B3ULL + i) >> 40) * 0x1p-24;
}

/// low + width * u for the next values of the counter.
inline Tensor counter_tensor(Shape shape, double low, double width, std::uint64_t seed,
                             std::uint64_t& counter) {
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  for (float& value : values) {
    value = static_cast<float>(low + width * counter_uniform(seed, counter++));
  }
  return Tensor(shape, std::move(values));
}

/// Half of the width of the kernel's distribution.
inline double kernel_amplitude(const Node& node, const Shape& kernel, bool normalized,
                               double gain) {
  const double fan_in = double(kernel.c) * kernel.h * kernel.w;
  if (node.section == "connected" || node.section == "conn") return std::sqrt(3 / fan_in);
  return std::sqrt((normalized ? gain : 15 * gain) / fan_in);
}

struct CounterWeights {
  Weights weights;
  std::int64_t floats = 0;  // generated = values in a .weights file
};

inline CounterWeights counter_weights(const Graph& graph, std::uint64_t seed, double gain) {
  CounterWeights made;
  std::uint64_t counter = 0;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const std::vector<ParamSpec> params = graph.params(id);
    bool normalized = false;
    for (const ParamSpec& param : params) normalized |= param.role == Role::variance;
    for (const ParamSpec& param : params) {
      double low = -0.1, width = 0.2;  // bias, mean
      if (param.role == Role::scale || param.role == Role::variance) low = 0.9;
      if (param.role == Role::weights) low = 0.5, width = 1;
      if (param.role == Role::kernel) {
        const double a = kernel_amplitude(graph.node(id), param.shape, normalized, gain);
        low = -a, width = 2 * a;
      }
      made.weights.set({id, param.role}, counter_tensor(param.shape, low, width, seed, counter));
    }
  }
  made.floats = static_cast<std::int64_t>(counter);
  return made;
}

inline Tensor counter_input(Shape shape, std::uint64_t seed) {
  std::uint64_t counter = 0;
  return counter_tensor(shape, 0, 1, seed + 1000003, counter);
}

}  // namespace syolo::test
