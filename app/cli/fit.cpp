// syolo fit: the best member of the family within a budget of time and memory on this machine, or
// on one whose prices were measured there.

#include "app/cli/fit.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include "app/cli/command.h"
#include "app/cli/interrupt.h"
#include "app/cli/price_file.h"
#include "app/cli/setup.h"
#include "syolo/base/parallel.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/image/codec.h"
#include "syolo/zoo/scaling.h"

namespace syolo::cli {
namespace {

constexpr int kTries = 6;  // candidates measured before giving up

struct FitArgs {
  double latency_ms = 0, fps = 0, memory_mb = 0, seconds = 50;
  int base = 3, classes = 80;
  std::string prices, record, out, plot;
  PlanArgs plan;
};

Budget budget_of(const FitArgs& args) {
  if (args.latency_ms > 0 && args.fps > 0) {
    throw Error(ErrorKind::usage, "expected --latency-ms or --fps, found both");
  }
  if (args.latency_ms == 0 && args.fps == 0 && args.record.empty()) {
    throw Error(ErrorKind::usage, "expected --latency-ms or --fps, found neither", {},
                "syolo fit --latency-ms 15");
  }
  const double ms = args.fps > 0 ? 1000 / args.fps : args.latency_ms;
  return {ms, static_cast<std::int64_t>(args.memory_mb * (1 << 20))};
}

/// Members of equal shapes: one shallow network tells the prices of all.
std::vector<Member> shape_groups(SearchBase base) {
  std::vector<Member> groups;
  for (const Member& member : search_grid(base)) {
    const Member shallow = shallowest(member);
    if (std::find(groups.begin(), groups.end(), shallow) == groups.end()) groups.push_back(shallow);
  }
  return groups;
}

/// Measures shallow networks, the least work first, until the budget, the time or the list ends.
class Measurement {
 public:
  Measurement(const FitArgs& args, const Budget& budget, PriceFile& file, Console& out) :
      args_(args), budget_(budget), file_(file), out_(out),
      options_(args.plan.options(out.globals)) {}

  void operator()() {
    struct Group {
      Graph graph;
      double gflops;
    };
    std::vector<Group> groups;
    for (const Member& member : shape_groups(static_cast<SearchBase>(args_.base))) {
      Graph graph = build(recipe_of(member, args_.classes));
      const double gflops = cost(graph, lower(graph)).gflops();
      groups.push_back({std::move(graph), gflops});
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const Group& a, const Group& b) { return a.gflops < b.gflops; });
    const Polling polling;
    const auto begin = std::chrono::steady_clock::now();
    std::size_t done = 0, measured = 0;
    for (const Group& group : groups) {
      out_.progress(static_cast<std::int64_t>(done++), std::ssize(groups), "shapes");
      if (interrupted()) throw Error(ErrorKind::cancelled, "stopped while measuring");
      if (file_.prices.price(group.graph)) continue;
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
      if (spent.count() > args_.seconds) {
        unfinished_ = true;
        break;
      }
      if (!within_reach(group.gflops)) continue;
      measure(group.graph, group.gflops);
      ++measured;
    }
    out_.end_progress();
    if (measured == 0) return;
    file_.prices.spread = std::max(1.0, middle(spreads_));
    out_.note(
        format("measured the layers of {} networks ({} prices)", measured, file_.prices.ms.size()));
    if (unfinished_) out_.note("larger ones are not priced yet: run again to go on");
  }

 private:
  /// Even at twice the best rate seen, would it take longer than the budget?
  bool within_reach(double gflops) const {
    return budget_.latency_ms == 0 || rate_ == 0 || gflops / (2 * rate_) < budget_.latency_ms;
  }
  void measure(const Graph& graph, double gflops) {
    const RunTimes times = measure_prices(graph, options_, file_.prices);
    rate_ = std::max(rate_, gflops / times.least_ms);
    spreads_.push_back(times.p95_ms / times.quartile_ms);
  }
  static double middle(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  }

  const FitArgs& args_;
  const Budget& budget_;
  PriceFile& file_;
  Console& out_;
  PlanOptions options_;
  double rate_ = 0;  // GFLOPs per millisecond, best
  std::vector<double> spreads_;
  bool unfinished_ = false;
};

std::vector<FitRow> priced_rows(const FitArgs& args, const PriceList& prices,
                                const QualityFit& fit) {
  std::vector<FitRow> rows;
  for (const Member& member : search_grid(static_cast<SearchBase>(args.base))) {
    const Graph graph = build(recipe_of(member, args.classes));
    const std::optional<double> ms = prices.price(graph);
    if (!ms) continue;
    const CostTable table = cost(graph, lower(graph));
    FitRow row;
    row.member = member;
    row.gflops = table.gflops();
    row.parameters = table.parameters;
    row.memory_bytes = table.weight_bytes + table.peak_activation_bytes;
    row.predicted_ms = *ms * prices.spread;
    row.predicted_ap = fit.ap(row.gflops, member.side);
    row.seen = fit.within(row.gflops);
    rows.push_back(row);
  }
  return rows;
}

std::vector<FitRow> affordable(const std::vector<FitRow>& rows, const Budget& budget) {
  std::vector<FitRow> kept;
  for (const FitRow& row : rows) {
    const bool fits = budget.memory_bytes == 0 || row.memory_bytes <= budget.memory_bytes;
    if (fits && row.predicted_ms <= budget.latency_ms) kept.push_back(row);
  }
  std::stable_sort(kept.begin(), kept.end(), [](const FitRow& a, const FitRow& b) {
    return a.predicted_ap > b.predicted_ap;
  });
  return kept;
}

/// By how much the cheapest member misses the budget.
std::string miss(const std::vector<FitRow>& rows, const Budget& budget) {
  const auto fastest = std::min_element(
      rows.begin(), rows.end(),
      [](const FitRow& a, const FitRow& b) { return a.predicted_ms < b.predicted_ms; });
  const auto smallest = std::min_element(
      rows.begin(), rows.end(),
      [](const FitRow& a, const FitRow& b) { return a.memory_bytes < b.memory_bytes; });
  std::string text =
      format("no member meets the budget: the fastest, {}, takes {:.2f} ms, {:.2f} ms {}",
             to_text(fastest->member), fastest->predicted_ms,
             std::abs(fastest->predicted_ms - budget.latency_ms),
             fastest->predicted_ms > budget.latency_ms ? "too long" : "to spare");
  if (budget.memory_bytes > 0) {
    text += format("; the smallest, {}, needs {} of {}", to_text(smallest->member),
                   mebibytes(smallest->memory_bytes), mebibytes(budget.memory_bytes));
  }
  return text;
}

/// The best one that also holds its budget when it runs. Each failure teaches how far the
/// predictions are off.
std::optional<FitRow> proven(std::vector<FitRow> rows, const FitArgs& args, const Budget& budget,
                             Console& out) {
  double off = 1;
  int tries = 0;
  for (FitRow& row : rows) {
    if (row.predicted_ms * off > budget.latency_ms) continue;
    if (++tries > kTries) break;
    const Graph graph = build(recipe_of(row.member, args.classes));
    const RunTimes times = measure_run(graph, args.plan.options(out.globals), 1);
    row.measured_ms = times.p95_ms;
    row.memory_bytes = times.memory_bytes;
    const bool small = budget.memory_bytes == 0 || times.memory_bytes <= budget.memory_bytes;
    if (times.p95_ms <= budget.latency_ms && small) return row;
    if (times.p95_ms > 2 * times.quartile_ms) {
      out.note(format("this machine is busy: one run in twenty takes {:.1f} times as long as most",
                      times.p95_ms / times.quartile_ms));
    }
    out.note(format("{}: predicted {:.2f} ms, measured {:.2f} ms: too long", to_text(row.member),
                    row.predicted_ms, times.p95_ms));
    off = std::max(off, times.p95_ms / row.predicted_ms);
  }
  return std::nullopt;
}

Json to_json(const FitRow& row) {
  Json json = {{"recipe", to_text(row.member)},
               {"base", row.member.base},
               {"depth", row.member.depth},
               {"width", row.member.width},
               {"input", {row.member.side, row.member.side}},
               {"top_level", row.member.top_level},
               {"predicted_ms", rounded(row.predicted_ms, 3)},
               {"parameters", row.parameters},
               {"gflops", rounded(row.gflops, 3)},
               {"predicted_ap", rounded(row.predicted_ap, 2)},
               {"memory_mib", rounded(static_cast<double>(row.memory_bytes) / (1 << 20), 1)}};
  if (row.measured_ms) json["measured_ms"] = rounded(*row.measured_ms, 3);
  return json;
}

std::string line_of(const FitRow& row) {
  return format("{:<58} {:>9.2f} {:>9} {:>6.1f}{} {:>9.2f} {:>12} {:>10}\n", to_text(row.member),
                row.predicted_ms, row.measured_ms ? format("{:.2f}", *row.measured_ms) : "",
                row.predicted_ap, row.seen ? " " : "*", row.gflops, grouped(row.parameters),
                mebibytes(row.memory_bytes));
}

void print(const std::vector<FitRow>& front, const FitRow& chosen, const QualityFit& fit,
           Console& out) {
  std::string text = format("{:<58} {:>9} {:>9} {:>7} {:>9} {:>12} {:>10}\n", "member", "pred. ms",
                            "meas. ms", "pred.AP", "GFLOPs", "parameters", "memory");
  // Those near the budget: the fastest and the slowest are of no interest.
  const std::size_t shown = std::min<std::size_t>(front.size(), 8);
  for (std::size_t i = front.size() - shown; i < front.size(); ++i) text += line_of(front[i]);
  text += "\nchosen\n" + line_of(chosen);
  out.print(text +
            format("times: 95th percentile of one picture. AP: {:.2f} {:+.2f} GFLOPs^-0.7 {:+.2f} "
                   "ln(side/640), fitted to {} published networks; off by {:.1f} AP at a network "
                   "it has not seen{}\n",
                   fit.a, fit.b, fit.c, quality_points().size(), fit.leave_one_out,
                   chosen.seen ? "" : "; * far outside their work: a guess"));
}

void write_files(const FitArgs& args, const std::vector<FitRow>& rows, const Budget& budget,
                 const FitRow& chosen, const std::string& machine, Console& out) {
  if (!args.out.empty()) {
    write_file_atomic(args.out, write_cfg(build(recipe_of(chosen.member, args.classes))));
    out.note("written: " + printable(args.out));
  }
  if (args.plot.empty()) return;
  if (args.plot.ends_with(".png")) {
    save_image(args.plot, image_of(fit_sheet(rows, budget, &chosen)).view());
  } else {
    write_file_atomic(args.plot, fit_page(rows, budget, &chosen, machine));
  }
  out.note("written: " + printable(args.plot));
}

Exit run(const FitArgs& args, Console& out) {
  const Budget budget = budget_of(args);
  const PlanOptions options = args.plan.options(out.globals);
  const int threads = options.threads > 0 ? options.threads : cpu_budget().threads();
  const bool foreign = !args.prices.empty();
  PriceFile file = foreign ? load_prices(args.prices)
                           : own_prices(options.cache, threads, word(options.precision));
  if (!foreign) {
    Measurement(args, budget, file, out)();
    keep_prices(options.cache, file);
  }
  if (!args.record.empty()) {
    write_file_atomic(args.record, price_json(file));
    out.note("written: " + printable(args.record));
    if (budget.latency_ms == 0) return Exit::done;
  }
  const QualityFit fit = fit_quality(quality_points());
  const std::vector<FitRow> rows = priced_rows(args, file.prices, fit);
  if (rows.empty()) {
    throw Error(ErrorKind::input, "expected prices of members of the family, found none of them",
                {.file = args.prices}, "record them with the same --base and --classes");
  }
  std::vector<FitRow> within = affordable(rows, budget);
  if (within.empty()) {
    out.warn(miss(rows, budget));
    return Exit::no;
  }
  std::optional<FitRow> chosen = within.front();
  if (!foreign) chosen = proven(within, args, budget, out);
  if (!chosen) {
    out.warn(
        format("predictions say {} members meet the budget, but none of the best {} measured did",
               within.size(), kTries));
    return Exit::no;
  }
  const std::vector<FitRow> front = pareto(within);
  write_files(args, rows, budget, *chosen, file.machine, out);
  if (!out.globals.json) {
    print(front, *chosen, fit, out);
    return Exit::done;
  }
  Json candidates = Json::array();
  for (const FitRow& row : front) candidates.push_back(to_json(row));
  Json best = to_json(*chosen);
  best["cfg"] = args.out;
  out.print(document(
      {{"budget", {{"latency_ms", budget.latency_ms}, {"memory_mib", args.memory_mb}}},
       {"machine",
        {{"processor", file.machine}, {"threads", file.threads}, {"precision", file.precision}}},
       {"quality_error", rounded(fit.leave_one_out, 2)},
       {"chosen", std::move(best)},
       {"candidates", std::move(candidates)}}));
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<FitArgs>();
  add_real(cli, "--latency-ms", args->latency_ms, 0.01, 1e6, "MS",
           "at most this long per picture (95th percentile)");
  add_real(cli, "--fps", args->fps, 0.001, 1e5, "N", "or: at least so many pictures a second");
  add_real(cli, "--memory-mb", args->memory_mb, 0.1, 1e6, "MB",
           "at most so much for weights and activations");
  add_choice(cli, "--base", args->base, {"tiny", "csp", "large", "any"}, "B",
             "tiny, csp, large, any (default)");
  add_int(cli, "--classes", args->classes, 1, 10'000, "N", "classes (default 80)");
  add_real(cli, "--seconds", args->seconds, 0.1, 3600, "S",
           "measure prices so long at most; kept for the next run (default 50)");
  add_text(cli, "--record", args->record, "FILE", "write this machine's prices; needs no budget");
  add_text(cli, "--prices", args->prices, "FILE", "prices of another machine; nothing is measured");
  add_text(cli, "--out", args->out, "FILE", "write the cfg");
  add_text(cli, "--plot", args->plot, "FILE", "AP against time: a .png, or a page");
  add_plan(cli, args->plan);
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command fit_command() {
  return {"fit",
          "",
          "the best network of the family for this machine",
          "--latency-ms MS [options]",
          "syolo fit --latency-ms 500 --base tiny --seconds 3",
          bind,
          /*computes=*/true};
}

}  // namespace syolo::cli
