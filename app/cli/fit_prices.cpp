#include "app/cli/fit_prices.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "app/cli/interrupt.h"

namespace syolo::cli {
namespace {

constexpr double kHope = 1.3;       // estimates so far above the budget are tried,
constexpr double kFirstHope = 2;    // and while little is known, so far
constexpr std::size_t kLittle = 6;  // networks
constexpr double kOtherBase = 0.7;  // in logarithms of work: another base tells less
constexpr double kWorseByAp = 3;    // groups that promise so much less are left out
constexpr std::size_t kFewSpreads = 3;

struct Candidate {
  Member member;
  double gflops = 0, ap = 0;
};
struct Group {
  Member shallow;
  double gflops = 0;
  std::vector<Candidate> members;
  bool done = false;
};

/// What a run told: milliseconds for this much work on this base.
struct Experience {
  std::string_view base;
  double gflops, ms;
};

class Pricing {
 public:
  Pricing(const PricingTask& task, PriceFile& file, Console& out) :
      task_(task), file_(file), out_(out) {
    WorkTable work(task.classes);
    for (const Member& member : task.grid) {
      Group& group = group_of(shallowest(member));
      if (group.members.empty()) group.gflops = work.gflops(group.shallow);
      const double gflops = work.gflops(member);
      group.members.push_back({member, gflops, task.quality.ap(gflops, member.side)});
    }
  }

  void run() {
    const Polling polling;
    const auto begin = std::chrono::steady_clock::now();
    while (Group* group = next()) {
      out_.progress(done_++, std::ssize(groups_), "shapes");
      if (interrupted()) throw Error(ErrorKind::cancelled, "stopped while measuring");
      const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
      const Graph graph = build(recipe_of(group->shallow, task_.classes));
      std::optional<double> ms = file_.prices.price(graph);
      if (!ms && spent.count() > task_.seconds) {
        unfinished_ = true;
        break;
      }
      if (!ms) ms = measure(graph);
      group->done = true;
      seen_.push_back({group->shallow.base, group->gflops, *ms});
      note_best(*group);
    }
    out_.end_progress();
    report();
  }

 private:
  Group& group_of(const Member& shallow) {
    for (Group& group : groups_) {
      if (group.shallow == shallow) return group;
    }
    groups_.push_back({shallow, 0, {}, false});
    return groups_.back();
  }

  double measure(const Graph& graph) {
    const RunTimes times = syolo::measure_prices(graph, task_.options, file_.prices);
    spreads_.push_back(times.p95_ms / times.quartile_ms);
    if (spreads_.size() >= kFewSpreads) file_.prices.spread = spread();
    ++measured_;
    return times.quartile_ms;
  }

  /// The middle one: a disturbance while one network ran tells nothing about the others.
  double spread() const {
    std::vector<double> sorted = spreads_;
    const auto middle = sorted.begin() + std::ssize(sorted) / 2;
    std::nth_element(sorted.begin(), middle, sorted.end());
    return std::clamp(*middle, 1.0, 99.0);
  }

  /// Milliseconds of its work, as those runs had it that were most like it.
  double estimate(const Candidate& c) const {
    double least = std::numeric_limits<double>::infinity(), ms = 0;
    for (const Experience& e : seen_) {
      const double far =
          std::abs(std::log(c.gflops / e.gflops)) + (e.base == c.member.base ? 0 : kOtherBase);
      if (far < least) least = far, ms = e.ms * c.gflops / e.gflops;
    }
    return ms;
  }

  /// The best AP within the budget that a group promises; below 0: none.
  double promise(const Group& group) const {
    const double most = (seen_.size() < kLittle ? kFirstHope : kHope) * task_.budget.latency_ms;
    double best = -1;
    for (const Candidate& c : group.members) {
      if (c.ap > best && estimate(c) <= most) best = c.ap;
    }
    return best;
  }

  Group* next() {
    const bool by_work = task_.budget.latency_ms == 0 || seen_.empty();
    Group* chosen = nullptr;
    double best = -1;
    for (Group& group : groups_) {
      if (group.done) continue;
      const double worth = by_work ? 1 / group.gflops : promise(group);
      if (worth > best) best = worth, chosen = &group;
    }
    return !by_work && best < best_ap_ - kWorseByAp ? nullptr : chosen;
  }

  /// Groups far below the best known member need no prices. A budget of memory is not known here.
  void note_best(const Group& group) {
    if (task_.budget.memory_bytes > 0 || task_.budget.latency_ms == 0) return;
    for (const Candidate& c : group.members) {
      if (c.ap <= best_ap_) continue;
      const std::optional<double> ms =
          file_.prices.price(build(recipe_of(c.member, task_.classes)));
      if (ms && *ms * file_.prices.spread <= task_.budget.latency_ms) best_ap_ = c.ap;
    }
  }

  void report() const {
    if (measured_ == 0) return;
    out_.note(format("measured the layers of {} networks ({} prices)", measured_,
                     file_.prices.ms.size()));
    if (unfinished_) out_.note("others are not priced yet: run again to go on");
  }

  const PricingTask& task_;
  PriceFile& file_;
  Console& out_;
  std::vector<Group> groups_;
  std::vector<Experience> seen_;
  std::vector<double> spreads_;  // of each network's runs
  std::int64_t done_ = 0;
  int measured_ = 0;
  double best_ap_ = 0;
  bool unfinished_ = false;
};

}  // namespace

void measure_prices(const PricingTask& task, PriceFile& file, Console& out) {
  Pricing(task, file, out).run();
}

}  // namespace syolo::cli
