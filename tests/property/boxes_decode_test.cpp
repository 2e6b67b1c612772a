// The scan finds what the plain definition finds, for any head, layout, threshold and cap.

#include <gtest/gtest.h>

#include "syolo/boxes/decode.h"
#include "tests/support/boxes.h"

namespace syolo {
namespace {

float random_threshold(Rng& rng) {
  constexpr float kSpecial[] = {0, -1, 1, 0.5F, 0.25F, 1e-40F, 0.99999994F, 1e-30F};
  return rng.chance(0.3) ? kSpecial[rng.below(8)] : test::between(rng, 0, 0.6);
}

void expect_same(const std::vector<Candidate>& got, const std::vector<Candidate>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    Candidate same_box = got[i];
    same_box.box = want[i].box;
    ASSERT_EQ(same_box, want[i]) << "candidate " << i;
    const auto near = [](float a, float b, float size) {
      return std::abs(a - b) <= 1e-5F * std::max(1.0F, size);
    };
    const Box &a = got[i].box, &b = want[i].box;
    const float size = std::max({std::abs(b.x1), std::abs(b.y1), std::abs(b.x2), std::abs(b.y2)});
    ASSERT_TRUE(near(a.x1, b.x1, size) && near(a.y1, b.y1, size) && near(a.x2, b.x2, size) &&
                near(a.y2, b.y2, size))
        << "candidate " << i;
  }
}

TEST(BoxesDecodeLaw, EqualsThePlainDefinition) {
  for (std::uint64_t sample = 0; sample < 600; ++sample) {
    SCOPED_TRACE(sample);
    Rng rng = test::test_rng(sample);
    const Size input{32 * (1 + rng.below(20)), 32 * (1 + rng.below(20))};
    const float threshold = random_threshold(rng);
    std::vector<HeadSpec> specs;
    std::vector<test::HeadValues> heads;
    std::vector<Candidate> want;
    const int count = 1 + rng.below(3);
    for (int i = 0; i < count; ++i) {
      const HeadSpec spec = test::random_spec(rng);
      const Shape shape{1, spec.channels(), 1 + rng.below(6), 1 + rng.below(6)};
      const int blocks[] = {1, 8, 16, shape.c};
      specs.push_back(spec);
      heads.emplace_back(shape, test::random_planes(rng, spec, shape, rng.chance(0.5) ? 0.05 : 0),
                         blocks[rng.below(4)]);
      for (const auto& c : test::plain_decode(heads.back().view(), spec, input, i, threshold)) {
        want.push_back(c);
      }
    }
    std::vector<int> classes;
    if (rng.chance(0.3)) {
      for (int i = 0; i < 3; ++i) classes.push_back(rng.below(9));
      std::erase_if(want, [&](const Candidate& c) {
        return std::find(classes.begin(), classes.end(), c.cls) == classes.end();
      });
    }
    std::sort(want.begin(), want.end(), before);
    const int cap = rng.chance(0.5) ? 1 + rng.below(60) : 30'000;
    if (want.size() > static_cast<std::size_t>(cap)) want.resize(static_cast<std::size_t>(cap));

    std::vector<HeadView> views;
    for (const auto& head : heads) views.push_back(head.view());
    expect_same(decode(views, specs, input, {threshold, cap, classes}), want);
  }
}

TEST(BoxesDecodeLaw, ThresholdsNextToAValueAreExact) {
  // The threshold is a score that occurs, or a neighbour of it.
  for (std::uint64_t sample = 0; sample < 300; ++sample) {
    SCOPED_TRACE(sample);
    Rng rng = test::test_rng(1'000'000 + sample);
    const HeadSpec spec = test::random_spec(rng);
    const Shape shape{1, spec.channels(), 3, 4};
    const test::HeadValues head(shape, test::random_planes(rng, spec, shape, 0));
    const auto all = test::plain_decode(head.view(), spec, {96, 96}, 0, 0.0F);
    if (all.empty()) continue;
    const Candidate& one = all[static_cast<std::size_t>(rng.below(static_cast<int>(all.size())))];
    const float at = rng.chance(0.5) ? one.score : one.objectness;
    for (const float threshold : {std::nextafter(at, 0.0F), at, std::nextafter(at, 2.0F)}) {
      auto want = test::plain_decode(head.view(), spec, {96, 96}, 0, threshold);
      std::sort(want.begin(), want.end(), before);
      std::vector<Candidate> got;
      decode(head.view(), spec, {96, 96}, 0, threshold, got);
      expect_same(got, want);
    }
  }
}

TEST(BoxesDecodeLaw, ThresholdsNearOneAreExact) {
  // There the logistic takes few values and rounds coarsely.
  for (std::uint64_t sample = 0; sample < 200; ++sample) {
    SCOPED_TRACE(sample);
    Rng rng = test::test_rng(2'000'000 + sample);
    HeadSpec spec = test::random_spec(rng);
    spec.form = DecodeForm::classic;
    spec.softmax = spec.zero_low_objectness = false;
    const Shape shape{1, spec.channels(), 8, 8};
    auto planes = test::random_planes(rng, spec, shape, 0);
    for (float& v : planes) v = test::between(rng, 10, 18);
    const test::HeadValues head(shape, planes);
    float threshold = 1;
    for (int i = 1 + rng.below(20); i > 0; --i) threshold = std::nextafter(threshold, 0.0F);
    auto want = test::plain_decode(head.view(), spec, {64, 64}, 0, threshold);
    std::sort(want.begin(), want.end(), before);
    std::vector<Candidate> got;
    decode(head.view(), spec, {64, 64}, 0, threshold, got);
    expect_same(got, want);
  }
}

}  // namespace
}  // namespace syolo
