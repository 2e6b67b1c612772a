// A training run: a model and a dataset in, a run folder out that can be resumed at any step.
// It decodes nothing and measures no AP: the observer does, with the engine.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "syolo/data/loader.h"
#include "syolo/weights/model.h"

namespace syolo {

enum class TrainOptimizer { sgd, adam, adamw };
/// Of the values between layers; parameters and their sums are always f32.
enum class TrainPrecision { f32, bf16 };
/// darknet: [net] and [yolo] of the cfg say everything, so that none of the numbers below counts
/// but epochs and batch.
enum class TrainRecipe { scaled_yolov4, darknet };

/// Several processes train together; they meet at the first one's address. Each gets its part of
/// every batch; the first one evaluates and writes.
struct RankPlace {
  int rank = 0, ranks = 1;
  std::string host = "127.0.0.1";
  int port = 0;
};

struct TrainOptions {
  TrainRecipe recipe = TrainRecipe::scaled_yolov4;
  int epochs = 0, batch = 0;  // 0: completed() knows
  Size input = {640, 640};
  std::string device = "cpu";  // any that LibTorch knows: "cpu", "cuda", "cuda:1", ...
  std::uint64_t seed = 0;
  RankPlace place;
  int threads = 0;          // 0: what this process may use
  Path out;                 // the run folder
  bool resume = false;      // goes on from the newest state in `out`
  std::set<NodeId> random;  // layers whose weights are random: they start as the recipe says
  TrainOptimizer optimizer = TrainOptimizer::sgd;
  TrainPrecision precision = TrainPrecision::f32;
  bool sync_bn = true;  // ranks normalise by the statistics of the whole batch; else of their part
  bool recompute = false;  // less memory for more time, the same bits
  int freeze = 0;          // so many of the first layers stay as they are
  int patience = 0;        // ends after as many epochs without a better AP; 0: never
  int evaluate_every = 1;  // epochs; the last one always
  std::int64_t cache_bytes = std::int64_t{1} << 30;  // decoded pictures
  // ScaledYOLOv4's hyper-parameters, names and values of its files
  double lr0 = 0.01, lrf = 0.2, momentum = 0.937, weight_decay = 0.0005;
  double warmup_epochs = 3, warmup_momentum = 0.9, warmup_bias_lr = 0.1;
  double box = 0.05, obj = 1, cls = 0.5, obj_pw = 1, cls_pw = 1;
  double anchor_t = 4, fl_gamma = 0, label_smoothing = 0;
  double dropout = 0, dropblock = 0, dropconnect = 0;  // probabilities before heads; blocks grow
  double adversarial = 0;  // how far pictures are changed against the network at the end
  std::shared_ptr<const Model> teacher = {};  // whose answers count beside the truth
  double distill = 1, distill_features = 0, distill_temperature = 1;  // with a teacher
  double cmbn = 0;           // 1: normalisations gather statistics over the batches of a step
  double cbn = 0;            // normalisations count the statistics of so many batches, corrected
  double nominal_batch = 0;  // pictures of one step; 0: 64, fewer for small datasets
  double average_decay = 0, average_ramp = 0;  // of the averaged weights; 0: by the run's steps
  bool image_weights = false;  // pictures are drawn more often when their classes do badly
  bool multi_scale = false;    // scaled-yolov4: batches of 0.5 to 1.5 times the input
  Size largest = {0, 0};       // of a batch; completed() knows
  AugmentOptions augmentation;
  int profile = 0;  // batches to measure, after some that warm up
  /// Called once the folder is there and everything has been checked, unless resumed.
  std::function<void()> began = {};
};

/// What one batch was like.
struct TrainBatch {
  Cursor at;
  std::int64_t batches = 0, epochs = 0;  // of an epoch, of the run
  int images = 0;
  double box = 0, objectness = 0, classes = 0, lr = 0;
};

/// Where the time of measured batches went: seconds of a batch, on the way forward and back.
struct TrainPart {
  std::string name;
  double forward = 0, backward = 0;
};

/// What evaluation found; -1: nothing to measure.
struct TrainScore {
  double precision = -1, recall = -1, ap50 = -1, ap = -1;
  std::vector<double> class_ap = {};  // AP of each class, 0 where there is nothing to measure
  double top1 = -1, top5 = -1;        // of a classifier, which has no others
};

class TrainObserver {
 public:
  virtual ~TrainObserver() = default;
  /// Pixels and boxes that the next batch() is about.
  virtual void sees(const Batch& /*batch*/) {}
  virtual void batch(const TrainBatch& /*done*/) {}
  /// The averaged weights after an epoch; only the first rank is asked.
  virtual TrainScore evaluate(const Model& model, std::int64_t epoch) = 0;
  /// results.csv and the state hold the epoch.
  virtual void epoch_ended() {}
  /// Asked after every step; true saves the state and ends the run.
  virtual bool stop() { return false; }
  /// After TrainOptions::profile batches: the parts, longest first.
  virtual void profiled(const std::vector<TrainPart>& /*parts*/) {}
  virtual void finding(const Finding& /*found*/) {}
  virtual double seconds() = 0;  // a clock, for results.csv only
};

struct TrainResult {
  bool stopped = false;
  std::int64_t epochs = 0, best_epoch = -1;
  double best = -1;  // AP, or a classifier's top-1
};

/// @param options  completed()
/// Trains `model` (its heads [yolo], or a classifier that ends in [softmax]; its classes those of
/// the dataset) and writes into
/// options.out: results.csv, weights/last.safetensors and weights/best.safetensors (averaged
/// weights), state/ (two generations). The same seed and threads give the same bytes, interrupted
/// and resumed or not.
/// @throws Error(input) when model and dataset do not fit, Error(data_refused) for a dataset
/// without pictures, or boxes, or classes of pictures, Error(io) for a folder that cannot be
/// written, Error(unsupported) for a device that is not here, Error(diverged) when losses stay
/// infinite or NaN, Error(rank_lost) when another process of the training has ended
TrainResult train_model(const Model& model, const Dataset& data, const TrainOptions& options,
                        TrainObserver& observer);

/// The options with what they leave to the recipe, `epochs` and `batch`, and for darknet how
/// pictures are changed: max_batches, batch / subdivisions, jitter, ...
/// @throws Error(input) at the section for a value that Darknet has not
TrainOptions completed(TrainOptions options, const Graph& graph, std::int64_t images);

/// "LibTorch 1.13.0".
std::string train_library();

}  // namespace syolo
