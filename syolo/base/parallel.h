// How many threads this process may really use, and independent work on several.
#pragma once

#include <functional>
#include <string>

namespace syolo {

struct CpuBudget {
  int cores = 1;        // online processors
  int affinity = 1;     // processors this process may run on
  double quota = 0;     // processors by cgroup quota, 0 = no quota
  int threads() const;  // min of all, at least 1
};
CpuBudget cpu_budget();

/// "model name" of the processor, or "unknown".
std::string cpu_model();

/// Calls body(i, worker) once for every i below `count`, on `workers` threads (the caller's is
/// number 0) that take the next i when they are free.
/// @throws what the body threw for the smallest i, after all are done
void for_each_parallel(int count, int workers, const std::function<void(int i, int worker)>& body);

}  // namespace syolo
