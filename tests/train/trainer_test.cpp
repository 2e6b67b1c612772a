// Whole runs on a handful of drawn pictures: they learn, stop and go on bit by bit, refuse what
// cannot work, and never let NaN into a file.
#include "syolo/train/trainer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <set>
#include <thread>

#include "syolo/boxes/iou.h"
#include "syolo/data/formats.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "syolo/image/codec.h"
#include "syolo/runtime/detector.h"
#include "syolo/train/image_weights_impl.h"
#include "syolo/weights/formats/safetensors.h"
#include "tests/support/engine.h"
#include "tests/support/free_port.h"
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
    return {0.5, 0.5, 0.5, epoch == 1 ? 0.9 : 0.1, {}};
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

/// A dozen pictures by heart.
TrainOptions by_heart_options(const Path& out) {
  TrainOptions options = small_options(out);
  options.epochs = 240, options.batch = 12;
  options.augmentation.translate = options.augmentation.scale = 0;
  options.augmentation.hsv_h = options.augmentation.hsv_s = options.augmentation.hsv_v = 0;
  return options;
}

TEST(Training, LearnsADozenPicturesSoThatTheEngineFindsThem) {
  const Squares squares(12);
  const TempDir folder;
  const TrainOptions options = by_heart_options(folder / "run");
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

/// Each rank's thread has a run of its own; the first one writes.
TEST(Training, OnTwoRanksEndsWhereItDoesOnOne) {
  const Squares squares(11);  // the last batch has fewer pictures than there are ranks
  const TempDir folder;
  TrainOptions options = small_options(folder / "one");
  options.batch = 5, options.warmup_epochs = 0, options.lr0 = 0.002;
  Watcher alone;
  train_model(small_model(), squares.data(), options, alone);

  options.place = {0, 2, "127.0.0.1", free_port()};
  options.out = folder / "two";
  Watcher watchers[2];
  {
    std::vector<std::jthread> ranks;
    for (int rank = 0; rank < 2; ++rank) {
      ranks.emplace_back([&, rank] {
        TrainOptions own = options;
        own.place.rank = rank;
        train_model(small_model(), squares.data(), own, watchers[rank]);
      });
    }
  }
  EXPECT_EQ(watchers[0].evaluated.size(), 4U);
  EXPECT_TRUE(watchers[1].evaluated.empty()) << "the first rank measures";
  ASSERT_EQ(watchers[0].batches.size(), alone.batches.size());
  for (std::size_t i = 0; i < alone.batches.size(); ++i) {
    EXPECT_EQ(watchers[0].batches[i].images, alone.batches[i].images);
    EXPECT_NEAR(watchers[0].batches[i].objectness, alone.batches[i].objectness, 1e-3);
    EXPECT_EQ(watchers[0].batches[i].box, watchers[1].batches[i].box);
  }
  const auto weights = [&](const char* run) {
    return load_model_file(folder / run / "weights" / "last.safetensors").weights;
  };
  const Weights one = weights("one"), two = weights("two");
  for (const auto& [id, tensor] : one.all()) {
    const auto got = two.at(id).values();
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_NEAR(got[i], tensor.values()[i], 2e-3 * (1 + std::abs(tensor.values()[i])))
          << to_text(id);
    }
  }
}

TEST(Training, RanksThatNormaliseAloneStayEqual) {
  const Squares squares(8);
  const TempDir folder;
  TrainOptions options = small_options(folder / "run");
  options.sync_bn = false, options.place = {0, 2, "127.0.0.1", free_port()};
  struct Judge : Watcher {
    Weights weights;
    TrainScore evaluate(const Model& model, std::int64_t epoch) override {
      weights = model.weights;
      return Watcher::evaluate(model, epoch);
    }
  } watchers[2];
  std::vector<std::jthread> ranks;
  for (int rank = 0; rank < 2; ++rank) {
    ranks.emplace_back([&, rank] {
      TrainOptions own = options;
      own.place.rank = rank;
      train_model(small_model(), squares.data(), own, watchers[rank]);
    });
  }
  ranks.clear();
  ASSERT_EQ(watchers[0].batches.size(), watchers[1].batches.size());
  for (std::size_t i = 0; i < watchers[0].batches.size(); ++i) {
    EXPECT_EQ(watchers[0].batches[i].objectness, watchers[1].batches[i].objectness);
  }
  for (const auto& [id, tensor] : watchers[0].weights.all()) {
    for (const float value : tensor.values()) EXPECT_TRUE(std::isfinite(value)) << to_text(id);
  }
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
  EXPECT_EQ(result.best, 0.9);
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

/// A way to train, each of them to be resumed.
struct Way {
  const char* name;
  std::function<void(TrainOptions& options)> set;
};
void PrintTo(const Way& way, std::ostream* out) {
  *out << way.name;
}

Model way_model() {
  return small_model(1, "batch=8\nsubdivisions=2\nmosaic=1\nema_alpha=.5\nadversarial_lr=1\n");
}
TrainOptions way_options(const Way& way, const Path& out) {
  TrainOptions options = small_options(out);
  way.set(options);
  return completed(options, way_model().graph, 10);
}

class Resumed : public testing::TestWithParam<Way> {};

TEST_P(Resumed, GoesOnBitByBitWhereverItWasStopped) {
  const Squares squares(10);  // three batches an epoch, the last one short
  const TempDir folder;
  const Model model = way_model();
  const auto options_for = [&](const std::string& name) {
    return way_options(GetParam(), folder / name);
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

const Way kPlain{"scaled_yolov4", [](TrainOptions&) {}};
const Way kWays[] = {
    {"bf16", [](TrainOptions& o) { o.precision = TrainPrecision::bf16; }},
    {"cmbn", [](TrainOptions& o) { o.cmbn = 1, o.nominal_batch = 8; }},
    {"cbn", [](TrainOptions& o) { o.cbn = 4, o.warmup_epochs = 0; }},
    {"dropout", [](TrainOptions& o) { o.dropout = 0.3; }},
    {"dropblock", [](TrainOptions& o) { o.dropblock = 0.5; }},
    {"dropconnect", [](TrainOptions& o) { o.dropconnect = 0.3; }},
    {"frozen", [](TrainOptions& o) { o.freeze = 2; }},
    {"image_weights", [](TrainOptions& o) { o.image_weights = true; }},
    {"adversarial", [](TrainOptions& o) { o.adversarial = 10, o.warmup_epochs = 0; }},
    {"taught",
     [](TrainOptions& o) {
       Model teacher = small_model();
       teacher.weights = random_weights(teacher.graph, 2);
       o.teacher = std::make_shared<Model>(std::move(teacher)), o.distill_features = 1;
     }},
};
INSTANTIATE_TEST_SUITE_P(Recipes, Resumed,
                         testing::Values(kPlain, Way{"darknet",
                                                     [](TrainOptions& o) {
                                                       o.recipe = TrainRecipe::darknet;
                                                     }}),
                         [](const auto& test) { return std::string(test.param.name); });
INSTANTIATE_TEST_SUITE_P(Ways, Resumed, testing::ValuesIn(kWays),
                         [](const auto& test) { return std::string(test.param.name); });

TEST(Training, EveryWayComesToOtherWeights) {
  const Squares squares(10);
  const TempDir folder;
  std::map<std::string, std::string> by_weights;
  const auto weights = [&](const Way& way) {
    const TrainOptions options = way_options(way, folder / way.name);
    Watcher watcher;
    train_model(way_model(), squares.data(), options, watcher);
    EXPECT_TRUE(watcher.findings.empty()) << way.name;
    return read_file(options.out / "state" / "000000000012.state");
  };
  by_weights[weights(kPlain)] = kPlain.name;
  for (const Way& way : kWays) {
    const auto [at, added] = by_weights.emplace(weights(way), way.name);
    EXPECT_TRUE(added) << way.name << " is no other than " << at->second;
  }
}

TEST(Training, WeighsPicturesByRareAndBadlyFoundClasses) {
  Dataset data;
  data.names = {"often", "rare", "never"};
  for (const std::vector<int>& classes : {std::vector<int>{0, 0}, {0}, {0, 1}, {}}) {
    Item item;
    for (const int cls : classes) item.truths.push_back({.box = {0, 0, 8, 8}, .cls = cls});
    data.items.push_back(item);
  }
  // Boxes: 4 and 1, and 1 for the class without: 1/4, 1, 1 over 9/4.
  const double often = 0.25 / 2.25, rare = 1 / 2.25;
  const auto expect = [&](const std::vector<double>& ap, double a, double b) {
    const std::vector<double> got = train::image_weights(data, ap);
    const std::vector<double> want = {2 * a, a, a + b, 0};
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(got[i], want[i], 1e-12);
  };
  expect({}, often, rare);
  expect({0.5, 0.9, 0}, often * 0.25, rare * 0.01);
}

TEST(Training, LearnsFromATeacherWhatNoLabelSays) {
  const Squares squares(12);
  const TempDir folder;
  TrainOptions options = by_heart_options(folder / "teacher");
  Watcher watcher;
  train_model(small_model(), squares.data(), options, watcher);
  const Path last = options.out / "weights" / "last.safetensors";
  ASSERT_GE(squares_found(load_model_file(last), squares.data()), 11);

  options.teacher = std::make_shared<Model>(load_model_file(last));
  options.out = folder / "student";
  options.box = options.obj = options.cls = 0;  // no label counts
  options.epochs = 600;
  Model student = small_model();
  student.weights = random_weights(student.graph, 5);
  train_model(student, squares.data(), options, watcher);
  const Model taught = load_model_file(options.out / "weights" / "last.safetensors");
  EXPECT_GE(squares_found(taught, squares.data()), 10);
}

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
  wrong.freeze = 5;
  expect_refused(ErrorKind::input, small_model(), squares.data(), wrong);
  wrong = options;
  wrong.teacher = std::make_shared<Model>(small_model(2));
  expect_refused(ErrorKind::input, small_model(), squares.data(), wrong);
  wrong = options;
  wrong.batch = 1, wrong.place.ranks = 2;
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
