// How many threads the library uses. Private to the engine.
#pragma once

namespace syolo::runtime {

/// Sets OpenMP's threads for this thread of the host, and gives them back.
class ThreadScope {
 public:
  explicit ThreadScope(int threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int before_;
};

}  // namespace syolo::runtime
