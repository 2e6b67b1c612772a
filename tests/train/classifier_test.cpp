// Classifiers: their loss, and whole runs on a handful of drawn pictures.
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "syolo/eval/top.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/rewrite.h"
#include "syolo/image/codec.h"
#include "syolo/runtime/detector.h"
#include "syolo/train/losses/losses_impl.h"
#include "syolo/train/net_impl.h"
#include "syolo/train/trainer.h"
#include "syolo/weights/formats/safetensors.h"
#include "tests/support/engine.h"
#include "tests/support/free_port.h"
#include "tests/support/temp_dir.h"

namespace syolo::test {
namespace {

using train::class_loss;
using train::LossInput;
using train::LossTerms;

constexpr int kSide = 32;

/// Whether the pixel is bright, by class: a square, stripes across, stripes down.
bool is_bright(int cls, int x, int y, int shift) {
  if (cls == 0) return std::abs(x - 12 - shift) < 6 && std::abs(y - 16) < 6;
  return (cls == 1 ? y + shift : x + shift) % 8 < 4;
}

/// Pictures of three classes in turn.
class Patterns {
 public:
  explicit Patterns(int count) {
    data_.names = {"square", "across", "down"};
    data_.class_ids = {0, 1, 2};
    for (int i = 0; i < count; ++i) {
      std::string pixels;
      for (int y = 0; y < kSide; ++y) {
        for (int x = 0; x < kSide; ++x) {
          pixels.append(3, static_cast<char>(is_bright(i % 3, x, y, i % 7) ? 200 : 60));
        }
      }
      Item item;
      item.image = folder_.write(std::to_string(i) + ".ppm", "P6\n32 32\n255\n" + pixels);
      item.id = i, item.size = {kSide, kSide}, item.cls = i % 3;
      data_.items.push_back(item);
    }
  }
  const Dataset& data() const { return data_; }

 private:
  TempDir folder_;
  Dataset data_;
};

Graph small_graph(int classes, const std::string& softmax = "groups=1\n") {
  std::string cfg = "[net]\nwidth=32\nheight=32\nchannels=3\n";
  for (const char* filters : {"8", "16"}) {
    cfg += std::string("[convolutional]\nbatch_normalize=1\nfilters=") + filters +
           "\nsize=3\nstride=2\npad=1\nactivation=mish\n";
  }
  cfg += "[avgpool]\n[convolutional]\nfilters=" + std::to_string(classes) +
         "\nsize=1\nstride=1\nactivation=linear\n[softmax]\n" + softmax;
  Findings findings;
  return read_cfg(cfg, "small.cfg", findings);
}

Model small_model() {
  Graph graph = small_graph(3);
  Weights weights = random_weights(graph, 1);
  return {std::move(graph), std::move(weights), {"square", "across", "down"}, 0, {}, {}};
}

TrainOptions small_options(const Path& out) {
  TrainOptions options;
  options.epochs = 4, options.batch = 6, options.input = {kSide, kSide};
  options.threads = 1, options.out = out, options.random = {0, 1, 3};
  return completed(options, small_model().graph, 18);
}

/// Measures with the engine; stops after a number of steps.
struct Watcher : TrainObserver {
  explicit Watcher(const Dataset& data) : data_(data) {}
  int stop_after = -1, steps = 0;
  std::vector<TrainBatch> batches;
  TopReport last;

  void batch(const TrainBatch& done) override { batches.push_back(done); }
  TrainScore evaluate(const Model& model, std::int64_t /*epoch*/) override {
    last = measured(model, data_);
    TrainScore score;
    score.top1 = last.top1, score.top5 = last.top5;
    return score;
  }
  bool stop() override { return ++steps == stop_after; }
  double seconds() override { return 0; }

  static TopReport measured(const Model& model, const Dataset& data) {
    NmsOptions all;
    all.confidence = 0;
    Detector detector(make_plan(model, model.graph.net().input, plain_options()), all);
    std::vector<Prediction> rows;
    for (std::size_t i = 0; i < data.items.size(); ++i) {
      append(rows, static_cast<int>(i), detector(load_image(data.items[i].image, {}).view()));
    }
    return top_accuracy(data, rows);
  }

 private:
  const Dataset& data_;
};

// -- loss -----------------------------------------------------------------------------------------

const std::vector<std::vector<ClassShare>> kShares = {{{1, 1.0}}, {{0, 0.25}, {2, 0.75}}};

torch::Tensor some_logits() {
  return torch::tensor({0.5, -1.0, 2.0, 0.0, 0.25, -0.75}, torch::kFloat64).reshape({2, 3, 1, 1});
}

TEST(ClassLoss, IsTheCrossEntropyWithSmoothedShares) {
  const std::vector<torch::Tensor> logits = {some_logits()};
  for (const double smoothing : {0.0, 0.1}) {
    const LossTerms terms = class_loss({logits, {}, {}, {}, nullptr, 0, false, kShares}, smoothing);
    double want = 0;
    for (int image = 0; image < 2; ++image) {
      std::array<double, 3> share{}, z{};
      for (const ClassShare& one : kShares[static_cast<std::size_t>(image)]) {
        share[static_cast<std::size_t>(one.cls)] = one.share;
      }
      double sum = 0;
      for (std::size_t k = 0; k < 3; ++k) {
        z[k] = logits[0][image][static_cast<std::int64_t>(k)].item<double>();
        sum += std::exp(z[k]);
      }
      for (std::size_t k = 0; k < 3; ++k) {
        want -= ((1 - smoothing) * share[k] + smoothing / 3) * std::log(std::exp(z[k]) / sum);
      }
    }
    EXPECT_NEAR(terms.total.item<double>(), want, 1e-12);
    EXPECT_NEAR(terms.classes, want / 2, 1e-12);
    EXPECT_EQ(terms.box, 0);
  }
}

TEST(ClassLoss, HasTheGradientOfProbabilitiesLessShares) {
  const std::vector<torch::Tensor> logits = {some_logits().set_requires_grad(true)};
  class_loss({logits, {}, {}, {}, nullptr, 0, false, kShares}, 0).total.backward();
  const torch::Tensor shares =
      torch::tensor({0.0, 1.0, 0.0, 0.25, 0.0, 0.75}, torch::kFloat64).reshape({2, 3, 1, 1});
  EXPECT_TRUE(torch::allclose(logits[0].grad(), torch::softmax(logits[0].detach(), 1) - shares,
                              1e-12, 1e-12));
}

// -- network --------------------------------------------------------------------------------------

TEST(ClassifierNet, GivesTheLogitsOfTheLastSoftmax) {
  const Model model = small_model();
  train::Net net(model.graph, model.weights, {});
  const torch::Tensor images = torch::rand({2, 3, kSide, kSide});
  const torch::NoGradGuard no_grad;
  const std::vector<torch::Tensor> logits = net.forward(images, train::Mode::eval);
  const std::vector<torch::Tensor> all = net.forward_all(images, train::Mode::eval);
  ASSERT_EQ(logits.size(), 1U);
  EXPECT_TRUE(torch::equal(logits[0], all[3]));
  EXPECT_TRUE(torch::allclose(torch::softmax(logits[0], 1), all[4]));
}

TEST(ClassifierNet, TakesOtherNumbersOfClasses) {
  const Graph graph = with_classes(small_graph(3), 7);
  EXPECT_EQ(class_count(graph), 7);
  EXPECT_EQ(write_cfg(graph), write_cfg(small_graph(7)));
}

// -- runs -----------------------------------------------------------------------------------------

TEST(ClassifierTraining, LearnsThreePatternsAndTheEngineMeasuresWhatTheLogSays) {
  const Patterns patterns(18);
  const TempDir folder;
  TrainOptions options = small_options(folder / "run");
  options.epochs = 40, options.lr0 = 0.1, options.warmup_epochs = 1, options.label_smoothing = 0.1;
  options.augmentation.cutmix = 0.3, options.augmentation.mosaic_classes = 0.3;
  Watcher watcher(patterns.data());
  const TrainResult result = train_model(small_model(), patterns.data(), options, watcher);
  EXPECT_GE(result.best, 17.0 / 18);
  EXPECT_LT(watcher.batches.back().classes, 0.8 * watcher.batches.front().classes);
  const Model best = load_model_file(options.out / "weights" / "best.safetensors");
  const TopReport report = Watcher::measured(best, patterns.data());
  EXPECT_EQ(report.top1, result.best);
  EXPECT_EQ(report.top5, 1);
  EXPECT_TRUE(best.origin.training.find("\"top1\": ") != std::string::npos);
  const std::string rows = read_file(options.out / "results.csv");
  EXPECT_TRUE(rows.starts_with("epoch,step,lr,cls,top1,top5,images_per_second,seconds\n0,"));
}

TEST(ClassifierTraining, GoesOnBitByBit) {
  const Patterns patterns(16);  // the last batch is short
  const TempDir folder;
  Watcher straight(patterns.data());
  train_model(small_model(), patterns.data(), small_options(folder / "straight"), straight);
  TrainOptions options = small_options(folder / "stopped");
  Watcher first(patterns.data()), second(patterns.data());
  first.stop_after = 2;
  EXPECT_TRUE(train_model(small_model(), patterns.data(), options, first).stopped);
  options.resume = true;
  train_model(small_model(), patterns.data(), options, second);
  for (const char* file : {"weights/last.safetensors", "results.csv"}) {
    EXPECT_TRUE(read_file(folder / "straight" / file) == read_file(folder / "stopped" / file))
        << file;
  }
}

TEST(ClassifierTraining, OnTwoRanksEndsWhereItDoesOnOne) {
  const Patterns patterns(13);  // the last batch has one picture, which both ranks have
  const TempDir folder;
  TrainOptions options = small_options(folder / "one");
  options.warmup_epochs = 0;
  Watcher alone(patterns.data());
  train_model(small_model(), patterns.data(), options, alone);
  options.place = {0, 2, "127.0.0.1", free_port()}, options.out = folder / "two";
  Watcher lead(patterns.data()), other(patterns.data());
  {
    std::jthread second([&] {
      TrainOptions own = options;
      own.place.rank = 1;
      train_model(small_model(), patterns.data(), own, other);
    });
    train_model(small_model(), patterns.data(), options, lead);
  }
  ASSERT_EQ(lead.batches.size(), alone.batches.size());
  for (std::size_t i = 0; i < alone.batches.size(); ++i) {
    EXPECT_NEAR(lead.batches[i].classes, alone.batches[i].classes, 1e-4);
    EXPECT_EQ(lead.batches[i].classes, other.batches[i].classes);
  }
}

TEST(ClassifierTraining, RefusesWhatCannotWork) {
  const Patterns patterns(6);
  const TempDir folder;
  const auto refused = [&](const Model& model, const Dataset& data, const TrainOptions& options) {
    Watcher watcher(data);
    try {
      train_model(model, data, options, watcher);
    } catch (const Error& error) {
      EXPECT_FALSE(std::filesystem::exists(options.out));
      return std::string(error.what());
    }
    return std::string();
  };
  const auto has = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos ? testing::AssertionSuccess()
                                                : testing::AssertionFailure() << text;
  };
  const TrainOptions options = small_options(folder / "run");
  Dataset boxes = patterns.data();
  boxes.items[2].cls = -1;
  EXPECT_TRUE(has(refused(small_model(), boxes, options), "found 1 that are not in one"));
  Dataset none = patterns.data();
  none.items.clear();
  EXPECT_TRUE(has(refused(small_model(), none, options), "no picture"));
  TrainOptions weighs = options;
  weighs.image_weights = true;
  EXPECT_TRUE(has(refused(small_model(), patterns.data(), weighs), "found a classifier"));
  Model groups = small_model();
  groups.graph = small_graph(3, "groups=3\n");
  EXPECT_TRUE(has(refused(groups, patterns.data(), options), "small.cfg:"));
  TrainOptions cfg = options;
  cfg.recipe = TrainRecipe::darknet;
  EXPECT_THROW(completed(cfg, small_model().graph, 6), Error);
}

}  // namespace
}  // namespace syolo::test
