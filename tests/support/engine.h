// Running the engine in tests: models from graphs, and the outputs of a run as plain values.
#pragma once

#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "syolo/runtime/plan.h"
#include "tests/support/oracle.h"

namespace syolo::test {

inline Model model_of(const Graph& graph, const Weights& weights) {
  Model model{.graph = graph, .weights = weights, .names = {}, .origin = {}, .findings = {}};
  for (int i = 0; i < class_count(graph); ++i) model.names.push_back(std::to_string(i));
  return model;
}

/// Choices without timing, so that every run of a test plans alike.
inline PlanOptions plain_options(bool keep_nodes = false, int threads = 2) {
  PlanOptions options;
  options.tune = Tune::heuristic;
  options.keep_nodes = keep_nodes;
  options.threads = threads;
  return options;
}

/// A head's raw values in C,H,W order, whatever the engine's layout.
template <class T>
std::vector<T> plain_values(const HeadView& view) {
  std::vector<T> values;
  values.reserve(static_cast<std::size_t>(view.shape.elements()));
  for (int c = 0; c < view.shape.c; ++c) {
    for (int y = 0; y < view.shape.h; ++y) {
      for (int x = 0; x < view.shape.w; ++x) values.push_back(view.at(c, y, x));
    }
  }
  return values;
}

/// Everything a run hands out: the heads' raw values, then the last layer's output.
inline std::vector<float> all_outputs(Session& session, const Graph& graph, const Tensor& input) {
  std::vector<float> all;
  for (const HeadView& view : session.run(input.values())) {
    const std::vector<float> values = plain_values<float>(view);
    all.insert(all.end(), values.begin(), values.end());
  }
  const Tensor last = session.node_output(static_cast<NodeId>(graph.nodes().size()) - 1);
  all.insert(all.end(), last.values().begin(), last.values().end());
  return all;
}

/// Equal bytes: unlike ==, tells 0 from -0 and takes NaN for itself.
inline bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && !a.empty() &&
         std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

}  // namespace syolo::test
