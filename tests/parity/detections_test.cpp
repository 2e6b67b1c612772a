// Real weights on real photographs: the same boxes as Darknet's, and on the same input tensor the
// same layers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "syolo/boxes/iou.h"
#include "syolo/graph/lower.h"
#include "syolo/image/codec.h"
#include "syolo/image/preprocess.h"
#include "syolo/runtime/detector.h"
#include "syolo/runtime/reference.h"
#include "syolo/weights/formats/safetensors.h"
#include "tests/support/compare.h"
#include "tests/support/engine.h"
#include "tests/support/temp_dir.h"

namespace syolo::test {
namespace {

std::filesystem::path model_path(const std::string& name) {
  const auto bundled = bundled_models() / (name + ".cfg");
  return std::filesystem::exists(bundled) ? bundled : test_data() / "weights" / (name + ".cfg");
}

Model load_model_at(const std::filesystem::path& path) {
  ModelPaths paths;
  paths.model = path.string();
  return load_model(paths);
}

Model load_real_model(const std::string& name) {
  return load_model_at(model_path(name));
}

std::filesystem::path photo(const std::string& name) {
  return test_data() / "images" / "photos" / (name + ".jpg");
}

/// Little-endian floats, as the oracles store tensors.
std::vector<float> read_floats(const std::string& name) {
  const std::string bytes = read_file(darknet_oracles() / "detections" / name);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

std::vector<Detection> darknets_detections(const nlohmann::json& oracle) {
  const float width = oracle.at("image").at("w"), height = oracle.at("image").at("h");
  std::vector<Detection> rows;
  for (const auto& row : oracle.at("detections")) {
    const float cx = row.at("cx"), cy = row.at("cy"), w = row.at("w"), h = row.at("h");
    const Box box{(cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width,
                  (cy + h / 2) * height};
    rows.push_back({box, row.at("class"), row.at("score")});
  }
  return rows;
}

std::string text(const Detection& d) {
  return format("class {} score {:.3f} at {:.1f},{:.1f} {:.1f},{:.1f}", d.cls, d.score, d.box.x1,
                d.box.y1, d.box.x2, d.box.y2);
}

constexpr float kThreshold = 0.05F;
constexpr float kScoreMargin = 0.02F;  // what a JPEG decoder's level or two may change

/// Every row of `some` that is not near the threshold is among `others`.
void expect_found(const std::vector<Detection>& some, const std::vector<Detection>& others,
                  const char* missing) {
  for (const Detection& row : some) {
    if (row.score <= kThreshold + kScoreMargin) continue;
    const bool found = std::any_of(others.begin(), others.end(), [&](const Detection& other) {
      return other.cls == row.cls && std::abs(other.score - row.score) <= kScoreMargin &&
             iou(other.box, row.box) > 0.97;
    });
    EXPECT_TRUE(found) << missing << ": " << text(row);
  }
}

class RealDetections : public testing::TestWithParam<std::string> {};

TEST_P(RealDetections, EqualDarknets) {
  const nlohmann::json oracle =
      read_json(darknet_oracles() / "detections" / (GetParam() + ".json"));
  const std::string name = std::filesystem::path(oracle.at("cfg").get<std::string>()).stem();
  const Model model = load_real_model(name);
  ASSERT_EQ(oracle.at("thresh").get<float>(), kThreshold);

  NmsOptions options;
  options.confidence = kThreshold;
  options.overlap = oracle.at("nms");
  Detector detect(make_plan(model, model.graph.net().input, plain_options()), options,
                  /*raw_boxes=*/true);
  const Image image = load_image(photo(GetParam().substr(name.size() + 1)));
  EXPECT_EQ(image.width, oracle.at("image").at("w").get<int>());
  EXPECT_EQ(image.height, oracle.at("image").at("h").get<int>());
  const std::vector<Detection> got = detect(image.view());
  const std::vector<Detection> want = darknets_detections(oracle);
  expect_found(want, got, "only Darknet finds");
  expect_found(got, want, "only we find");
}

std::vector<std::string> detection_cases() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(darknet_oracles() / "detections")) {
    if (entry.path().extension() == ".json") names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Darknet, RealDetections, testing::ValuesIn(detection_cases()),
                         [](const auto& it) { return test_name(it.param); });

/// The bundled model on Darknet's own input tensor of the dog.
class SameInput : public testing::Test {
 protected:
  SameInput() :
      model_(load_real_model("yolo-fastest-1.1-xl")),
      oracle_(read_oracle(darknet_oracles() / "detections" / "yolo-fastest-1.1-xl-dog.json")),
      input_(oracle_.input, read_floats("yolo-fastest-1.1-xl-dog.input.f32")) {}

  template <class Values>
  void expect_head(const Values& got, int layer) const {
    const std::vector<float> want =
        read_floats("yolo-fastest-1.1-xl-dog.layer" + std::to_string(layer) + ".f32");
    EXPECT_TRUE(all_within(
        got, want, [&](std::size_t at) { return 2e-3 * std::max(1.0F, std::abs(want[at])); }))
        << "layer " << layer;
  }

  Model model_;
  Oracle oracle_;
  Tensor input_;
};

TEST_F(SameInput, GivesDarknetsLayersInTheInterpreter) {
  const Outputs got = interpret(lower(model_.graph), model_.weights, input_, {.bounds = false});
  for (std::size_t i = 0; i < oracle_.layers.size(); ++i) {
    SCOPED_TRACE(layer_text(model_.graph, i));
    EXPECT_TRUE(layer_agrees(got.nodes[i].values, oracle_.layers[i], 2e-3));
  }
  for (const int head : {121, 130})
    expect_head(got.nodes[static_cast<std::size_t>(head)].values, head);
}

TEST_F(SameInput, GivesDarknetsLayersInTheEngine) {
  Session session(make_plan(model_, oracle_.input, plain_options(true)));
  session.run(input_.values());
  for (std::size_t i = 0; i < oracle_.layers.size(); ++i) {
    SCOPED_TRACE(layer_text(model_.graph, i));
    EXPECT_TRUE(layer_agrees(session.node_output(static_cast<NodeId>(i)).values(),
                             oracle_.layers[i], 2e-3));
  }
  for (const int head : {121, 130}) expect_head(session.node_output(head).values(), head);
}

// Darknet decodes JPEG by itself, a level or two from libjpeg; its resize is the same.
TEST_F(SameInput, ComesFromThePhotograph) {
  const Image image = load_image(photo("dog"));
  std::vector<float> got(input_.values().size());
  preprocess(image.view(), model_.graph.net().preprocess, {320, 320}, got);
  double sum = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double levels = 255 * std::abs(double(got[i]) - double(input_.values()[i]));
    ASSERT_LE(levels, 3) << "at " << i;
    sum += levels;
  }
  EXPECT_LE(sum / static_cast<double>(got.size()), 0.25) << "mean difference in levels";
}

TEST_F(SameInput, GivesTheSameBytesFromTheModelFile) {
  const TempDir dir;
  save_model(dir / "xl.safetensors", model_);
  const Model stored = load_model_at(dir / "xl.safetensors");
  Session from_cfg(make_plan(model_, oracle_.input, plain_options()));
  Session from_file(make_plan(stored, oracle_.input, plain_options()));
  EXPECT_TRUE(same_bytes(all_outputs(from_cfg, model_.graph, input_),
                         all_outputs(from_file, stored.graph, input_)));
  EXPECT_EQ(stored.names, model_.names);
}

}  // namespace
}  // namespace syolo::test
