// Decoding and suppression on one core. Worst case by contract: 25,200 boxes x 80 classes all
// above the threshold in under 50 ms.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "syolo/base/rng.h"
#include "syolo/boxes/postprocess.h"

namespace syolo {
namespace {

enum Fill { quiet, random, rising, falling, equal, one_class };

struct Heads {
  std::vector<std::vector<float>> values;
  std::vector<HeadView> views;
  std::vector<HeadSpec> specs;

  Heads(Fill fill, bool blocked) {
    Rng rng(1, Stream::test);
    values.reserve(3);
    for (const int side : {80, 40, 20}) {
      HeadSpec spec;
      spec.classes = fill == one_class ? 1 : 80;
      spec.anchors = {{12, 16}, {76, 55}, {142, 110}};
      const Shape shape{1, spec.channels(), side, side};
      const int block = blocked ? 16 : 1;
      const auto padded = static_cast<std::size_t>((shape.c + block - 1) / block * block);
      values.emplace_back(padded * static_cast<std::size_t>(shape.plane()));
      fill_values(values.back(), fill, rng);
      views.push_back({values.back().data(), shape, block});
      specs.push_back(spec);
    }
  }

  static void fill_values(std::vector<float>& all, Fill fill, Rng& rng) {
    const double step = 3.0 / static_cast<double>(all.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double part = step * static_cast<double>(i);
      switch (fill) {
        case quiet:
          all[i] = static_cast<float>(rng.uniform(-12, -6));
          break;
        case random:
        case one_class:
          all[i] = static_cast<float>(rng.uniform(-1, 4));
          break;
        case rising:
          all[i] = static_cast<float>(part - 1);
          break;
        case falling:
          all[i] = static_cast<float>(2 - part);
          break;
        case equal:
          all[i] = 1;
          break;
      }
    }
  }
};

void run(benchmark::State& state, Fill fill) {
  const Heads heads(fill, state.range(0) != 0);
  NmsOptions options;
  options.confidence = fill == quiet ? 0.25F : 0.001F;
  options.method = static_cast<NmsMethod>(state.range(1));
  std::size_t found = 0;
  for (auto _ : state) {
    found =
        postprocess(heads.views, heads.specs, {640, 640}, options, {1, 1, 0, 0, {640, 640}}).size();
    benchmark::DoNotOptimize(found);
  }
  state.counters["detections"] = static_cast<double>(found);
}

void variants(benchmark::internal::Benchmark* bench) {
  bench->ArgNames({"blocked", "method"})->Unit(benchmark::kMillisecond);
  for (const int blocked : {0, 1}) {
    for (const auto method : {NmsMethod::iou, NmsMethod::greedy_diou}) {
      bench->Args({blocked, static_cast<int>(method)});
    }
  }
}

BENCHMARK_CAPTURE(run, nothing_found, quiet)->Apply(variants);
BENCHMARK_CAPTURE(run, all_random, random)->Apply(variants);
BENCHMARK_CAPTURE(run, all_rising, rising)->Apply(variants);
BENCHMARK_CAPTURE(run, all_falling, falling)->Apply(variants);
BENCHMARK_CAPTURE(run, all_equal, equal)->Apply(variants);
BENCHMARK_CAPTURE(run, one_class, one_class)->Apply(variants);

/// 30,000 candidates of one class around a few places: the most comparisons per candidate.
void crowded(benchmark::State& state) {
  Rng rng(2, Stream::test);
  std::vector<Candidate> all(30'000);
  const auto spread = static_cast<double>(state.range(0));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto x = static_cast<float>(rng.uniform(0, spread));
    const auto y = static_cast<float>(rng.uniform(0, spread));
    const auto w = static_cast<float>(rng.uniform(90, 110));
    all[i].box = {x, y, x + w, y + w};
    all[i].score = static_cast<float>(rng.uniform(0.3, 1));
    all[i].cell = static_cast<int>(i);
  }
  NmsOptions options;
  options.method = static_cast<NmsMethod>(state.range(1));
  std::size_t found = 0;
  for (auto _ : state) benchmark::DoNotOptimize(found = suppress(all, options).size());
  state.counters["detections"] = static_cast<double>(found);
}
BENCHMARK(crowded)
    ->ArgNames({"spread", "method"})
    ->ArgsProduct({{20, 200, 800, 1100, 2000}, {1, 2, 4, 5}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace syolo
