#include "syolo/train/trainer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <memory>

#include "syolo/base/parallel.h"
#include "syolo/graph/lower.h"
#include "syolo/train/checkpoint_impl.h"
#include "syolo/train/checks_impl.h"
#include "syolo/train/gradient_sums_impl.h"
#include "syolo/train/image_weights_impl.h"
#include "syolo/train/loss_rows.h"
#include "syolo/train/losses/distillation_impl.h"
#include "syolo/train/recipe_impl.h"
#include "syolo/weights/formats/safetensors.h"

namespace syolo {
namespace {

using train::Mode;
using train::State;
using train::Target;

constexpr int kBadStepsInARow = 3, kRollbacks = 3;
constexpr int kWarmUp = 3;  // batches before a profile
constexpr std::string_view kResultsHead =
    "epoch,step,lr,box,obj,cls,precision,recall,AP50,AP,images_per_second,seconds\n";
constexpr std::string_view kClassifierHead =
    "epoch,step,lr,cls,top1,top5,images_per_second,seconds\n";

torch::Device device_of(const std::string& name) {
  try {
    const torch::Device device(name);
    torch::zeros({1}, torch::TensorOptions(device));
    return device;
  } catch (const c10::Error& error) {
    const std::string_view first = split(error.what_without_backtrace(), '\n')[0];
    throw Error(ErrorKind::unsupported,
                format("--device: expected a device of this build and machine, found \"{}\": {}",
                       printable(name, 40), printable(first, 200)),
                {}, "cpu is always there");
  }
}

std::vector<Target> targets_of(const Batch& batch) {
  std::vector<Target> targets;
  for (std::size_t image = 0; image < batch.truths.size(); ++image) {
    for (const Truth& truth : batch.truths[image]) {
      const BoxXywh& b = truth.box;
      targets.push_back({static_cast<int>(image), truth.cls,
                         static_cast<float>((b.x + b.w / 2) / batch.size.width),
                         static_cast<float>((b.y + b.h / 2) / batch.size.height),
                         static_cast<float>(b.w / batch.size.width),
                         static_cast<float>(b.h / batch.size.height)});
    }
  }
  return targets;
}

/// N,3,H,W bytes in the batch's own memory.
torch::Tensor tensor_of(const Batch& batch) {
  // The pixels are only read: LibTorch knows no const memory.
  return torch::from_blob(const_cast<std::uint8_t*>(batch.pixels.data()),  // NOLINT: see above
                          {std::ssize(batch.items), 3, batch.size.height, batch.size.width},
                          torch::kUInt8);
}

/// Of a recipe that has sizes of its own, or multi-scale, or the input always.
LoaderOptions loader_options(const TrainOptions& options, const train::Recipe& recipe,
                             const Graph& graph) {
  LoaderOptions loader;
  loader.batch = options.batch;
  loader.threads = options.threads;
  loader.rank = options.place.rank, loader.ranks = options.place.ranks;
  loader.seed = options.seed;
  loader.cache_bytes = options.cache_bytes;
  loader.size = recipe.sizes();
  if (options.multi_scale) loader.multi_scale = greatest_stride(graph);
  loader.augmentation = options.augmentation;
  loader.augmentation.input = options.input;
  return loader;
}

/// By batch, longest first.
std::vector<TrainPart> parts_of(train::Profile& profile, int batches) {
  std::vector<TrainPart> parts;
  for (const auto& [name, seconds] : profile.seconds()) {
    parts.push_back({std::string(name), seconds.forward / batches, seconds.backward / batches});
  }
  std::ranges::sort(parts, std::greater(),
                    [](const TrainPart& part) { return part.forward + part.backward; });
  return parts;
}

/// What the loader will say; the recipe comes first, since it may say the loader's sizes.
train::RunSize size_of(const Dataset& data, const TrainOptions& options) {
  const auto images = static_cast<std::int64_t>(data.items.size());
  return {images, (images + options.batch - 1) / options.batch};
}

/// Means over the batches of an epoch.
struct Means {
  double box = 0, objectness = 0, classes = 0;
  std::int64_t batches = 0, images = 0;
  double began = 0;
};

class Run {
 public:
  Run(const Model& start, const Dataset& data, const TrainOptions& options,
      TrainObserver& observer) :
      options_(options),
      data_(data), observer_(observer), group_(train::group_for(options.place)),
      device_(device_of(options.device)),
      recipe_(train::make_recipe(start.graph, options, size_of(data, options))),
      loader_(data, loader_options(options, *recipe_, start.graph)), model_(trained(start)),
      specs_(train::heads_of(model_.graph)), freeze_(model_.graph, options.freeze),
      net_(model_.graph, recipe_->start(model_.graph, model_.weights, options.random),
           {.tensors = torch::TensorOptions(device_).dtype(torch::kFloat32),
            .bf16 = options.precision == TrainPrecision::bf16,
            .cmbn = options.cmbn > 0,
            .cbn = static_cast<int>(options.cbn),
            .recompute = options.recompute,
            .group = options.sync_bn ? together() : nullptr,
            .statistics_rate = recipe_->statistics_rate()}),
      teacher_(teacher_of(options)), teacher_specs_(teacher_heads(options)), sums_(net_, *group_),
      optimizer_(net_, recipe_->optimizer()), average_(net_), generations_(options.out / "state") {}

  TrainResult operator()() {
    begin();
    bool stopped = false;
    while (!stopped && progress_.next.epoch < options_.epochs && !patience_ended()) {
      stopped = !batch();
    }
    end_profile();
    return result(stopped);
  }

 private:
  /// The group where there are several ranks.
  train::Group* together() const { return options_.place.ranks > 1 ? group_.get() : nullptr; }

  /// Epochs that have ended, when the last of them is measured.
  bool measures(std::int64_t epochs) const {
    return epochs % options_.evaluate_every == 0 || epochs == options_.epochs;
  }

  bool patience_ended() const {
    const std::int64_t epochs = progress_.next.epoch;
    return options_.patience > 0 && progress_.next.batch == 0 && measures(epochs) &&
           epochs > progress_.best_epoch + options_.patience;
  }

  std::unique_ptr<train::Net> teacher_of(const TrainOptions& options) const {
    if (!options.teacher) return nullptr;
    return std::make_unique<train::Net>(
        options.teacher->graph, options.teacher->weights,
        train::NetOptions{.tensors = torch::TensorOptions(device_).dtype(torch::kFloat32),
                          .bf16 = options.precision == TrainPrecision::bf16});
  }
  static std::vector<HeadSpec> teacher_heads(const TrainOptions& options) {
    return options.teacher ? train::heads_of(options.teacher->graph) : std::vector<HeadSpec>();
  }

  Model trained(const Model& start) const {
    Model model = start;
    model.graph = recipe_->trained(start.graph);
    return model;
  }

  void begin() {
    Findings findings;
    if (options_.resume) {
      const std::optional<State> state = generations_.newest(findings);
      for (const Finding& finding : findings) observer_.finding(finding);
      if (!state) {
        throw Error(ErrorKind::input, "expected a state to go on from, found none",
                    {.file = (options_.out / "state").string(), .item = {}});
      }
      load(*state);
    }
    loader_.seek(progress_.next);
    weigh_images();
    good_ = capture();
    if (!options_.resume && options_.began && group_->leads()) options_.began();
    if (!options_.resume) save();
    means_.began = observer_.seconds();
  }

  State capture() const {
    State state = train::checkpoint(net_, optimizer_, average_, progress_);
    state.texts["results"] = results_;
    for (const double ap : class_ap_) state.texts["class_ap"] += format("{:.17g} ", ap);
    state.texts["lr_scale"] = format("{:.17g}", lr_scale_);
    state.texts["means"] = format("{:.17g} {:.17g} {:.17g} {} {}", means_.box, means_.objectness,
                                  means_.classes, means_.batches, means_.images);
    return state;
  }

  void load(const State& state) {
    progress_ = train::restore(state, net_, optimizer_, average_);
    const auto text = [&](const std::string& name) {
      const auto found = state.texts.find(name);
      return found == state.texts.end() ? std::string() : found->second;
    };
    results_ = text("results");
    lr_scale_ = parse_real(text("lr_scale")).value_or(1);
    class_ap_.clear();
    const std::string of_classes = text("class_ap");
    for (const std::string_view ap : split(of_classes, ' ')) {
      if (!ap.empty()) class_ap_.push_back(parse_real(ap).value_or(0));
    }
    const std::string kept = text("means");
    const auto parts = split(kept, ' ');
    require(parts.size() == 5, "expected means in the state, found \"{}\"", printable(kept, 80));
    const auto part = [&](std::size_t i) { return parse_real(parts[i]).value_or(0); };
    means_ = {part(0),
              part(1),
              part(2),
              static_cast<std::int64_t>(part(3)),
              static_cast<std::int64_t>(part(4)),
              observer_.seconds()};
  }

  void save() {
    if (!group_->leads()) return;
    generations_.save(progress_.next.epoch * loader_.batches_per_epoch() + progress_.next.batch,
                      capture());
  }

  /// One batch, and the step that may follow it. False when the run was stopped.
  bool batch() {
    turn_profile();
    const Batch batch = next_batch();
    observer_.sees(batch);
    const std::int64_t number = batch.at.epoch * loader_.batches_per_epoch() + batch.at.batch;
    const bool last = batch.at.batch + 1 == loader_.batches_per_epoch();
    train::Rates rates = recipe_->rates(number);
    rates.weights *= lr_scale_, rates.biases *= lr_scale_;

    net_.set_learning(freeze_, optimizer_.steps() + 1);
    const bool steps = last || accumulated_ + 1 >= recipe_->batches_per_step(number);
    const LossSums terms = backward(batch, number, steps);
    const auto images = static_cast<std::int64_t>(batch.of_all);
    progress_.images_seen += images;
    progress_.next = loader_.cursor();
    means_.box += terms.box, means_.objectness += terms.objectness;
    means_.classes += terms.classes, means_.images += images, ++means_.batches;
    observer_.batch({batch.at, loader_.batches_per_epoch(), options_.epochs,
                     static_cast<int>(images), terms.box, terms.objectness, terms.classes,
                     rates.weights});
    step_images_ += images;
    ++accumulated_;
    if (!steps) return true;

    step(rates);
    accumulated_ = 0, step_images_ = 0;
    if (last) end_epoch(batch.at.epoch, rates.weights);
    if (!group_->any(observer_.stop())) return true;
    save();
    return false;
  }

  Batch next_batch() {
    const train::Span span(profile_.get(), "waiting for pictures");
    return loader_.next();
  }

  /// Starts and ends the measuring of batches.
  void turn_profile() {
    if (options_.profile <= 0) return;
    if (batches_done_ == kWarmUp) {
      profile_ = std::make_unique<train::Profile>(device_.is_cuda());
      net_.set_profile(profile_.get());
    }
    if (batches_done_ == kWarmUp + options_.profile) end_profile();
    ++batches_done_;
  }

  void end_profile() {
    if (!profile_) return;
    observer_.profiled(parts_of(*profile_, batches_done_ - kWarmUp));
    net_.set_profile(nullptr);
    profile_.reset();
  }

  /// The pictures as the network sees them: half of them changed, where objects are to be hidden.
  torch::Tensor shown(const Batch& batch, std::int64_t number) {
    const torch::Tensor images = tensor_of(batch).to(device_).to(torch::kFloat32).div_(255);
    const train::Hiding hiding = recipe_->hiding(number);
    constexpr std::uint64_t kHides = std::uint64_t{1} << 41;  // numbers of nobody else
    if (hiding.strength <= 0 ||
        !Rng(options_.seed, Stream::dropout, static_cast<std::uint64_t>(number), kHides)
             .chance(0.5)) {
      return images;
    }
    return train::hidden(net_, images, specs_, hiding);
  }

  /// What the answers lack to be the teacher's.
  torch::Tensor lesson(const train::Answers& own, const torch::Tensor& images, const Batch& batch) {
    std::vector<torch::Tensor> logits, features;
    {
      const torch::NoGradGuard no_grad;
      train::Pass pass(Mode::eval);
      if (options_.distill_features > 0) pass.features = &features;
      logits = teacher_->forward(images, pass);
    }
    const double share = batch.shared ? 1.0 / group_->size() : 1.0;
    return share * train::distillation_loss(
                       own, {logits, teacher_specs_, features}, batch.size,
                       {options_.distill, options_.distill_features, options_.distill_temperature});
  }

  /// Of all ranks.
  struct LossSums {
    double box = 0, objectness = 0, classes = 0;
  };

  LossSums backward(const Batch& batch, std::int64_t number, bool steps) {
    const torch::Tensor images = shown(batch, number);
    const train::Drops drops{recipe_->drops(number), options_.seed, number,
                             static_cast<std::int64_t>(batch.first)};
    train::Pass pass(Mode::train);
    pass.drops = &drops, pass.mini_batch = accumulated_, pass.cross = recipe_->crosses(number);
    std::vector<torch::Tensor> features;
    if (teacher_ && options_.distill_features > 0) pass.features = &features;
    const std::vector<torch::Tensor> logits = net_.forward(images, pass);
    const std::vector<Target> targets = targets_of(batch);
    train::LossTerms terms;
    {
      const train::Span span(profile_.get(), "loss");
      terms = recipe_->loss({logits, specs_, targets, batch.size, together(),
                             static_cast<std::int64_t>(batch.of_all), batch.shared, batch.classes});
      if (teacher_) terms.total = terms.total + lesson({logits, specs_, features}, images, batch);
    }
    const bool sums = steps && together() != nullptr;
    if (sums) sums_.begin();
    if (terms.total.requires_grad()) terms.total.backward();  // else no layer learns yet
    const train::Span span(profile_.get(), "sums over ranks");
    if (sums) sums_.finish();
    std::array<double, 3> all = {terms.box, terms.objectness, terms.classes};
    group_->sum(all);
    finite_ = finite_ && std::isfinite(all[0] + all[1] + all[2]);
    return {all[0], all[1], all[2]};
  }

  /// Running statistics of parts of batches: all ranks go on from their means.
  void join_statistics() {
    const torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> own, parts;
    for (const auto& [id, tensor] : net_.tensors()) {
      if (train::is_statistic(id.role)) own.push_back(tensor), parts.push_back(tensor.flatten());
    }
    if (own.empty()) return;
    const torch::Tensor all = torch::cat(parts).to(torch::kCPU);
    group_->start_sum(all)();
    std::int64_t at = 0;
    for (torch::Tensor& tensor : own) {
      tensor.copy_(all.narrow(0, at, tensor.numel()).view(tensor.sizes()) / group_->size());
      at += tensor.numel();
    }
  }

  /// Nothing infinite or NaN ever enters the weights: such a step is left out; after some in a row
  /// the run goes back to the last good state at half the rate.
  void step(const train::Rates& rates) {
    const train::Span span(profile_.get(), "optimiser");
    if (together() != nullptr && !options_.sync_bn) join_statistics();
    const bool good = finite_ && std::isfinite(optimizer_.largest_gradient());
    finite_ = true;
    if (good) {
      optimizer_.step(rates, recipe_->gradient_scale(step_images_));
      update_average();
      bad_steps_ = 0;
    } else {
      observer_.finding(
          {Severity::warning,
           "not-finite",
           {},
           format("epoch {}, batch {}: a loss or gradient is not finite; step left out",
                  progress_.next.epoch, progress_.next.batch)});
      roll_back_statistics();
      if (++bad_steps_ >= kBadStepsInARow) roll_back();
    }
    optimizer_.zero_gradients();
  }

  void update_average() {
    const train::Span span(profile_.get(), "average");
    average_.update(net_, recipe_->average(average_.updates() + 1));
  }

  /// The forward pass has moved the running statistics, perhaps to NaN.
  void roll_back_statistics() {
    const torch::NoGradGuard no_grad;
    for (const auto& [id, tensor] : net_.tensors()) {
      torch::Tensor target = tensor;
      if (train::is_statistic(id.role))
        target.copy_(average_.tensors().at("average/" + to_text(id)));
    }
  }

  void roll_back() {
    if (++rollbacks_ > kRollbacks) {
      throw Error(
          ErrorKind::diverged,
          format("expected finite losses, found NaN or infinity after {} rollbacks", kRollbacks),
          {}, "a smaller rate may help: --lr0, or learning_rate of the cfg");
    }
    const double scale = lr_scale_ / 2;
    load(good_);
    lr_scale_ = scale;
    bad_steps_ = 0;
    loader_.seek(progress_.next);
    weigh_images();
  }

  /// By what the last measurement says of the classes.
  void weigh_images() {
    if (options_.image_weights) loader_.set_weights(train::image_weights(data_, class_ap_));
  }

  /// The first rank measures, all know.
  TrainScore measure(const Model& model, std::int64_t epoch) {
    TrainScore score{0, 0, 0, 0, {}, 0, 0};
    if (group_->leads()) score = observer_.evaluate(model, epoch);
    std::vector<double> all = {score.precision, score.recall, score.ap50,
                               score.ap,        score.top1,   score.top5};
    const auto numbers = std::ssize(all);
    score.class_ap.resize(data_.names.size());
    all.insert(all.end(), score.class_ap.begin(), score.class_ap.end());
    group_->sum(all);
    class_ap_.assign(all.begin() + numbers, all.end());
    return {all[0], all[1], all[2], all[3], class_ap_, all[4], all[5]};
  }

  /// What a model file says of the run.
  std::string training_text(std::int64_t epoch, const TrainScore& score) const {
    const std::string measured =
        specs_.empty() ? format("\"top1\": {:.4f}, \"top5\": {:.4f}", score.top1, score.top5)
                       : format("\"AP\": {:.4f}, \"AP50\": {:.4f}", score.ap, score.ap50);
    return format("{{\"recipe\": \"{}\", \"epochs\": {}, \"seed\": {}, {}}}",
                  kHeadLosses[static_cast<std::size_t>(options_.recipe)].name, epoch + 1,
                  options_.seed, measured);
  }

  /// An epoch's row of results.csv.
  std::string results_line(std::int64_t epoch, double lr, const TrainScore& score,
                           double seconds) const {
    const auto batches = static_cast<double>(std::max<std::int64_t>(means_.batches, 1));
    seconds = std::max(seconds, 1e-9);
    std::string line = format("{},{},{:.6g},", epoch, optimizer_.steps(), lr);
    if (specs_.empty()) {
      line += format("{:.6g},{:.4f},{:.4f},", means_.classes / batches, score.top1, score.top5);
    } else {
      line += format("{:.6g},{:.6g},{:.6g},{:.4f},{:.4f},{:.4f},{:.4f},", means_.box / batches,
                     means_.objectness / batches, means_.classes / batches, score.precision,
                     score.recall, score.ap50, score.ap);
    }
    return line + format("{:.2f},{:.1f}\n", static_cast<double>(means_.images) / seconds, seconds);
  }

  void end_epoch(std::int64_t epoch, double lr) {
    const train::Span span(profile_.get(), "evaluation, files");
    const double trained = observer_.seconds();
    Model averaged = model_;
    averaged.weights = average_.weights(model_.graph);
    averaged.images_seen = static_cast<std::uint64_t>(progress_.images_seen);
    const bool measured = measures(epoch + 1);
    const TrainScore score = measured ? measure(averaged, epoch) : TrainScore();
    const double goal = specs_.empty() ? score.top1 : score.ap;
    const bool best = measured && goal >= progress_.best;
    if (best) progress_.best = goal, progress_.best_epoch = epoch;
    averaged.origin.training = training_text(epoch, score);
    if (group_->leads()) {
      save_model(options_.out / "weights" / "last.safetensors", averaged);
      if (best) save_model(options_.out / "weights" / "best.safetensors", averaged);
    }
    results_ += results_line(epoch, lr, score, trained - means_.began);
    if (group_->leads()) {
      const std::string_view head = specs_.empty() ? kClassifierHead : kResultsHead;
      write_file_atomic(options_.out / "results.csv", std::string(head) + results_);
    }
    means_ = {};
    if (measured) weigh_images();
    good_ = capture();
    save();
    observer_.epoch_ended();
    means_.began = observer_.seconds();
  }

  TrainResult result(bool stopped) const {
    return {stopped, progress_.next.epoch, progress_.best_epoch, progress_.best};
  }

  const TrainOptions& options_;
  const Dataset& data_;
  TrainObserver& observer_;
  std::unique_ptr<train::Group> group_;
  torch::Device device_;
  std::unique_ptr<train::Recipe> recipe_;
  Loader loader_;
  Model model_;
  std::vector<HeadSpec> specs_;
  train::Freeze freeze_;
  train::Net net_;
  std::unique_ptr<train::Net> teacher_;
  std::vector<HeadSpec> teacher_specs_;
  train::GradientSums sums_;
  train::Optimizer optimizer_;
  train::Average average_;
  train::Generations generations_;
  train::Progress progress_;
  State good_;  // what a rollback goes back to
  Means means_;
  std::vector<double> class_ap_;  // measured last
  std::string results_;           // lines of results.csv
  double lr_scale_ = 1;
  int accumulated_ = 0, bad_steps_ = 0, rollbacks_ = 0;
  std::int64_t step_images_ = 0;             // since the last step
  std::unique_ptr<train::Profile> profile_;  // while batches are measured
  int batches_done_ = 0;                     // of this process
  bool finite_ = true;                       // all losses since the last step
};

/// The folder exists and holds a run only when it is to be resumed.
void prepare(const Path& out, bool resume) {
  std::error_code failed;
  if (!resume && std::filesystem::exists(out / "state", failed)) {
    throw Error(ErrorKind::usage, "expected a folder without a run, found one",
                {.file = out.string(), .item = {}}, "--resume DIR goes on with it");
  }
  std::filesystem::create_directories(out / "weights", failed);
  if (failed) {
    throw Error(ErrorKind::io, format("expected a folder to write to, found: {}", failed.message()),
                {.file = out.string(), .item = {}});
  }
}

}  // namespace

TrainResult train_model(const Model& model, const Dataset& data, const TrainOptions& options,
                        TrainObserver& observer) {
  train::check(model, data, options);
  if (options.place.rank == 0) prepare(options.out, options.resume);
  train::keep_freed_memory();
  torch::set_num_threads(options.threads > 0 ? options.threads : cpu_budget().threads());
  // Sums in one order, so that a run can be repeated and resumed bit by bit.
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
  return Run(model, data, options, observer)();
}

std::string train_library() {
  return "LibTorch " TORCH_VERSION;
}

}  // namespace syolo
