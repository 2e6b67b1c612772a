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
#include "tests/support/memory.h"

// Names the case in test lists; GoogleTest would print the bytes of its pointers.
inline void PrintTo(const FuzzTarget& target, std::ostream* out) {
  *out << target.name;
}

namespace syolo::fuzz {
namespace {

constexpr int kMutations = 4000;
constexpr double kMostSeconds = 2;                           // for one input
constexpr std::int64_t kMostBytes = std::int64_t{64} << 20;  // and four times the input

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

/// Runs a target on an input and expects it to keep within time and memory (goals G1 and G2).
void expect_within_budget(const FuzzTarget& target, const std::string& input) {
  // Processor time, which other programs on the machine do not change.
  const std::clock_t start = std::clock();
  const auto bytes = test::peak_bytes(
      [&] { target.run(reinterpret_cast<const std::uint8_t*>(input.data()), input.size()); });
  EXPECT_LE(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, kMostSeconds);
  const std::int64_t most = kMostBytes + 4 * static_cast<std::int64_t>(input.size());
  EXPECT_LE(bytes.value_or(0), most) << "input of " << input.size() << " bytes";
}

class Target : public testing::TestWithParam<FuzzTarget> {};

TEST_P(Target, SurvivesItsCorpus) {
  const std::vector<std::string> inputs = corpus(GetParam().name);
  ASSERT_FALSE(inputs.empty()) << "no stored inputs for " << GetParam().name;
  for (const std::string& input : inputs) expect_within_budget(GetParam(), input);
}

TEST_P(Target, SurvivesMutations) {
  const std::vector<std::string> seeds = corpus(GetParam().name);
  ASSERT_FALSE(seeds.empty());
  const char* runs = std::getenv("SYOLO_FUZZ_RUNS");
  const int count = runs != nullptr ? std::max(1, std::atoi(runs)) : kMutations;
  for (int i = 0; i < count; ++i) {
    Rng rng(1, Stream::test, 0, static_cast<std::uint64_t>(i));
    const std::string input = mutated(seeds, rng);
    expect_within_budget(GetParam(), input);
    ASSERT_FALSE(HasFailure()) << "mutation " << i;
  }
}

TEST_P(Target, SurvivesNothingAndMuchOfTheSame) {
  for (const char byte : {'\0', '=', '[', '{', '\n', 'a', '\xFF'}) {
    for (const std::size_t size : {0U, 1U, 4U, 16U, 1U << 16, 1U << 20}) {
      expect_within_budget(GetParam(), std::string(size, byte));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Fuzz, Target, testing::ValuesIn(kFuzzTargets),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace syolo::fuzz
