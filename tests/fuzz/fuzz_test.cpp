// Every fuzz target on its stored inputs and on a fixed number of mutations of them. An input that
// once broke something lies among the stored ones and stays there.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "fuzz_targets.h"
#include "tests/fuzz/mutate.h"

// Names the case in test lists; GoogleTest would print the bytes of its pointers.
inline void PrintTo(const FuzzTarget& target, std::ostream* out) {
  *out << target.name;
}

namespace syolo::fuzz {
namespace {

constexpr int kMutations = 4000;
constexpr double kMostSeconds = 2;  // for one input

std::vector<std::string> corpus(const std::string& target) {
  const auto folder = std::filesystem::path(SYOLO_TEST_DATA) / "fuzz" / target;
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.is_regular_file()) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<std::string> inputs;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return inputs;
}

/// Processor time, which other programs on the machine do not change.
double seconds_for(const FuzzTarget& target, const std::string& input) {
  const std::clock_t start = std::clock();
  target.run(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

class Target : public testing::TestWithParam<FuzzTarget> {};

TEST_P(Target, SurvivesItsCorpus) {
  const std::vector<std::string> inputs = corpus(GetParam().name);
  ASSERT_FALSE(inputs.empty()) << "no stored inputs for " << GetParam().name;
  for (const std::string& input : inputs) EXPECT_LE(seconds_for(GetParam(), input), kMostSeconds);
}

TEST_P(Target, SurvivesMutations) {
  const std::vector<std::string> seeds = corpus(GetParam().name);
  ASSERT_FALSE(seeds.empty());
  const char* runs = std::getenv("SYOLO_FUZZ_RUNS");
  const int count = runs != nullptr ? std::max(1, std::atoi(runs)) : kMutations;
  for (int i = 0; i < count; ++i) {
    Rng rng(1, Stream::test, 0, static_cast<std::uint64_t>(i));
    const std::string input = mutated(seeds, rng);
    ASSERT_LE(seconds_for(GetParam(), input), kMostSeconds) << "mutation " << i;
  }
}

TEST_P(Target, SurvivesNothingAndMuchOfTheSame) {
  for (const char byte : {'\0', '=', '[', '{', '\n', 'a', '\xFF'}) {
    for (const std::size_t size : {0U, 1U, 4U, 16U, 1U << 16, 1U << 20}) {
      EXPECT_LE(seconds_for(GetParam(), std::string(size, byte)), kMostSeconds);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Target, testing::ValuesIn(kFuzzTargets),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace syolo::fuzz
