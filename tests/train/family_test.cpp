// Every network of the family with [yolo] heads learns one picture by heart: what training decodes,
// assigns and saves is what the engine finds, for every structure that the zoo has.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "syolo/data/dataset.h"
#include "syolo/eval/coco_ap.h"
#include "syolo/graph/lower.h"
#include "syolo/image/codec.h"
#include "syolo/runtime/detector.h"
#include "syolo/train/trainer.h"
#include "syolo/weights/formats/safetensors.h"
#include "syolo/weights/transfer.h"
#include "syolo/zoo/models.h"
#include "syolo/zoo/scaling.h"
#include "tests/support/engine.h"
#include "tests/support/temp_dir.h"

namespace syolo::test {
namespace {

/// The network at an eighth of its width and as shallow as can be, for two classes; and an
/// input on which its coarsest level has at least two cells.
Graph reduced(const ZooModel& model) {
  const int stride = greatest_stride(build(scaled(model.recipe(), {.classes = 2})));
  Scaling scaling;
  scaling.depth = 0.01, scaling.width = 0.125, scaling.classes = 2;
  const int side = std::max(2 * stride, 128);
  scaling.input = Size{side, side};
  return build(scaled(model.recipe(), scaling));
}

/// One of each structure; with SYOLO_FAMILY=all every member, which takes minutes.
std::vector<std::string> names_with_heads() {
  const char* asked = std::getenv("SYOLO_FAMILY");
  if (asked == nullptr || std::string_view(asked) != "all") {
    return {"yolov3-tiny", "yolov4-tiny-3l", "yolov4-sam-mish-csp-reorg-bfm", "yolov4-csp",
            "yolov4s-mish-pytorch"};
  }
  std::vector<std::string> names;
  for (const ZooModel& model : zoo_models()) {
    if (!heads(lower(reduced(model))).empty()) names.emplace_back(model.name);
  }
  return names;
}

constexpr int kEpochs = 20, kStepsPerEpoch = 25;

/// One picture, as often as an epoch has steps, with a bright and a dark square, of a quarter of
/// its side.
class Picture {
 public:
  explicit Picture(int side) {
    const auto at = [side](int x, int y, double left, double top) {
      return x >= left * side && x < (left + 0.25) * side && y >= top * side &&
             y < (top + 0.25) * side;
    };
    std::string pixels;
    for (int y = 0; y < side; ++y) {
      for (int x = 0; x < side; ++x) {
        const bool bright = at(x, y, 0.1, 0.2), dark = at(x, y, 0.6, 0.55);
        pixels.append(3, static_cast<char>(bright ? 230 : dark ? 20 : 110 + (x * 7 + y * 3) % 9));
      }
    }
    Item item;
    item.image = folder_.write(
        "one.ppm", "P6\n" + std::to_string(side) + " " + std::to_string(side) + "\n255\n" + pixels);
    item.size = {side, side};
    const double s = side;
    const auto add = [&](int cls, double left, double top) {
      Truth truth;
      truth.cls = cls, truth.box = {left * s, top * s, 0.25 * s, 0.25 * s};
      truth.area = truth.box.w * truth.box.h;
      item.truths.push_back(truth);
    };
    add(0, 0.1, 0.2), add(1, 0.6, 0.55);
    data_.names = {"bright", "dark"};
    data_.class_ids = {0, 1};
    data_.items.assign(kStepsPerEpoch, item);
  }
  const Dataset& data() const { return data_; }

 private:
  TempDir folder_;
  Dataset data_;
};

struct Silent : TrainObserver {
  TrainScore evaluate(const Model& /*model*/, std::int64_t /*epoch*/) override { return {}; }
  double seconds() override { return 0; }
};

CocoReport ap_of(const Model& model, const Dataset& data) {
  NmsOptions nms;
  nms.confidence = 0.001F, nms.overlap = 0.6F;
  Detector detector(make_plan(model, model.graph.net().input, plain_options()), nms);
  std::vector<Prediction> rows;
  append(rows, 0, detector(load_image(data.items[0].image, {}).view()));
  Dataset one = data;
  one.items.resize(1);
  return coco_ap(match(one, rows));
}

class Family : public testing::TestWithParam<std::string> {};

TEST_P(Family, LearnsOnePictureByHeart) {
  Graph graph = reduced(*find_zoo_model(GetParam()));
  const Size input = {graph.net().input.w, graph.net().input.h};
  const Picture picture(input.width);
  TrainOptions options;
  options.epochs = kEpochs, options.batch = 1, options.evaluate_every = kEpochs;
  options.input = input, options.threads = 1;
  options.optimizer = TrainOptimizer::adam, options.lr0 = 0.003, options.lrf = 0.01,
  options.weight_decay = 0;
  options.box = 0.5;  // the published 0.05 is meant for thousands of pictures
  AugmentOptions& a = options.augmentation;
  a.mosaic = a.fliplr = a.translate = a.scale = a.hsv_h = a.hsv_s = a.hsv_v = 0;
  Net net = graph.net();
  net.preprocess = letterboxed(net.preprocess);
  graph.set_net(std::move(net));
  options.random = nodes_with_weights(graph);
  const TempDir folder;
  options.out = folder / "run";
  Weights weights = random_weights(graph, 3);
  Silent silent;
  train_model({graph, std::move(weights), picture.data().names, 0, {}, {}}, picture.data(), options,
              silent);
  const CocoReport report =
      ap_of(load_model_file(options.out / "weights" / "last.safetensors"), picture.data());
  RecordProperty("AP", std::to_string(report.numbers[CocoNumber::ap]));
  std::printf("%s: %dx%d, AP %.3f\n", GetParam().c_str(), input.width, input.height,
              report.numbers[CocoNumber::ap]);
  EXPECT_NEAR(report.numbers[CocoNumber::ap50], 1, 1e-9);
  EXPECT_NEAR(report.numbers[CocoNumber::ap75], 1, 1e-9);
}

INSTANTIATE_TEST_SUITE_P(Zoo, Family, testing::ValuesIn(names_with_heads()), [](const auto& test) {
  std::string name = test.param;
  std::ranges::replace_if(
      name, [](char c) { return c == '-'; }, '_');
  return name;
});

}  // namespace
}  // namespace syolo::test
