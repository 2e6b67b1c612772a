// syolo bench: how fast and how large a network is here. Warm-up first, spread always shown.

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/interrupt.h"
#include "app/cli/json.h"
#include "app/cli/setup.h"
#include "syolo/base/rng.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"

namespace syolo::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchArgs {
  ModelArgs model;
  PlanArgs plan;
  int batch = 1;
  double seconds = 3;
  bool layers = false;
};

struct LayerTime {
  PlanStep step;
  double ms = 0;
};

struct Report {
  std::string model;
  Shape input;
  int batch = 1;
  PlanSummary plan;
  double gflop = 0;  // of one image
  double load_ms = 0, plan_ms = 0, first_ms = 0;
  std::vector<double> ms;  // of the timed runs, sorted
  std::vector<LayerTime> layers;
  double peak_rss_mib = 0;

  double median() const { return ms[ms.size() / 2]; }
  double p95() const {
    const double rank = std::ceil(0.95 * static_cast<double>(ms.size()));
    return ms[static_cast<std::size_t>(rank) - 1];
  }
  double images_per_second() const { return 1000.0 * batch / median(); }
  double gflops_per_second() const { return gflop * images_per_second(); }
};

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double peak_rss_mib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024.0;
}

void stop_if_asked() {
  if (interrupted()) throw Error(ErrorKind::cancelled, "stopped before the end of the measurement");
}

/// Median milliseconds of each step over some runs of their own: timing steps costs time.
std::vector<LayerTime> time_layers(Session& session, const PlanSummary& plan,
                                   std::span<const float> input) {
  constexpr int kRuns = 9;
  std::vector<std::vector<double>> times(plan.steps.size());
  session.set_timing(true);
  for (int run = 0; run < kRuns; ++run) {
    stop_if_asked();
    session.run(input);
    const std::span<const double> steps = session.step_ms();
    for (std::size_t i = 0; i < std::min(steps.size(), times.size()); ++i) {
      times[i].push_back(steps[i]);
    }
  }
  session.set_timing(false);
  std::vector<LayerTime> layers;
  for (std::size_t i = 0; i < times.size(); ++i) {
    std::sort(times[i].begin(), times[i].end());
    layers.push_back({plan.steps[i], times[i].empty() ? 0 : times[i][times[i].size() / 2]});
  }
  return layers;
}

void measure(Report& report, Session& session, const BenchArgs& args, Console& out) {
  std::vector<float> input(static_cast<std::size_t>(report.input.elements()));
  Rng rng(out.globals.seed, Stream::test);
  for (float& value : input) value = static_cast<float>(rng.uniform());
  const auto batch = [&] {
    for (int i = 0; i < args.batch; ++i) session.run(input);
  };
  auto begin = Clock::now();
  session.run(input);
  report.first_ms = ms_since(begin);
  const Polling polling;
  for (begin = Clock::now(); ms_since(begin) < 100 * std::min(args.seconds, 10.0);) batch();
  const auto start = Clock::now();
  const double limit_ms = 1000 * args.seconds;
  do {
    stop_if_asked();
    begin = Clock::now();
    batch();
    report.ms.push_back(ms_since(begin));
    out.progress(static_cast<std::int64_t>(report.ms.size()), 0, "runs");
  } while (ms_since(start) < limit_ms || report.ms.size() < 5);
  out.end_progress();
  std::sort(report.ms.begin(), report.ms.end());
  if (args.layers) report.layers = time_layers(session, report.plan, input);
}

Json to_json(const Report& report, bool with_layers) {
  Json layers = Json::array();
  for (const LayerTime& layer : report.layers) {
    layers.push_back({{"index", layer.step.origin},
                      {"what", layer.step.what},
                      {"candidate", layer.step.candidate},
                      {"ms", rounded(layer.ms, 4)},
                      {"macs", layer.step.macs}});
  }
  Json json = {{"model", report.model},
               {"input", {report.input.w, report.input.h}},
               {"batch", report.batch},
               {"threads", report.plan.threads},
               {"precision", word(report.plan.precision)},
               {"ms",
                {{"min", rounded(report.ms.front(), 3)},
                 {"median", rounded(report.median(), 3)},
                 {"p95", rounded(report.p95(), 3)}}},
               {"images_per_second", rounded(report.images_per_second(), 2)},
               {"gflops_per_second", rounded(report.gflops_per_second(), 2)},
               {"load_ms", rounded(report.load_ms, 3)},
               {"plan_ms", rounded(report.plan_ms, 3)},
               {"first_ms", rounded(report.first_ms, 3)},
               {"peak_rss_mib", rounded(report.peak_rss_mib, 1)}};
  if (with_layers) json["layers"] = std::move(layers);
  return json;
}

std::string layer_table(const Report& report) {
  double total = 0;
  for (const LayerTime& layer : report.layers) total += layer.ms;
  std::string out = format("{:>5}  {:<44} {:<24} {:>9} {:>6} {:>9}\n", "layer", "what", "how", "ms",
                           "%", "GFLOP/s");
  for (const LayerTime& layer : report.layers) {
    const double rate = layer.ms > 0 ? 2e-6 * static_cast<double>(layer.step.macs) / layer.ms : 0;
    out +=
        format("{:>5}  {:<44} {:<24} {:>9.3f} {:>6.1f} {:>9}\n", layer.step.origin, layer.step.what,
               layer.step.candidate, layer.ms, total > 0 ? 100 * layer.ms / total : 0.0,
               layer.step.macs > 0 ? format("{:.1f}", rate) : std::string());
  }
  return out + "\n";
}

std::string to_text(const Report& report) {
  std::string out = report.layers.empty() ? std::string() : layer_table(report);
  const std::string per = report.batch == 1 ? "per image" : format("per batch of {}", report.batch);
  out += format("{:<12} min {:.2f}  median {:.2f}  p95 {:.2f} ms {} ({} runs)\n", "latency",
                report.ms.front(), report.median(), report.p95(), per, report.ms.size());
  out += format("{:<12} {:.1f} images/s, {:.1f} GFLOP/s\n", "throughput",
                report.images_per_second(), report.gflops_per_second());
  out += format("{:<12} load {:.1f} + plan {:.1f} + first run {:.1f} ms\n", "start", report.load_ms,
                report.plan_ms, report.first_ms);
  out += format("{:<12} peak {:.1f} MiB; arena {}, weights {}\n", "memory", report.peak_rss_mib,
                mebibytes(report.plan.arena_bytes), mebibytes(report.plan.weight_bytes));
  return out;
}

Exit run(const BenchArgs& args, Console& out) {
  Report report;
  auto begin = Clock::now();
  const Model model = load(args.model, out, WithoutWeights::random);
  report.load_ms = ms_since(begin);
  report.model = std::filesystem::path(model.origin.model_file).filename().string();
  report.input = input_shape(model.graph, args.model, out);
  report.batch = args.batch;
  if (model.origin.format == "random") {
    out.note(format("no weights found: measuring random ones (seed {})", out.globals.seed));
  }
  begin = Clock::now();
  const auto plan = make_plan(model, report.input, args.plan.options(out.globals));
  report.plan_ms = ms_since(begin);
  report.plan = explain(*plan);
  report.gflop = cost(model.graph, lower(model.graph, report.input)).gflops();
  out.note(headline(model, report.plan));
  Session session(plan);
  measure(report, session, args, out);
  report.peak_rss_mib = peak_rss_mib();
  out.print(out.globals.json ? document(to_json(report, args.layers)) : to_text(report));
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<BenchArgs>();
  add_model(cli, args->model);
  add_weights(cli, args->model);
  add_input(cli, args->model);
  add_int(cli, "--batch", args->batch, 1, 1024, "N",
          "images per run, one after another (default 1)");
  add_real(cli, "--seconds", args->seconds, 0.01, 3600, "S", "how long to measure (default 3)");
  cli.add_flag("--layers", args->layers, "also the time of each step");
  add_plan(cli, args->plan);
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command bench_command() {
  return {"bench",
          "",
          "latency, throughput and memory of a network here",
          "MODEL [options]",
          "syolo bench models/yolo-fastest-1.1-xl.cfg --seconds 1 --layers",
          bind,
          /*computes=*/true};
}

}  // namespace syolo::cli
