// Darknet's own head outputs for a real photograph -> Darknet's own detections.

#include <gtest/gtest.h>

#include "syolo/boxes/postprocess.h"
#include "tests/support/boxes.h"

namespace syolo {
namespace {

constexpr int kSide = 320;  // of the network input

HeadSpec head_spec(std::vector<Anchor> anchors) {
  HeadSpec spec;  // yolo-fastest-1.1-xl.cfg: classic, scale_x_y = 1.00, nms_kind = greedynms
  spec.anchors = std::move(anchors);
  spec.nms = NmsKind::greedy_diou;
  return spec;
}

/// The files hold the layers' outputs; the values before the logistic give them back.
test::HeadValues before_logistic(const std::string& file, const HeadSpec& spec, int side,
                                 int block) {
  std::vector<float> values =
      test::boxes_floats("oracles/darknet/detections/yolo-fastest-1.1-xl-dog." + file);
  const std::size_t plane = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  EXPECT_EQ(values.size(), static_cast<std::size_t>(spec.channels()) * plane);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t entry = i / plane % static_cast<std::size_t>(spec.entries());
    if (entry == 2 || entry == 3) continue;  // w and h are raw
    const double p = values[i];
    values[i] = static_cast<float>(std::log(p / (1 - p)));
  }
  return {{1, spec.channels(), side, side}, values, block};
}

TEST(BoxesDetections, EqualDarknetsForARealPhotograph) {
  const auto oracle = test::boxes_json("oracles/darknet/detections/yolo-fastest-1.1-xl-dog.json");
  const auto& want = oracle["detections"];
  ASSERT_EQ(want.size(), 14U);
  ASSERT_EQ(oracle["nms_kind"], 1);
  const std::vector<HeadSpec> specs = {head_spec({{115, 73}, {119, 199}, {242, 238}}),
                                       head_spec({{12, 18}, {37, 49}, {52, 132}})};
  NmsOptions options;
  options.confidence = oracle["thresh"];
  options.overlap = oracle["nms"];
  for (const int block : {1, 16, 255}) {
    SCOPED_TRACE(block);
    const auto coarse = before_logistic("layer121.f32", specs[0], 10, block);
    const auto fine = before_logistic("layer130.f32", specs[1], 20, block);
    const HeadView views[] = {coarse.view(), fine.view()};
    // An image of side 1: boxes relative to it, as in the file.
    const auto got = postprocess(views, specs, {kSide, kSide}, options,
                                 {kSide, kSide, 0, 0, {1, 1}}, /*raw=*/true);
    ASSERT_EQ(got.size(), want.size());
    std::vector<bool> used(got.size());
    for (const auto& row : want) {
      SCOPED_TRACE(row.dump());
      std::size_t at = 0;
      while (at < got.size() && (used[at] || got[at].cls != row["class"].get<int>() ||
                                 std::abs(got[at].score - row["score"].get<float>()) > 1e-4F)) {
        ++at;
      }
      ASSERT_LT(at, got.size());
      used[at] = true;
      const Box& box = got[at].box;
      EXPECT_NEAR((box.x1 + box.x2) / 2, row["cx"].get<float>(), 1e-5);
      EXPECT_NEAR((box.y1 + box.y2) / 2, row["cy"].get<float>(), 1e-5);
      EXPECT_NEAR(box.width(), row["w"].get<float>(), 1e-5);
      EXPECT_NEAR(box.height(), row["h"].get<float>(), 1e-5);
    }
  }
}

}  // namespace
}  // namespace syolo
