#include "syolo/runtime/arena.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "syolo/runtime/storage_impl.h"

namespace syolo {
namespace {

/// Places blocks in the given order, each into the tightest gap between those alive with it.
ArenaPlan place(std::span<const Lifetime> all, std::span<const std::size_t> order) {
  ArenaPlan plan;
  plan.offsets.assign(all.size(), 0);
  std::vector<std::size_t> placed;
  std::vector<std::size_t> neighbours;
  for (const std::size_t i : order) {
    const std::int64_t size = runtime::aligned(all[i].bytes);
    neighbours.clear();
    for (const std::size_t j : placed) {
      if (all[j].first <= all[i].last && all[i].first <= all[j].last) neighbours.push_back(j);
    }
    std::sort(neighbours.begin(), neighbours.end(),
              [&](std::size_t a, std::size_t b) { return plan.offsets[a] < plan.offsets[b]; });
    std::int64_t best = -1, best_gap = std::numeric_limits<std::int64_t>::max(), end = 0;
    for (const std::size_t j : neighbours) {
      const std::int64_t gap = plan.offsets[j] - end;
      if (gap >= size && gap < best_gap) best = end, best_gap = gap;
      end = std::max(end, plan.offsets[j] + runtime::aligned(all[j].bytes));
    }
    plan.offsets[i] = best >= 0 ? best : end;
    plan.bytes = std::max(plan.bytes, plan.offsets[i] + size);
    placed.push_back(i);
  }
  return plan;
}

std::int64_t lower_bound_of(std::span<const Lifetime> all) {
  int steps = 0;
  for (const Lifetime& life : all) steps = std::max(steps, life.last + 1);
  std::vector<std::int64_t> change(static_cast<std::size_t>(steps) + 1);
  for (const Lifetime& life : all) {
    change[static_cast<std::size_t>(life.first)] += runtime::aligned(life.bytes);
    change[static_cast<std::size_t>(life.last) + 1] -= runtime::aligned(life.bytes);
  }
  std::int64_t alive = 0, greatest = 0;
  for (const std::int64_t c : change) greatest = std::max(greatest, alive += c);
  return greatest;
}

}  // namespace

ArenaPlan plan_arena(std::span<const Lifetime> lifetimes) {
  std::vector<std::size_t> order(lifetimes.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto span_of = [&](std::size_t i) { return lifetimes[i].last - lifetimes[i].first; };
  ArenaPlan best = place(lifetimes, order);
  const auto attempt = [&](auto before) {
    std::stable_sort(order.begin(), order.end(), before);
    ArenaPlan plan = place(lifetimes, order);
    if (plan.bytes < best.bytes) best = std::move(plan);
  };
  attempt([&](std::size_t a, std::size_t b) { return lifetimes[a].bytes > lifetimes[b].bytes; });
  attempt([&](std::size_t a, std::size_t b) { return span_of(a) > span_of(b); });
  attempt([&](std::size_t a, std::size_t b) {
    return lifetimes[a].bytes * (span_of(a) + 1) > lifetimes[b].bytes * (span_of(b) + 1);
  });
  best.lower_bound = lower_bound_of(lifetimes);
  return best;
}

}  // namespace syolo
