// How well the prices of shallow networks predict whole ones: predicted beside measured, in
// milliseconds, for twelve networks spread over the family. --benchmark_filter=FitPrediction
#include <benchmark/benchmark.h>

#include <algorithm>
#include <limits>

#include "syolo/runtime/prices.h"
#include "syolo/zoo/models.h"
#include "syolo/zoo/scaling.h"

namespace syolo {
namespace {

// Both are measured in turns and the least of each counts: a machine whose own speed changes
// between two moments says nothing about the method.
constexpr int kTurns = 4;

struct Case {
  const char* name;
  double depth, width;
  int side;
};
constexpr Case kCases[] = {{"yolov4-tiny", 1, 1, 416},
                           {"yolov4-tiny-3l", 1, 1, 320},
                           {"yolov3", 1, 0.5, 320},
                           {"yolov3-spp", 1, 1, 320},
                           {"yolov4", 1, 0.5, 416},
                           {"yolov4-csp-leaky", 0.33, 0.5, 416},
                           {"yolov4-csp-leaky", 0.67, 0.75, 320},
                           {"yolov4-csp", 1, 1, 320},
                           {"yolov4-csp-swish", 1, 0.5, 512},
                           {"yolov4x-mish", 1, 0.5, 320},
                           {"yolov4-p5", 1, 0.5, 448},
                           {"yolov4-p6", 1, 0.25, 640}};

Recipe recipe_of(const Case& c, double depth) {
  return scaled(recipe(c.name), {.depth = depth, .width = c.width, .input = Size{c.side, c.side}});
}

void FitPrediction(benchmark::State& state) {  // NOLINT(readability-identifier-naming)
  const Case& c = kCases[state.range(0)];
  state.SetLabel(c.name);
  for (auto _ : state) {
    const Graph graph = build(recipe_of(c, c.depth));
    double predicted = std::numeric_limits<double>::max(), measured = predicted;
    for (int turn = 0; turn < kTurns; ++turn) {
      PriceList prices;
      measure_prices(build(recipe_of(c, 0.01)), {}, prices);
      predicted = std::min(predicted, prices.price(graph).value_or(0));
      measured = std::min(measured, measure_run(graph, {}, 0.5).quartile_ms);
    }
    state.counters["predicted_ms"] = predicted;
    state.counters["measured_ms"] = measured;
    state.counters["error_percent"] = 100 * (predicted / measured - 1);
  }
}
BENCHMARK(FitPrediction)->DenseRange(0, std::size(kCases) - 1)->Iterations(1);

}  // namespace
}  // namespace syolo
