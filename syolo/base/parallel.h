// How many threads this process may really use.
#pragma once

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

}  // namespace syolo
