// syolo fit: the best member of the family within a budget of time and memory on this machine, or
// on one whose prices were measured there.

#include "app/cli/fit.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <set>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/fit_prices.h"
#include "app/cli/recipe_anchors.h"
#include "app/cli/setup.h"
#include "syolo/base/parallel.h"
#include "syolo/data/anchor_fit.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/image/codec.h"
#include "syolo/zoo/scaling.h"

namespace syolo::cli {
namespace {

constexpr int kTries = 6;        // candidates measured before giving up
constexpr double kSameAp = 0.3;  // not worth another run
constexpr int kFinestCell = 8;   // pixels

struct FitArgs {
  double latency_ms = 0, fps = 0, memory_mb = 0, seconds = 50;
  int base = 3, classes = 0;
  std::string data, prices, record, out, plot;
  PlanArgs plan;
};

/// The members to look at, and what a dataset says about them.
struct Wanted {
  std::vector<Member> grid;
  int classes = 80;
  std::optional<Dataset> data = {};
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

std::vector<FitRow> priced_rows(const Wanted& wanted, const PriceList& prices,
                                const QualityFit& fit) {
  std::vector<FitRow> rows;
  for (const Member& member : wanted.grid) {
    const Graph graph = build(recipe_of(member, wanted.classes));
    const std::optional<double> ms = prices.price(graph);
    if (!ms) continue;
    const CostTable table = cost(graph, lower(graph));
    FitRow row;
    row.member = member;
    row.gflops = table.gflops();
    row.parameters = table.parameters;
    row.memory_bytes = table.weight_bytes + table.peak_activation_bytes;
    row.predicted_typical_ms = *ms;
    row.predicted_ms = *ms * prices.spread;
    row.predicted_ap = fit.ap(row.gflops, member.side);
    row.seen = fit.within(row.gflops);
    rows.push_back(row);
  }
  return rows;
}

ObjectSizes object_sizes(const Dataset& data) {
  constexpr int kSide = 1000;
  std::vector<double> sides;
  for (const Anchor& box : box_sizes(data, {kSide, kSide}, Fit::letterbox))
    sides.push_back(std::sqrt(double{box.w} * double{box.h}) / kSide);
  if (sides.empty()) {
    throw Error(ErrorKind::input, "expected boxes in the dataset's training part, found none", {},
                "without --data nothing is asked of objects");
  }
  std::sort(sides.begin(), sides.end());
  const auto last = static_cast<double>(sides.size() - 1);
  return {sides[static_cast<std::size_t>(0.1 * last)], sides[static_cast<std::size_t>(0.9 * last)]};
}

Wanted wanted_of(const FitArgs& args, Console& out) {
  const auto base = static_cast<SearchBase>(args.base);
  if (args.data.empty()) return {search_grid(base), args.classes > 0 ? args.classes : 80};
  if (args.classes > 0) {
    throw Error(ErrorKind::usage, "expected --classes or --data, found both", {},
                "the dataset says how many classes there are");
  }
  std::vector<Part> parts = load_parts_for(args.data, out);
  Dataset data = std::move(parts.front().data);  // the training part comes first
  const ObjectSizes sizes = object_sizes(data);
  const int classes = std::max(1, static_cast<int>(data.names.size()));
  Wanted wanted{search_grid(base, sizes), classes, std::move(data)};
  const Member& least = wanted.grid.front();
  out.note(
      format("{} classes; objects of {:.1f} % to {:.1f} % of the picture's side: inputs from {}",
             classes, 100 * sizes.small, 100 * sizes.large, least.side));
  if (search_grid(base).back().side * sizes.small < kFinestCell) {
    out.warn(
        format("a tenth of the objects is smaller than a cell of {} pixels even at the "
               "largest input: no member sees them well",
               kFinestCell));
  }
  return wanted;
}

Recipe recipe_for(const Wanted& wanted, const Member& member, std::uint64_t seed, Console& out) {
  Recipe r = recipe_of(member, wanted.classes);
  if (wanted.data) fit_anchors(r, *wanted.data, seed, out);
  return r;
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

/// The best by predicted AP; among those that the fit cannot tell from it, the one of most work.
/// Null when there is none.
const FitRow* best_of(const std::vector<const FitRow*>& rows, double error) {
  double most = -1;
  for (const FitRow* row : rows) most = std::max(most, row->predicted_ap);
  const FitRow* best = nullptr;
  for (const FitRow* row : rows) {
    if (row->predicted_ap < most - error) continue;
    if (!best || row->gflops > best->gflops) best = row;
  }
  return best;
}

/// Runs members, the best first, until the best that holds the budget is found. Each run teaches by
/// how much the predictions are off, in both directions: the next is the best that holds by then.
class Proof {
 public:
  Proof(int classes, const PlanOptions& options, const Budget& budget, double error, Console& out) :
      classes_(classes), options_(options), budget_(budget), error_(error), out_(out) {}

  /// @param rows  all priced members
  std::optional<FitRow> operator()(const std::vector<FitRow>& rows) {
    std::set<const FitRow*> tried;
    std::optional<FitRow> best;
    for (int tries = 0; tries < kTries; ++tries) {
      std::vector<const FitRow*> open;
      for (const FitRow& row : rows) {
        const bool better =
            !best || (row.gflops > best->gflops && row.predicted_ap > best->predicted_ap + kSameAp);
        const bool fits = row.predicted_ms * off_ <= budget_.latency_ms && fits_memory(row);
        if (better && fits && !tried.contains(&row)) open.push_back(&row);
      }
      const FitRow* next = best_of(open, error_);
      if (!next) break;
      tried.insert(next);
      FitRow row = *next;
      if (holds(row)) best = row;
    }
    return best;
  }

 private:
  bool fits_memory(const FitRow& row) const {
    return budget_.memory_bytes == 0 || row.memory_bytes <= budget_.memory_bytes;
  }

  bool holds(FitRow& row) {
    const RunTimes times = measure_run(build(recipe_of(row.member, classes_)), options_, 1);
    row.measured_ms = times.p95_ms;
    row.measured_typical_ms = times.quartile_ms;
    row.memory_bytes = times.memory_bytes;
    off_ = times.p95_ms / row.predicted_ms;
    if (times.p95_ms <= budget_.latency_ms && fits_memory(row)) return true;
    if (times.p95_ms > 2 * times.quartile_ms) {
      out_.note(format("this machine is busy: one run in twenty takes {:.1f} times as long as most",
                       times.p95_ms / times.quartile_ms));
    }
    out_.note(format("{}: predicted {:.2f} ms, measured {:.2f} ms: too long", to_text(row.member),
                     row.predicted_ms, times.p95_ms));
    return false;
  }

  int classes_;
  const PlanOptions& options_;
  const Budget& budget_;
  double error_;  // of predicted AP
  Console& out_;
  double off_ = 1;  // measured over predicted, of the last run
};

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
  json["predicted_typical_ms"] = rounded(row.predicted_typical_ms, 3);
  if (!row.measured_ms) return json;
  json["measured_ms"] = rounded(*row.measured_ms, 3);
  json["measured_typical_ms"] = rounded(row.measured_typical_ms, 3);
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
  if (chosen.measured_ms) {
    text += format("most runs: predicted {:.2f} ms, measured {:.2f} ms\n",
                   chosen.predicted_typical_ms, chosen.measured_typical_ms);
  }
  out.print(text +
            format("times: 95th percentile of one picture. AP: {:.2f} {:+.2f} GFLOPs^-0.7 {:+.2f} "
                   "ln(side/640), fitted to {} published networks; off by {:.1f} AP at a network "
                   "it has not seen{}\n",
                   fit.a, fit.b, fit.c, quality_points().size(), fit.leave_one_out,
                   chosen.seen ? "" : "; * far outside their work: a guess"));
}

void write_files(const FitArgs& args, const Wanted& wanted, const std::vector<FitRow>& rows,
                 const Budget& budget, const FitRow& chosen, const std::string& machine,
                 Console& out) {
  if (!args.out.empty()) {
    const Recipe r = recipe_for(wanted, chosen.member, out.globals.seed, out);
    write_file_atomic(args.out, write_cfg(build(r)));
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

std::string fit_document(const FitArgs& args, const Budget& budget, const PriceFile& file,
                         const QualityFit& fit, const FitRow& chosen,
                         const std::vector<FitRow>& front) {
  Json candidates = Json::array();
  for (const FitRow& row : front) candidates.push_back(to_json(row));
  Json best = to_json(chosen);
  best["cfg"] = args.out;
  return document(
      {{"budget", {{"latency_ms", budget.latency_ms}, {"memory_mib", args.memory_mb}}},
       {"machine",
        {{"processor", file.machine}, {"threads", file.threads}, {"precision", file.precision}}},
       {"quality_error", rounded(fit.leave_one_out, 2)},
       {"chosen", std::move(best)},
       {"candidates", std::move(candidates)}});
}

Exit run(const FitArgs& args, Console& out) {
  const Budget budget = budget_of(args);
  const PlanOptions options = args.plan.options(out.globals);
  const int threads = options.threads > 0 ? options.threads : cpu_budget().threads();
  const bool foreign = !args.prices.empty();
  PriceFile file = foreign ? load_prices(args.prices)
                           : own_prices(options.cache, threads, word(options.precision));
  const Wanted wanted = wanted_of(args, out);
  const QualityFit fit = fit_quality(quality_points());
  if (!foreign) {
    measure_prices({wanted.grid, wanted.classes, budget, fit, options, args.seconds}, file, out);
    keep_prices(options.cache, file);
  }
  if (!args.record.empty()) {
    write_file_atomic(args.record, price_json(file));
    out.note("written: " + printable(args.record));
    if (budget.latency_ms == 0) return Exit::done;
  }
  const std::vector<FitRow> rows = priced_rows(wanted, file.prices, fit);
  if (rows.empty()) {
    throw Error(ErrorKind::input, "expected prices of members of the family, found none of them",
                {.file = args.prices}, "record them with the same --base and --classes");
  }
  std::vector<FitRow> within = affordable(rows, budget);
  if (within.empty()) {
    out.warn(miss(rows, budget));
    return Exit::no;
  }
  std::vector<const FitRow*> all;
  all.reserve(within.size());
  for (const FitRow& row : within) all.push_back(&row);
  std::optional<FitRow> chosen = *best_of(all, fit.leave_one_out);
  if (!foreign) chosen = Proof(wanted.classes, options, budget, fit.leave_one_out, out)(rows);
  if (!chosen) {
    out.warn(
        format("predictions say {} members meet the budget, but none of the best {} measured did",
               within.size(), kTries));
    return Exit::no;
  }
  const std::vector<FitRow> front = pareto(within);
  write_files(args, wanted, rows, budget, *chosen, file.machine, out);
  if (out.globals.json) {
    out.print(fit_document(args, budget, file, fit, *chosen, front));
  } else {
    print(front, *chosen, fit, out);
  }
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
  add_text(cli, "--data", args->data, "DATASET",
           "classes, object sizes and anchors of its training part");
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
