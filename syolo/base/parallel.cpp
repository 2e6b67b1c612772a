#include "syolo/base/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <optional>
#include <string_view>
#include <thread>
#include <vector>

#include "syolo/base/system_impl.h"
#include "syolo/base/text.h"

namespace syolo {
namespace {

std::optional<double> ratio(std::string_view quota, std::string_view period) {
  const auto q = parse_real(trim(quota));
  const auto p = parse_real(trim(period));
  if (!q || !p || *q <= 0 || *p <= 0) return std::nullopt;
  return *q / *p;
}

/// The tightest quota on the way from this process's group (cgroup v2, then v1) to the root.
double cgroup_quota() {
  double quota = 0;
  const auto tighten = [&](std::optional<double> found) {
    if (found && (quota == 0 || *found < quota)) quota = *found;
  };
  const std::string groups = system_text("/proc/self/cgroup").value_or("");
  for (const std::string_view line : lines(groups)) {
    const auto fields = split(line, ':');
    if (fields.size() < 3) continue;
    const bool v2 = fields[0] == "0" && fields[1].empty();
    const bool v1 = fields[1].find("cpu") != std::string_view::npos;
    if (!v2 && !v1) continue;
    const Path root = v2 ? Path("/sys/fs/cgroup") : Path("/sys/fs/cgroup/cpu");
    Path group = Path(fields[2]).relative_path();
    for (;;) {
      const Path folder = root / group;
      if (const auto text = system_text(folder / "cpu.max"); text && v2) {
        const auto parts = split(trim(*text), ' ');
        if (parts.size() == 2) tighten(ratio(parts[0], parts[1]));
      }
      if (v1) {
        const auto q = system_text(folder / "cpu.cfs_quota_us");
        const auto p = system_text(folder / "cpu.cfs_period_us");
        if (q && p) tighten(ratio(*q, *p));
      }
      if (group.empty()) break;
      group = group.parent_path();
    }
  }
  return quota;
}

}  // namespace

int CpuBudget::threads() const {
  int n = std::min(cores, affinity);
  if (quota > 0) n = std::min(n, static_cast<int>(std::ceil(quota - 1e-9)));
  return std::max(n, 1);
}

CpuBudget cpu_budget() {
  CpuBudget budget;
  budget.cores = std::max(1U, std::thread::hardware_concurrency());
  budget.affinity = budget.cores;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) == 0) budget.affinity = std::max(1, CPU_COUNT(&set));
  budget.quota = cgroup_quota();
  return budget;
}

std::string cpu_model() {
  const std::string info = system_text("/proc/cpuinfo").value_or("");
  for (const std::string_view line : lines(info)) {
    if (!line.starts_with("model name")) continue;
    const auto colon = line.find(':');
    if (colon != std::string_view::npos) return std::string(trim(line.substr(colon + 1)));
  }
  return "unknown";
}

void for_each_parallel(std::size_t count, int workers,
                       const std::function<void(std::size_t i, std::size_t worker)>& body) {
  if (workers <= 0) workers = cpu_budget().threads();
  std::atomic<std::size_t> next = 0;
  std::vector<std::exception_ptr> errors(count);
  const auto work = [&](std::size_t worker) {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        body(i, worker);
      } catch (...) {  // carried to the owner
        errors[i] = std::current_exception();
      }
    }
  };
  {
    std::vector<std::jthread> others;
    const std::size_t threads = std::min(static_cast<std::size_t>(workers), count);
    for (std::size_t worker = 1; worker < threads; ++worker) others.emplace_back(work, worker);
    work(0);
  }
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace syolo
