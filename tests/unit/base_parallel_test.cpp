// Independent work on several threads.
#include "syolo/base/parallel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <vector>

#include "syolo/base/error.h"

namespace syolo {
namespace {

TEST(ForEachParallel, CallsEveryIndexOnceWithAWorkerBelowTheirNumber) {
  for (const int workers : {1, 3, 8}) {
    std::vector<std::atomic<int>> calls(100);
    std::atomic<bool> in_range = true;
    for_each_parallel(100, workers, [&](std::size_t i, std::size_t worker) {
      ++calls[i];
      if (worker >= static_cast<std::size_t>(workers)) in_range = false;
    });
    EXPECT_TRUE(in_range);
    EXPECT_TRUE(std::all_of(calls.begin(), calls.end(), [](const auto& n) { return n == 1; }));
  }
  for_each_parallel(0, 4, [](std::size_t, std::size_t) { FAIL() << "there is nothing to do"; });
}

TEST(ForEachParallel, ThrowsTheErrorOfTheSmallestIndexAfterAllAreDone) {
  std::atomic<int> calls = 0;
  try {
    for_each_parallel(40, 4, [&](std::size_t i, std::size_t) {
      ++calls;
      if (i % 10 == 7) throw Error(ErrorKind::input, format("piece {}", i));
    });
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.text(), "piece 7");
  }
  EXPECT_EQ(calls, 40);
}

}  // namespace
}  // namespace syolo
