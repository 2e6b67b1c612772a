// Whole runs on a handful of drawn pictures: they learn, stop and go on bit by bit, refuse what
// cannot work, and never let NaN into a file.
#include "syolo/train/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

#include "syolo/boxes/iou.h"
#include "syolo/data/formats.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "syolo/image/codec.h"
#include "syolo/runtime/detector.h"
#include "syolo/weights/formats/safetensors.h"
#include "tests/support/engine.h"
#include "tests/support/temp_dir.h"

namespace syolo::test {
namespace {

/// Grey pictures of 64x64, each with one bright square of 24x24 as its only object.
class Squares {
 public:
  explicit Squares(int count) {
    data_.names = {"square"};
    data_.class_ids = {0};
    for (int i = 0; i < count; ++i) {
      const int x = 4 + i * 37 % 32, y = 4 + i * 23 % 32;
      std::string pixels;
      for (int row = 0; row < 64; ++row) {
        for (int column = 0; column < 64; ++column) {
          const bool inside = row >= y && row < y + 24 && column >= x && column < x + 24;
          pixels.append(3, static_cast<char>(inside ? 220 : 60 + (row * 7 + column * 3) % 9));
        }
      }
      Item item;
      item.image = folder_.write(std::to_string(i) + ".ppm", "P6\n64 64\n255\n" + pixels);
      item.id = i;
      item.size = {64, 64};
      item.truths.push_back({.box = {double(x), double(y), 24, 24}, .area = 576});
      data_.items.push_back(item);
    }
  }
  const Dataset& data() const { return data_; }

 private:
  TempDir folder_;
  Dataset data_;
};

Model small_model(int classes = 1, const std::string& net = "") {
  std::string cfg = "[net]\nwidth=64\nheight=64\nchannels=3\n" + net;
  for (const char* filters : {"8", "16", "16"}) {
    cfg += std::string("[convolutional]\nbatch_normalize=1\nfilters=") + filters +
           "\nsize=3\nstride=2\npad=1\nactivation=mish\n";
  }
  cfg += "[convolutional]\nfilters=" + std::to_string(2 * (5 + classes)) +
         "\nsize=1\nstride=1\nactivation=linear\n[yolo]\nmask=0,1\nanchors=20,20,40,40\nnum=2\n"
         "scale_x_y=2\nclasses=" +
         std::to_string(classes) + "\n";
  Findings findings;
  Graph graph = read_cfg(cfg, "small.cfg", findings);
  Weights weights = random_weights(graph, 1);
  std::vector<std::string> names;
  for (int i = 0; i < classes; ++i) names.push_back("square" + std::to_string(i));
  return {std::move(graph), std::move(weights), names, 0, {}, {}};
}

TrainOptions small_options(const Path& out) {
  TrainOptions options;
  options.epochs = 4, options.batch = 4;
  options.input = {64, 64};
  options.threads = 1, options.out = out, options.random = {0, 1, 2, 3};
  options.augmentation.mosaic = 0;
  return options;
}

/// Counts, and stops after a number of steps.
struct Watcher : TrainObserver {
  int stop_after = -1;  // steps
  int steps = 0;
  std::vector<TrainBatch> batches;
  std::vector<std::int64_t> evaluated;
  Findings findings;

  void batch(const TrainBatch& done) override { batches.push_back(done); }
  TrainScore evaluate(const Model& /*model*/, std::int64_t epoch) override {
    evaluated.push_back(epoch);
    return {0.5, 0.5, 0.5, epoch == 1 ? 0.9 : 0.1};
  }
  bool stop() override { return ++steps == stop_after; }
  std::vector<std::vector<TrainPart>> profiles;
  void profiled(const std::vector<TrainPart>& parts) override { profiles.push_back(parts); }
  void finding(const Finding& found) override { findings.push_back(found); }
  double seconds() override { return 0; }
};

/// How many pictures have their square as the best box of the engine.
int squares_found(const Model& model, const Dataset& data) {
  NmsOptions nms;
  nms.confidence = 0.001F;
  Detector detector(make_plan(model, model.graph.net().input, plain_options()), nms);
  int found = 0;
  for (const Item& item : data.items) {
    const std::vector<Detection> boxes = detector(load_image(item.image, {}).view());
    if (!boxes.empty() && iou(boxes[0].box, to_box(item.truths[0].box)) > 0.5) ++found;
  }
  return found;
}

TEST(Training, LearnsADozenPicturesSoThatTheEngineFindsThem) {
  const Squares squares(12);
  const TempDir folder;
  TrainOptions options = small_options(folder / "run");
  options.epochs = 240, options.batch = 12;
  options.augmentation.translate = options.augmentation.scale = 0;
  options.augmentation.hsv_h = options.augmentation.hsv_s = options.augmentation.hsv_v = 0;
  Watcher watcher;
  const TrainResult result = train_model(small_model(), squares.data(), options, watcher);
  EXPECT_FALSE(result.stopped);
  EXPECT_EQ(result.epochs, 240);
  ASSERT_EQ(watcher.batches.size(), 240U);
  EXPECT_TRUE(watcher.findings.empty());
  const TrainBatch &first = watcher.batches.front(), &last = watcher.batches.back();
  EXPECT_LT(last.box, 0.6 * first.box);
  const Model model = load_model_file(options.out / "weights" / "last.safetensors");
  EXPECT_GE(squares_found(model, squares.data()), 11);
}

TEST(Training, LearnsByWhatTheCfgSaysToo) {
  const Squares squares(12);
  const TempDir folder;
  TrainOptions options = small_options(folder / "run");
  options.recipe = TrainRecipe::darknet;
  options.epochs = 0, options.batch = 0;
  const Model model =
      small_model(1,
                  "batch=12\nlearning_rate=0.02\nmax_batches=300\nburn_in=30\npolicy=steps\n"
                  "steps=240\nscales=.1\nmomentum=.9\nema_alpha=.9\n");
  options = completed(options, model.graph, 12);
  Watcher watcher;
  const TrainResult result = train_model(model, squares.data(), options, watcher);
  EXPECT_EQ(result.epochs, 300) << "of a step each";
  EXPECT_TRUE(watcher.findings.empty());
  const Model trained = load_model_file(options.out / "weights" / "last.safetensors");
  EXPECT_EQ(trained.graph, model.graph) << "heads stay as they are";
  EXPECT_NE(trained.origin.training.find("\"darknet\""), std::string::npos);
  EXPECT_GE(squares_found(trained, squares.data()), 11);
}

TEST(Training, SavesHeadsThatDecodeAsTheyWereTrained) {
  const Squares squares(4);
  const TempDir folder;
  TrainOptions options = small_options(folder / "run");
  options.epochs = 1;
  Watcher watcher;
  train_model(small_model(), squares.data(), options, watcher);
  const Program program =
      lower(load_model_file(options.out / "weights" / "last.safetensors").graph);
  for (const HeadNode& head : heads(program)) {
    EXPECT_EQ(head.spec->form, DecodeForm::new_coords);
    EXPECT_EQ(head.spec->scale_xy, 2);
  }
}

TEST(Training, EndsWhenNothingGetsBetter) {
  const Squares squares(4);
  const TempDir folder;
  TrainOptions options = small_options(folder / "run");
  options.epochs = 50, options.patience = 3;
  Watcher watcher;  // the best AP is that of epoch 1
  const TrainResult result = train_model(small_model(), squares.data(), options, watcher);
  EXPECT_EQ(result.epochs, 5) << "0 and 1, and three more";
  EXPECT_EQ(result.best_epoch, 1);
  EXPECT_FALSE(result.stopped);
}

TEST(Training, MeasuresAsOftenAsAskedAndAtTheEnd) {
  const Squares squares(6);
  const TempDir folder;
  TrainOptions options = small_options(folder / "run");
  options.epochs = 5, options.evaluate_every = 2;
  Watcher watcher;
  const TrainResult result = train_model(small_model(), squares.data(), options, watcher);
  EXPECT_EQ(watcher.evaluated, (std::vector<std::int64_t>{1, 3, 4}));
  EXPECT_EQ(result.best_epoch, 1);
  const std::string csv = read_file(folder / "run/results.csv");
  EXPECT_NE(csv.find("-1.0000,-1.0000,-1.0000,-1.0000"), std::string::npos);
}

TEST(Training, IsPatientUntilSomethingIsMeasured) {
  const Squares squares(4);
  const TempDir folder;
  TrainOptions options = small_options(folder / "run");
  options.epochs = 50, options.patience = 2, options.evaluate_every = 4;
  struct Falling : Watcher {
    TrainScore evaluate(const Model& /*model*/, std::int64_t epoch) override {
      evaluated.push_back(epoch);
      return {0.5, 0.5, 0.5, 1.0 / static_cast<double>(epoch + 1)};
    }
  } watcher;
  const TrainResult result = train_model(small_model(), squares.data(), options, watcher);
  EXPECT_EQ(watcher.evaluated, (std::vector<std::int64_t>{3, 7})) << "the second is not better";
  EXPECT_EQ(result.epochs, 8);
  EXPECT_EQ(result.best_epoch, 3);
}

TEST(Training, WritesTheRunFolder) {
  const Squares squares(6);
  const TempDir folder;
  Watcher watcher;
  const TrainResult result =
      train_model(small_model(), squares.data(), small_options(folder / "run"), watcher);
  EXPECT_EQ(watcher.evaluated, (std::vector<std::int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(result.best_epoch, 1);
  EXPECT_EQ(result.best_ap, 0.9);
  const std::string csv = read_file(folder / "run/results.csv");
  EXPECT_TRUE(csv.starts_with("epoch,step,lr,box,obj,cls,precision,recall,AP50,AP,"));
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 5);
  const Model last = load_model_file(folder / "run/weights/last.safetensors");
  EXPECT_EQ(last.images_seen, 4U * 6);
  EXPECT_EQ(last.names, small_model().names);
  EXPECT_NE(last.origin.training.find("\"epochs\": 4"), std::string::npos);
  const Model best = load_model_file(folder / "run/weights/best.safetensors");
  EXPECT_NE(best.origin.training.find("\"epochs\": 2"), std::string::npos);
}

TEST(Training, SaysWhereTheTimeOfSomeBatchesGoes) {
  const Squares squares(8);
  const TempDir folder;
  const auto parts = [&](int profile, const std::string& name) {
    TrainOptions options = small_options(folder / name);
    options.profile = profile;  // of the 8 batches the first 3 warm up
    Watcher watcher;
    train_model(small_model(), squares.data(), options, watcher);
    return watcher.profiles;
  };
  EXPECT_TRUE(parts(0, "without").empty());
  for (const int batches : {2, 100}) {
    const auto profiles = parts(batches, std::to_string(batches));
    ASSERT_EQ(profiles.size(), 1U);
    const auto has = [&](const std::string& name) {
      return std::ranges::any_of(profiles[0], [&](const TrainPart& part) {
        return part.name == name && part.forward > 0;
      });
    };
    EXPECT_TRUE(std::ranges::is_sorted(profiles[0], std::greater(), [](const TrainPart& part) {
      return part.forward + part.backward;
    }));
    for (const char* part : {"convolution", "normalisation", "loss", "optimiser", "average",
                             "waiting for pictures", "evaluation, files"}) {
      EXPECT_TRUE(has(part)) << part;
    }
  }
}

TEST(Training, TakesBatchesOfManySizes) {
  const Squares squares(8);
  const TempDir folder;
  TrainOptions options = small_options(folder / "run");
  options.multi_scale = true, options.epochs = 6;
  struct Sizes : Watcher {
    std::set<int> sides;
    void sees(const Batch& batch) override { sides.insert(batch.size.width); }
  } watcher;
  train_model(small_model(), squares.data(), options, watcher);
  EXPECT_GE(watcher.sides.size(), 4U);
  EXPECT_GE(*watcher.sides.begin(), 32);
  EXPECT_LE(*watcher.sides.rbegin(), 96 + 8);
  EXPECT_EQ(completed(options, small_model().graph, 8).largest, (Size{96, 96}));
}

class Resumed : public testing::TestWithParam<TrainRecipe> {};

TEST_P(Resumed, GoesOnBitByBitWhereverItWasStopped) {
  const Squares squares(10);  // three batches an epoch, the last one short
  const TempDir folder;
  const Model model = small_model(1, "batch=8\nsubdivisions=2\nmosaic=1\nema_alpha=.5\n");
  const auto options_for = [&](const std::string& name) {
    TrainOptions options = small_options(folder / name);
    options.recipe = GetParam();
    return completed(options, model.graph, 10);
  };
  Watcher watcher;
  train_model(model, squares.data(), options_for("straight"), watcher);
  const std::string want = read_file(folder / "straight/weights/last.safetensors");
  const std::string rows = read_file(folder / "straight/results.csv");

  for (const int stop_after : {1, 3, 5}) {
    SCOPED_TRACE(stop_after);
    TrainOptions options = options_for("stopped" + std::to_string(stop_after));
    Watcher first;
    first.stop_after = stop_after;
    EXPECT_TRUE(train_model(model, squares.data(), options, first).stopped);
    options.resume = true;
    Watcher second;
    EXPECT_FALSE(train_model(model, squares.data(), options, second).stopped);
    EXPECT_EQ(first.batches.size() + second.batches.size(), watcher.batches.size());
    EXPECT_TRUE(read_file(options.out / "weights/last.safetensors") == want);
    EXPECT_EQ(read_file(options.out / "results.csv"), rows);
  }
}

INSTANTIATE_TEST_SUITE_P(Recipes, Resumed,
                         testing::Values(TrainRecipe::scaled_yolov4, TrainRecipe::darknet),
                         [](const auto& test) {
                           return test.param == TrainRecipe::darknet ? "darknet" : "scaled_yolov4";
                         });

void expect_refused(ErrorKind kind, const Model& model, const Dataset& data,
                    const TrainOptions& options) {
  Watcher watcher;
  try {
    train_model(model, data, options, watcher);
    ADD_FAILURE() << "expected a refusal";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    EXPECT_TRUE(watcher.batches.empty());
  }
}

TEST(Training, RefusesWhatCannotWork) {
  const Squares squares(4);
  const TempDir folder;
  const TrainOptions options = small_options(folder / "run");
  Dataset none = squares.data();
  none.items.clear();
  expect_refused(ErrorKind::data_refused, small_model(), none, options);
  Dataset bare = squares.data();
  for (Item& item : bare.items) item.truths.clear();
  expect_refused(ErrorKind::data_refused, small_model(), bare, options);
  expect_refused(ErrorKind::input, small_model(2), squares.data(), options);

  TrainOptions wrong = options;
  wrong.device = "warp";
  expect_refused(ErrorKind::unsupported, small_model(), squares.data(), wrong);
  wrong = options;
  wrong.input = {60, 64};
  expect_refused(ErrorKind::input, small_model(), squares.data(), wrong);
  wrong = options;
  wrong.out = folder.write("file", "x");
  expect_refused(ErrorKind::io, small_model(), squares.data(), wrong);
  wrong = options;
  wrong.resume = true;
  expect_refused(ErrorKind::input, small_model(), squares.data(), wrong);

  Watcher watcher;
  watcher.stop_after = 1;
  TrainOptions again = options;
  again.out = folder / "again";
  train_model(small_model(), squares.data(), again, watcher);
  expect_refused(ErrorKind::usage, small_model(), squares.data(), again);
}

TEST(Training, GivesUpWhenNothingStaysFiniteAndSavesNoNan) {
  const Squares squares(8);
  const TempDir folder;
  TrainOptions options = small_options(folder / "run");
  options.lr0 = 1e30;
  options.epochs = 40;
  Watcher watcher;
  try {
    train_model(small_model(), squares.data(), options, watcher);
    ADD_FAILURE() << "expected it to diverge";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::diverged) << error.what();
  }
  EXPECT_FALSE(watcher.findings.empty());
}

}  // namespace
}  // namespace syolo::test
