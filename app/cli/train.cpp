// syolo train: a network on a dataset. The training module computes; this file prepares, shows
// progress and evaluates through the engine.

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <utility>

#include "app/cli/auto_anchors.h"
#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/hyperparameters.h"
#include "app/cli/interrupt.h"
#include "app/cli/json.h"
#include "app/cli/pictures.h"
#include "app/cli/preflight.h"
#include "app/cli/ranks.h"
#include "app/cli/results.h"
#include "app/cli/run_folder.h"
#include "app/cli/train_inputs.h"
#include "app/cli/training.h"
#include "syolo/eval/coco_ap.h"
#include "syolo/eval/protocols.h"
#include "syolo/eval/top.h"
#include "syolo/graph/classifier.h"
#include "syolo/graph/lower.h"
#include "syolo/graph/rewrite.h"
#include "syolo/image/codec.h"
#include "syolo/runtime/detector.h"
#include "syolo/weights/formats/safetensors.h"
#include "syolo/weights/transfer.h"
#include "syolo/zoo/scaling.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

// -- args.yaml: what a run was started with ---------------------------------------------------

std::string args_text(const TrainArgs& args, const TrainOptions& options, const Globals& globals) {
  const Json json = {
      {"model", args.model.model},
      {"data", fs::absolute(args.data).string()},
      {"recipe", args.recipe},
      {"epochs", options.epochs},
      {"batch", options.batch},
      {"device", args.device},
      {"cache", args.cache},
      {"seed", globals.seed},
      {"overfit", args.overfit},
      {"patience", args.patience},
      {"evaluate_every", args.evaluate_every},
      {"optimizer", args.optimizer},
      {"precision", args.precision},
      {"recompute", args.recompute},
      {"sync_bn", args.sync_bn},
      {"freeze", args.freeze},
      {"ranks", args.place.ranks},
      {"teacher", fs::exists(args.teacher) ? fs::absolute(args.teacher).string() : args.teacher},
      {"single_class", args.single_class},
      {"multi_scale", args.multi_scale},
      {"image_weights", args.image_weights},
      {"threads", globals.threads},
      {"hyp", hyperparameters(options)}};
  std::string text;
  for (const auto& [key, value] : json.items()) text += key + ": " + value.dump() + "\n";
  return text;
}

/// Takes over what the run in `folder` was started with.
void read_args(const Path& folder, TrainArgs& args, TrainOptions& options, Globals& globals) {
  const int ranks = args.ranks;
  const Path file = folder / "args.yaml";
  const std::string text = read_text(file, Limits{}.text_bytes);
  Json json = Json::object();
  int number = 0;
  for (const std::string_view line : lines(text)) {
    ++number;
    const std::size_t colon = line.find(": ");
    const Json value = colon == std::string_view::npos
                           ? Json(Json::value_t::discarded)
                           : Json::parse(line.substr(colon + 2), nullptr, false);
    with_where({.file = file.string(), .line = number, .item = {}}, [&] {
      require(!value.is_discarded(), "expected \"key: value\", found \"{}\"", printable(line, 80));
    });
    json[std::string(line.substr(0, colon))] = value;
  }
  const auto take = [&](const char* key, auto& target) {
    with_where({.file = file.string(), .item = key}, [&] {
      try {
        json.at(key).get_to(target);
      } catch (const nlohmann::json::exception&) {
        throw Error(ErrorKind::input, "expected the value that syolo train wrote, found another");
      }
    });
  };
  take("model", args.model.model), take("data", args.data), take("epochs", args.epochs);
  take("recipe", args.recipe);
  take("batch", args.batch), take("device", args.device), take("cache", args.cache);
  take("evaluate_every", args.evaluate_every);
  take("patience", args.patience), take("optimizer", args.optimizer);
  take("precision", args.precision), take("recompute", args.recompute);
  take("freeze", args.freeze), take("sync_bn", args.sync_bn);
  take("image_weights", args.image_weights);
  take("ranks", args.ranks), take("teacher", args.teacher);
  if (ranks > 0) args.ranks = ranks;
  take("single_class", args.single_class), take("multi_scale", args.multi_scale);
  take("overfit", args.overfit), take("seed", globals.seed), take("threads", globals.threads);
  set_hyperparameters(json["hyp"], {.file = file.string(), .item = "hyp"}, options);
}

// -- what comes out ---------------------------------------------------------------------------

/// A table: milliseconds of a batch by part.
std::string profile_text(const std::vector<TrainPart>& parts) {
  double all = 0;
  for (const TrainPart& part : parts) all += part.forward + part.backward;
  std::string text = format("{:<20} {:>10} {:>10} {:>10} {:>7}\n", "ms of a batch", "forward",
                            "backward", "sum", "share");
  const auto line = [&](const std::string& name, double forward, double backward) {
    const double sum = forward + backward;
    text += format("{:<20} {:>10.2f} {:>10.2f} {:>10.2f} {:>5.1f} %\n", name, 1e3 * forward,
                   1e3 * backward, 1e3 * sum, all > 0 ? 100 * sum / all : 0);
  };
  double forward = 0, backward = 0;
  for (const TrainPart& part : parts) {
    line(part.name, part.forward, part.backward);
    forward += part.forward, backward += part.backward;
  }
  line("all", forward, backward);
  text.pop_back();
  return text;
}

class Watcher final : public TrainObserver {
 public:
  /// @param folder  none where another process writes it
  Watcher(const Sets& sets, RunFolder* folder, Console& out) :
      val_(sets.val), pictures_(std::ssize(sets.train.items)),
      classifies_(has_picture_classes(sets.train)), folder_(folder), out_(out) {}

  void sees(const Batch& batch) override {
    if (folder_ != nullptr) folder_->batch(batch);
    if (began_ == 0) began_ = seconds();
  }

  void batch(const TrainBatch& done) override {
    box_ += done.box, objectness_ += done.objectness, classes_ += done.classes, ++batches_;
    epochs_ = done.epochs;
    images_ += done.images;
    if (first_) before_ = done.at.epoch * pictures_, epoch_ = done.at.epoch;
    first_ = false;
    out_.progress(images_, done.epochs * pictures_ - before_,
                  format("images, epoch {}/{}, {}", done.at.epoch + 1, done.epochs, losses(3)));
  }

  TrainScore evaluate(const Model& model, std::int64_t epoch) override {
    const std::vector<Prediction> rows = detections(model);
    std::string found;
    if (classifies_) {
      const TopReport top = top_accuracy(val_, rows);
      score_ = {.top1 = top.top1, .top5 = top.top5};
      found = format("top-1 {:.3f}  top-5 {:.3f}", top.top1, top.top5);
    } else {
      score_ = averages(rows);
      found = format("P {:.3f}  R {:.3f}  AP50 {:.3f}  AP {:.3f}", score_.precision, score_.recall,
                     score_.ap50, score_.ap);
    }
    out_.end_progress();
    out_.note(format("epoch {}/{}  {}  {}", epoch + 1, epochs_, losses(4), found));
    return score_;
  }

  TrainScore averages(const std::vector<Prediction>& rows) const {
    const CocoReport coco = coco_ap(match(val_, rows, out_.globals.threads), out_.globals.threads);
    const ProtocolReport trainer = syolo::evaluate(Protocol::scaled_yolov4, val_, rows);
    TrainScore score{trainer.precision, trainer.recall, coco.numbers[CocoNumber::ap50],
                     coco.numbers[CocoNumber::ap], std::vector<double>(val_.names.size(), 0)};
    for (const CocoClass& of : coco.classes) {
      score.class_ap[static_cast<std::size_t>(of.cls)] = std::max(0.0, of.numbers[CocoNumber::ap]);
    }
    return score;
  }

  /// Means of the epoch so far.
  std::string losses(int digits) const {
    const double n = std::max(batches_, 1);
    const char* gap = digits > 3 ? "  " : " ";
    std::string classes = format("cls {:.{}f}", classes_ / n, digits);
    if (classifies_) return classes;
    return format("box {:.{}f}{}obj {:.{}f}{}{}", box_ / n, digits, gap, objectness_ / n, digits,
                  gap, classes);
  }

  void epoch_ended() override {
    box_ = objectness_ = classes_ = 0, batches_ = 0;
    if (folder_ != nullptr) folder_->epoch_ended();
    ++epoch_;
    if (std::exchange(forecast_, true) || epoch_ >= epochs_) return;
    const double epoch = seconds() - began_;
    out_.note(format("forecast: {} an epoch, {} for the rest", duration(epoch),
                     duration(epoch * static_cast<double>(epochs_ - epoch_))));
  }
  bool stop() override { return interrupted(); }
  void profiled(const std::vector<TrainPart>& parts) override {
    out_.end_progress();
    out_.note(profile_text(parts));
  }
  void finding(const Finding& found) override {
    if (folder_ != nullptr) out_.warn(to_text(found));
  }
  double seconds() override {
    return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
  }
  std::vector<Prediction> detections(const Model& model) const {
    PlanOptions options;
    options.threads = out_.globals.threads, options.tune = Tune::heuristic;
    NmsOptions nms;
    nms.confidence = classifies_ ? 0 : 0.001F, nms.overlap = 0.6F;
    Shape input = model.graph.net().input;
    input.n = 1;
    Detector detector(make_plan(model, input, options), nms);
    const Preprocess& how = detector.preprocess();
    std::vector<Prediction> rows;
    for (std::size_t i = 0; i < val_.items.size(); ++i) {
      const Image image =
          load_image(val_.items[i].image, {.channels = how.channels, .bits = how.bits});
      append(rows, static_cast<int>(i), detector(image.view()));
    }
    return rows;
  }

 private:
  const Dataset& val_;
  std::int64_t pictures_;
  bool classifies_;
  RunFolder* folder_;
  Console& out_;
  double box_ = 0, objectness_ = 0, classes_ = 0;
  int batches_ = 0;
  std::int64_t images_ = 0, before_ = 0, epochs_ = 0;
  std::int64_t epoch_ = 0;  // finished
  double began_ = 0;        // the first batch
  bool first_ = true, forecast_ = false;
  TrainScore score_;
};

void print_result(const TrainRun& run, Console& out) {
  const TrainResult& result = run.result;
  const std::string best = (run.out / "weights" / "best.safetensors").string();
  const char* measure = run.classifies ? "top1" : "AP";
  if (out.globals.json) {
    out.print(document({{"out", run.out.string()},
                        {"epochs", result.epochs},
                        {"stopped", result.stopped},
                        {"best", {{"epoch", result.best_epoch + 1}, {measure, result.best}}}}));
  } else if (result.best_epoch >= 0) {
    out.print(format("best: epoch {}, {} {:.3f}: {}\n", result.best_epoch + 1, measure, result.best,
                     best));
  }
}

/// What the best model finds, for people.
void finish(const Watcher& watcher, RunFolder& folder, const Path& out) {
  const Path best = out / "weights" / "best.safetensors";
  std::error_code failed;
  if (!std::filesystem::exists(best, failed)) return;
  ModelPaths paths;
  paths.model = best.string();
  folder.finish(watcher.detections(load_model(paths)), "Training run " + out.filename().string());
}

void check(const TrainArgs& args) {
  if (args.resume.empty() == (args.model.model.empty() && args.data.empty() && args.out.empty())) {
    contradiction("--resume",
                  args.resume.empty() ? "expected a model and a dataset, found neither"
                                      : "expected --resume alone, found other inputs, too",
                  "syolo train MODEL --data DATASET, or syolo train --resume DIR");
  }
  if (args.resume.empty() && (args.model.model.empty() || args.data.empty())) {
    contradiction(args.data.empty() ? "--data" : "MODEL", "expected a model and a dataset",
                  "syolo train MODEL --data DATASET");
  }
  if (static_cast<TrainRecipe>(args.recipe) != TrainRecipe::darknet) return;
  const auto refuse = [](const std::string& option) {
    contradiction(option, "expected no such option with --recipe darknet",
                  "the cfg says it: learning_rate, mosaic, adam, random, ...");
  };
  for (const TrainArgs::Number& number : args.numbers) {
    if (number.option->count() > 0) refuse(number.option->get_name());
  }
  if (!args.hyp.empty()) refuse("--hyp");
  if (args.optimizer != 0) refuse("--optimizer");
  if (args.multi_scale) refuse("--multi-scale");
  if (args.image_weights) refuse("--image-weights");
}

/// auto: bf16 where the processor multiplies it.
TrainPrecision precision_of(const TrainArgs& args) {
  const auto said = static_cast<Precision>(args.precision);
  if (said == Precision::f32) return TrainPrecision::f32;
  const bool has = args.device != "cpu" || engine_info().bf16;
  if (said == Precision::automatic) return has ? TrainPrecision::bf16 : TrainPrecision::f32;
  if (!has) {
    throw Error(ErrorKind::unsupported,
                "--precision: expected f32 on this processor, found bf16, which it cannot multiply",
                {}, "--precision auto takes what is there");
  }
  return TrainPrecision::bf16;
}

/// What a run is like, beside hyper-parameters.
void set_run(const TrainArgs& args, const Start& start, const Globals& globals,
             TrainOptions& options) {
  options.recipe = static_cast<TrainRecipe>(args.recipe);
  options.epochs = args.epochs, options.batch = args.batch;
  options.input = {start.model.graph.net().input.w, start.model.graph.net().input.h};
  options.device = args.device, options.seed = globals.seed;
  options.threads = globals.threads, options.cache_bytes = args.cache;
  options.profile = args.profile;
  options.random = start.random, options.patience = args.patience;
  options.evaluate_every = args.evaluate_every, options.multi_scale = args.multi_scale;
  options.optimizer = static_cast<TrainOptimizer>(args.optimizer);
  options.precision = precision_of(args);
  options.sync_bn = args.sync_bn == 0, options.image_weights = args.image_weights;
  options.freeze = args.freeze, options.place = args.place;
  if (options.threads == 0 && args.place.ranks > 1) options.threads = threads_of_rank(args.place);
}

}  // namespace

std::string new_folder(const std::string& runs, const std::string& model) {
  const std::string stem = runs + safe_stem(fs::path(model).stem().string());
  std::string folder = stem;
  std::error_code failed;
  for (int i = 2; fs::exists(folder, failed); ++i) folder = format("{}-{}", stem, i);
  return folder;
}

void set_given(const TrainArgs& args, TrainOptions& options) {
  if (!args.values.is_null()) {
    set_hyperparameters(args.values, {.file = args.out, .item = "hyp"}, options);
    return;
  }
  if (!args.hyp.empty()) read_hyperparameters(args.hyp, options);
  for (const TrainArgs::Number& number : args.numbers) {
    if (number.option->count() > 0) number.set(options);
  }
}

TrainRun run_training(TrainArgs args, Console& out) {
  const TrainModule& module = training();
  TrainOptions options;
  options.resume = !args.resume.empty();
  options.out = options.resume     ? args.resume
                : args.out.empty() ? new_folder("runs/train/", args.model.model)
                                   : args.out;
  if (options.resume) read_args(options.out, args, options, out.globals);
  set_given(args, options);
  refuse_inside(options.out.string(), args.data);
  const Sets sets = training_sets(args, out);
  for (const std::string& folder : picture_folders(sets)) {
    refuse_inside(options.out.string(), folder);
  }
  if (options.resume) args.model.model = (options.out / "weights" / "start.safetensors").string();
  Start start = start_for(args, sets.train, out);
  const Model& model = start.model;

  set_run(args, start, out.globals, options);
  options.teacher = teacher_for(args, sets.train, out);
  options = module.completed(std::move(options), model.graph, std::ssize(sets.train.items));
  const bool fits = args.autoanchor == 0 && options.recipe == TrainRecipe::scaled_yolov4;
  if (fits && !options.resume) improve_anchors(start, sets.train, options, out);
  RunFolder folder(options.out, sets.train, sets.val, out);
  const bool leads = args.place.rank == 0;
  if (options.resume && leads) folder.begin();
  if (args.overfit > 0) options.augmentation = without_changes(options.augmentation);
  options.began = [&] {
    save_model(options.out / "weights" / "start.safetensors", model);
    write_file_atomic(options.out / "args.yaml", args_text(args, options, out.globals));
    folder.begin();
    if (args.began) args.began();
  };
  out.note(
      format("{}: {} pictures, {} to evaluate; {} epochs of batches of {}, input {}, {} on {}; "
             "to {}",
             printable(args.model.model), sets.train.items.size(), sets.val.items.size(),
             options.epochs, options.batch, size_text(model.graph.net().input), module.library,
             options.device, options.out.string()));

  options.recompute = recomputes(model, options, args.recompute);
  preflight(model, sets.train, options, out);
  Watcher watcher(sets, leads ? &folder : nullptr, out);
  const Polling polling;
  const TrainResult result = module.train(model, sets.train, options, watcher);
  out.end_progress();
  if (!result.stopped && !args.in_search && leads) finish(watcher, folder, options.out);
  return {options.out, result, is_classifier(model.graph)};
}

void add_training(CLI::App& cli, TrainArgs* args) {
  add_model(cli, args->model);
  cli.get_option("--model")->required(false);
  add_text(cli, "--data", args->data, "DATASET", "train and val parts, in any format");
  add_weights(cli, args->model);
  add_input(cli, args->model);
  add_choice(cli, "--recipe", args->recipe, {"scaled-yolov4", "darknet"}, "R",
             "scaled-yolov4 (default), or darknet: as [net] and [yolo] of the cfg say");
  add_int(cli, "--epochs", args->epochs, 1, 100'000, "N",
          "default 300; darknet: max_batches; else steps move in proportion");
  add_int(cli, "--batch", args->batch, 1, 4096, "N",
          "pictures at a time (default 16; darknet: batch / subdivisions)");
  add_text(cli, "--device", args->device, "NAME", "cpu (default), cuda, cuda:1, ...");
  add_text(cli, "--out", args->out, "DIR", "run folder (default runs/train/MODEL)");
  add_text(cli, "--resume", args->resume, "DIR", "go on with a run that was stopped");
  add_text(cli, "--hyp", args->hyp, "FILE", "hyper-parameters, lines of \"name: value\"");
  const auto over = [&](const char* name, double& value, double low, double high, const char* word,
                        const char* help, double& (*at)(TrainOptions & options)) {
    const CLI::Option* option = add_real(cli, name, value, low, high, word, help);
    args->numbers.push_back({option, [&value, at](TrainOptions& to) { at(to) = value; }});
  };
  over("--lr0", args->lr0, 1e-9, 10, "R", "greatest learning rate (default 0.01)",
       [](TrainOptions& o) -> double& { return o.lr0; });
  over("--mosaic", args->mosaic, 0, 1, "P", "share of mosaics (default 1)",
       [](TrainOptions& o) -> double& { return o.augmentation.mosaic; });
  over("--mixup", args->mixup, 0, 1, "P", "share of mixed pictures (default 0)",
       [](TrainOptions& o) -> double& { return o.augmentation.mixup; });
  add_choice(cli, "--optimizer", args->optimizer, {"sgd", "adam", "adamw"}, "O",
             "sgd (default), adam, adamw");
  add_choice(cli, "--precision", args->precision, {"f32", "bf16", "auto"}, "P",
             "of values between layers: f32 (default), bf16, auto: the faster");
  add_choice(cli, "--recompute", args->recompute, {"auto", "on", "off"}, "R",
             "compute values twice for less memory: on, off, auto: if it is short");
  add_text(cli, "--backbone", args->backbone, "MODEL", "first layers with the weights of MODEL");
  add_text(cli, "--teacher", args->teacher, "MODEL", "learn from its answers beside the labels");
  add_int(cli, "--freeze", args->freeze, 0, 100'000, "N", "the first N layers stay as they are");
  add_int(cli, "--ranks", args->ranks, 1, 1024, "N",
          "N processes of this machine, which share every batch (default 1)");
  add_choice(cli, "--sync-bn", args->sync_bn, {"on", "off"}, "S",
             "normalise by all ranks' pictures (on, default) or each rank's own");
  add_choice(cli, "--autoanchor", args->autoanchor, {"on", "off"}, "A",
             "other anchors where these find less than 98 % of the boxes (default on)");
  add_int(cli, "--patience", args->patience, 0, 100'000, "N",
          "end after N epochs without a better AP (default: never)");
  add_int(cli, "--eval-every", args->evaluate_every, 1, 100'000, "N",
          "measure AP after every N epochs (default 1) and after the last");
  cli.add_flag("--multi-scale", args->multi_scale, "batches of 0.5 to 1.5 times the input");
  cli.add_flag("--image-weights", args->image_weights,
               "draw pictures of rare and badly found classes more often");
  cli.add_flag("--single-class", args->single_class, "all classes as one");
  add_int(cli, "--overfit", args->overfit, 1, 1'000'000, "N",
          "try: learn the first N pictures by heart, without augmentation");
  add_int(cli, "--profile", args->profile, 1, 100'000, "N",
          "print where the time of N batches goes");
  add_real(cli, "--max-unusable", args->max_unusable, 0, 1, "P",
           "refuse when more of the pictures is left out (default 0.1)");
  add_bytes(cli, "--cache", args->cache, "memory for decoded pictures (default 1G)");
}

namespace {

/// How many processes the run wants: as said, or as the one to go on with had.
int wanted_ranks(const TrainArgs& args, const Globals& globals) {
  TrainArgs before = args;
  TrainOptions options;
  Globals of_run = globals;
  if (!args.resume.empty()) read_args(args.resume, before, options, of_run);
  return std::max(before.ranks, 1);
}

/// Starts the processes of the run and stays beside them.
Exit lead(int ranks, const TrainArgs& args, Console& out) {
  RankCommands commands{own_arguments(), {"train", "--resume"}, args.resume};
  if (args.resume.empty()) {
    commands.folder = args.out.empty() ? new_folder("runs/train/", args.model.model) : args.out;
    if (args.out.empty()) commands.first.push_back("--out=" + commands.folder.string());
  }
  commands.again.push_back(commands.folder.string());
  commands.again.push_back(format("--ranks={}", ranks));
  if (out.globals.quiet) commands.again.emplace_back("--quiet");
  if (out.globals.json) commands.again.emplace_back("--json");
  return run_ranks(ranks, commands, out);
}

Exit run(TrainArgs args, Console& out) {
  check(args);
  args.place = place_from_environment();
  if (args.place.ranks == 1) {
    const int ranks = wanted_ranks(args, out.globals);
    if (ranks > 1) return lead(ranks, args, out);
  }
  const Heartbeat heartbeat;
  if (args.place.rank > 0) out.globals.quiet = true;
  const TrainRun run = run_training(args, out);
  if (args.place.rank > 0) return run.result.stopped ? Exit::stopped : Exit::done;
  print_result(run, out);
  if (!run.result.stopped) return Exit::done;
  out.warn(format("stopped; go on with: syolo train --resume {}", run.out.string()));
  return Exit::stopped;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<TrainArgs>();
  add_training(cli, args.get());
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command train_command() {
  return {"train",
          "",
          "train a network on a dataset; can be stopped and resumed at any moment",
          "MODEL --data DATASET [options]",
          "syolo train yolov4-tiny --data my/dataset.yaml --epochs 50 --input 320",
          bind};
}

}  // namespace syolo::cli
