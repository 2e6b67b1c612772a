// Runs body(i) for i in [0, n) on several threads; results go to slots of their own, so that the
// number of threads changes nothing.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "syolo/base/parallel.h"

namespace syolo::eval {

/// The first exception of a thread is thrown again here.
template <class Body>
void parallel_for(std::size_t n, int threads, const Body& body) {
  const int wanted = threads > 0 ? threads : cpu_budget().threads();
  const auto workers = std::min(static_cast<std::size_t>(wanted), n);
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex failing;
  const auto work = [&] {
    try {
      for (std::size_t i = next++; i < n; i = next++) body(i);
    } catch (...) {
      const std::lock_guard lock(failing);
      if (!failure) failure = std::current_exception();
      next = n;
    }
  };
  std::vector<std::jthread> pool;
  for (std::size_t i = 1; i < workers; ++i) pool.emplace_back(work);
  work();
  pool.clear();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace syolo::eval
