// From head values to boxes of the image: mapping, clipping, order, caps, cost of the worst case.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>

#include "syolo/base/error.h"
#include "syolo/boxes/postprocess.h"
#include "tests/support/boxes.h"

namespace syolo {
namespace {

HeadSpec new_coords(int classes, std::vector<Anchor> anchors) {
  HeadSpec spec;
  spec.form = DecodeForm::new_coords;
  spec.classes = classes;
  spec.anchors = std::move(anchors);
  spec.scale_xy = 2;
  return spec;
}

std::vector<Detection> run(const std::vector<test::HeadValues>& heads,
                           const std::vector<HeadSpec>& specs, Size input, NmsOptions options,
                           ImageMap map, bool raw = false) {
  std::vector<HeadView> views;
  for (const auto& head : heads) views.push_back(head.view());
  return postprocess(views, specs, input, options, map, raw);
}

/// One cell of a 1x1 grid on a 64x64 input that is the image itself: centre and size in pixels.
Detection one_box(float cx, float cy, float w, float h, bool raw, std::size_t& count) {
  HeadSpec spec = new_coords(1, {{64, 64}});
  spec.scale_xy = 8;  // reaches from -3.5 to 4.5 cells
  const auto point = [](float p) { return (p / 64 + 3.5F) / 8; };
  const auto side = [](float s) { return std::sqrt(s / 64) / 2; };
  const test::HeadValues head({1, 6, 1, 1}, {point(cx), point(cy), side(w), side(h), 1, 0.5F});
  const auto found = run({head}, {spec}, {64, 64}, {}, {1, 1, 0, 0, {64, 64}}, raw);
  count = found.size();
  return found.empty() ? Detection{} : found[0];
}

TEST(BoxesPostprocess, ClipsToTheImageUnlessRaw) {
  const struct {
    float cx, cy;
    Box clipped, raw;
  } cases[] = {
      {0, 32, {0, 22, 10, 42}, {-10, 22, 10, 42}},
      {64, 32, {54, 22, 64, 42}, {54, 22, 74, 42}},
      {32, 0, {22, 0, 42, 10}, {22, -10, 42, 10}},
      {32, 64, {22, 54, 42, 64}, {22, 54, 42, 74}},
  };
  for (const auto& c : cases) {
    std::size_t count = 0;
    for (const bool raw : {false, true}) {
      const Box want = raw ? c.raw : c.clipped;
      const Box got = one_box(c.cx, c.cy, 20, 20, raw, count).box;
      ASSERT_EQ(count, 1U);
      EXPECT_NEAR(got.x1, want.x1, 1e-3);
      EXPECT_NEAR(got.y1, want.y1, 1e-3);
      EXPECT_NEAR(got.x2, want.x2, 1e-3);
      EXPECT_NEAR(got.y2, want.y2, 1e-3);
    }
  }
}

TEST(BoxesPostprocess, BoxesOutsideTheImageAreDroppedUnlessRaw) {
  std::size_t count = 0;
  for (const auto& [cx, cy] : {std::pair{-40.0F, 32.0F},
                               {104.0F, 32.0F},
                               {32.0F, -40.0F},
                               {32.0F, 104.0F},
                               {-40.0F, -40.0F}}) {
    one_box(cx, cy, 20, 20, false, count);
    EXPECT_EQ(count, 0U);
    one_box(cx, cy, 20, 20, true, count);
    EXPECT_EQ(count, 1U);
  }
  one_box(32, 32, 0, 20, false, count);  // no area
  EXPECT_EQ(count, 0U);
}

TEST(BoxesPostprocess, MapsBackThroughScaleAndPadding) {
  // A 200x100 image in a 64x64 network: scale 0.32, 16 rows of padding above and below.
  const test::HeadValues head({1, 6, 1, 1}, {.5F, .5F, .5F, .5F, 1, 1});
  const auto found =
      run({head}, {new_coords(1, {{32, 16}})}, {64, 64}, {}, {0.32, 0.32, 0, 16, {200, 100}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_NEAR(found[0].box.x1, 50, 1e-4);
  EXPECT_NEAR(found[0].box.y1, 25, 1e-4);
  EXPECT_NEAR(found[0].box.x2, 150, 1e-4);
  EXPECT_NEAR(found[0].box.y2, 75, 1e-4);
}

TEST(BoxesPostprocess, SortsByScoreThenClassThenBox) {
  // Two anchors, apart in size (IoU 1/4), two classes, all scores equal but one.
  const test::HeadValues head({1, 14, 1, 1}, {.5F, .5F, .5F, .5F, 1, .5F, .5F,  //
                                              .5F, .5F, .5F, .5F, 1, .5F, .75F});
  const auto found =
      run({head}, {new_coords(2, {{10, 10}, {20, 20}})}, {64, 64}, {}, {1, 1, 0, 0, {64, 64}});
  ASSERT_EQ(found.size(), 4U);
  EXPECT_EQ(found[0].score, 0.75F);
  EXPECT_EQ(found[0].cls, 1);
  EXPECT_EQ(found[1].cls, 0);
  EXPECT_EQ(found[1].box.x1, 22);
  EXPECT_EQ(found[2].cls, 0);
  EXPECT_EQ(found[2].box.x1, 27);
  EXPECT_EQ(found[3].cls, 1);
}

TEST(BoxesPostprocess, MethodOfTheModelIsThatOfTheLastHead) {
  std::vector<HeadSpec> specs = {new_coords(1, {{9, 9}}), new_coords(1, {{9, 9}})};
  specs[0].nms = NmsKind::greedy_diou;
  specs[1].beta_nms = 0.7;
  const std::pair<NmsKind, NmsMethod> rows[] = {{NmsKind::iou, NmsMethod::iou},
                                                {NmsKind::corners, NmsMethod::iou},
                                                {NmsKind::greedy_diou, NmsMethod::greedy_diou},
                                                {NmsKind::diou, NmsMethod::diou}};
  for (const auto& [kind, method] : rows) {
    specs[1].nms = kind;
    EXPECT_EQ(resolved({}, specs).method, method);
    EXPECT_EQ(resolved({}, specs).beta, 0.7);
  }
  NmsOptions own;
  own.method = NmsMethod::soft;
  EXPECT_EQ(resolved(own, specs).method, NmsMethod::soft);
  EXPECT_EQ(resolved(own, specs).beta, own.beta);
  EXPECT_EQ(resolved({}, {}).method, NmsMethod::model);
}

TEST(BoxesPostprocess, ModelMethodDecidesWhatSurvives) {
  // Anchors 10 and 10 wide, three pixels apart: IoU 0.538, with the distance 0.408.
  const test::HeadValues head({1, 12, 1, 1}, {.5F, .5F, .5F, .5F, 1, .75F,  //
                                              .5F + 3.0F / 128, .5F, .5F, .5F, 1, .5F});
  HeadSpec spec = new_coords(1, {{10, 10}, {10, 10}});
  const ImageMap map{1, 1, 0, 0, {64, 64}};
  EXPECT_EQ(run({head}, {spec}, {64, 64}, {}, map).size(), 1U);
  spec.nms = NmsKind::greedy_diou;
  EXPECT_EQ(run({head}, {spec}, {64, 64}, {}, map).size(), 2U);
}

TEST(BoxesPostprocess, RefusesOptionsOutOfRange) {
  NmsOptions options;
  options.max_candidates = 0;
  EXPECT_THROW(run({}, {}, {64, 64}, options, {}), Error);
}

/// 25,200 boxes of 80 classes, all above the threshold: a 640x640 input, strides 8, 16, 32.
struct Flood {
  std::vector<test::HeadValues> heads;
  std::vector<HeadSpec> specs;
  Flood() {
    Rng rng = test::test_rng(43);
    for (const int side : {80, 40, 20}) {
      HeadSpec spec;
      spec.classes = 80;
      spec.anchors = {{12, 16}, {76, 55}, {142, 110}};
      const Shape shape{1, spec.channels(), side, side};
      std::vector<float> planes(static_cast<std::size_t>(shape.elements()));
      for (float& v : planes) v = test::between(rng, -1, 4);
      heads.emplace_back(shape, planes, side == 40 ? 16 : 1);
      specs.push_back(spec);
    }
  }
  std::vector<Detection> operator()() const {
    NmsOptions options;
    options.confidence = 0.001F;
    return run(heads, specs, {640, 640}, options, {1, 1, 0, 0, {640, 640}});
  }
};

long peak_kib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

bool same(const std::vector<Detection>& a, const std::vector<Detection>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.box == y.box && x.cls == y.cls && x.score == y.score;
  });
}

TEST(BoxesPostprocess, TwoMillionCandidatesCostLittleAndGiveTheSameEachTime) {
  const Flood flood;
  const long before_kib = peak_kib();
  const auto start = std::chrono::steady_clock::now();
  const auto first = flood();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(first.size(), 300U);
  EXPECT_LE(peak_kib() - before_kib, 16 * 1024);
  // tests/bench measures; this only catches quadratic growth, also on a busy machine.
  EXPECT_LT(took.count(), 5);
  for (int i = 0; i < 9; ++i) EXPECT_TRUE(same(flood(), first));
}

}  // namespace
}  // namespace syolo
