// Every test begins with the same random numbers and number of threads: LibTorch's own are those of
// the clock and, before its first parallel operation, of nobody.
#include <gtest/gtest.h>

#include "syolo/train/torch_impl.h"

namespace syolo::test {
namespace {

class SameNumbers final : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo& /*test*/) override {
    torch::manual_seed(1);
    torch::set_num_threads(2);
  }
};

const bool kListens = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new SameNumbers);  // GoogleTest deletes it
  return true;
}();

}  // namespace
}  // namespace syolo::test
