#include "syolo/base/memory.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace syolo {
namespace {

TEST(AvailableMemory, LiesBetweenNothingAndAllThatTheMachineHas) {
  std::ifstream info("/proc/meminfo");
  std::string key;
  std::int64_t kib = 0;
  info >> key >> kib;  // the first line is MemTotal
  ASSERT_EQ(key, "MemTotal:");
  EXPECT_GT(available_memory(), 0);
  EXPECT_LE(available_memory(), kib * 1024);
}

}  // namespace
}  // namespace syolo
