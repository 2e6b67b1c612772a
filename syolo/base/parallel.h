// How many threads this process may really use, and independent work on several.
#pragma once

#include <cstddef>
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

/// Calls body(i, worker) once for every i below `count`, on `workers` threads (0: as many as this
/// process may use; the caller's is number 0) that take the next i when they are free. Results that
/// are written by index do not depend on who did what.
/// @throws what the body threw for the smallest i, after all are done
void for_each_parallel(std::size_t count, int workers,
                       const std::function<void(std::size_t i, std::size_t worker)>& body);

}  // namespace syolo
