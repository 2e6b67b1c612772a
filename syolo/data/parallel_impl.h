// Runs a function for each index on several threads. Results are written by index, so that nothing
// depends on who did what.
#pragma once

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "syolo/base/parallel.h"

namespace syolo::data {

/// The first exception ends the work and is thrown again here.
/// @param threads  0 = what this process may use
template <class Body>
void for_each_index(std::size_t count, int threads, Body&& body) {
  if (threads <= 0) threads = cpu_budget().threads();
  const std::size_t workers = std::min(count, static_cast<std::size_t>(threads));
  std::atomic<std::size_t> next{0};
  std::exception_ptr failure;
  std::mutex mutex;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        body(i);
      } catch (...) {
        const std::scoped_lock lock(mutex);
        if (!failure) failure = std::current_exception();
        next = count;
      }
    }
  };
  std::vector<std::jthread> pool;
  for (std::size_t i = 1; i < workers; ++i) pool.emplace_back(work);
  work();
  pool.clear();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace syolo::data
