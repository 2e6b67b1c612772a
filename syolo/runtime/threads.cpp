#include <omp.h>

#include "syolo/runtime/threads_impl.h"

namespace syolo::runtime {

ThreadScope::ThreadScope(int threads) : before_(omp_get_max_threads()) {
  omp_set_num_threads(threads);
}
ThreadScope::~ThreadScope() {
  omp_set_num_threads(before_);
}

}  // namespace syolo::runtime
