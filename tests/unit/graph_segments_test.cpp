// Segments of programs: they cover all, exchange what they read of each other, and keep less.
#include "syolo/graph/segments.h"

#include <gtest/gtest.h>

#include <set>

#include "syolo/graph/lower.h"
#include "syolo/graph/passes.h"
#include "syolo/zoo/models.h"

namespace syolo::test {
namespace {

class Segments : public testing::TestWithParam<const char*> {};

TEST_P(Segments, CoverTheProgramAndExchangeWhatTheyRead) {
  const Program program = lower(build(find_zoo_model(GetParam())->recipe()));
  const std::vector<ValueId> results = outputs(program);
  const std::vector<CodeSegment> all = segments(program, results);
  ASSERT_GT(all.size(), 2U);
  std::set<ValueId> handed;  // by the segments before
  std::size_t next = 0;
  for (const CodeSegment& segment : all) {
    EXPECT_EQ(segment.begin, next);
    EXPECT_GT(segment.end, segment.begin);
    next = segment.end;
    std::set<ValueId> known(segment.in.begin(), segment.in.end());
    for (const ValueId id : segment.in) EXPECT_TRUE(handed.contains(id)) << id;
    for (std::size_t i = segment.begin; i < segment.end; ++i) {
      for (const ValueId id : program.code[i].src) EXPECT_TRUE(known.contains(id)) << i;
      known.insert(program.code[i].dst);
    }
    for (const ValueId id : segment.out) EXPECT_TRUE(known.contains(id)) << id;
    handed.insert(segment.out.begin(), segment.out.end());
  }
  EXPECT_EQ(next, program.code.size());
  for (const ValueId id : results) EXPECT_TRUE(handed.contains(id)) << id;
}

TEST_P(Segments, KeepLessThanAThird) {
  const Program program = lower(build(find_zoo_model(GetParam())->recipe()));
  std::int64_t values = 0;
  for (const Value& value : program.values) values += value.shape.elements();
  const auto cut = segments(program, outputs(program));
  EXPECT_LT(kept_elements(program, cut), values / 3);
}

INSTANTIATE_TEST_SUITE_P(Family, Segments,
                         testing::Values("yolov4-csp", "yolov4-p5", "yolov4", "yolov3-spp"),
                         [](const auto& it) {
                           std::string name = it.param;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace syolo::test
