#include <algorithm>
#include <array>
#include <cmath>

#include "syolo/graph/lower.h"
#include "syolo/train/head_form_impl.h"
#include "syolo/train/hints_impl.h"
#include "syolo/train/recipe_impl.h"

namespace syolo::train {
namespace {

/// How [net] cuts a step's pictures into batches.
struct Batches {
  int pictures = 1, of_step = 1;
};

Where net_of(const Graph& graph) {
  return {.file = graph.node(0).where.file, .item = "[net]"};
}

Hints net_hints(const Graph& graph) {
  return {graph.net().hints, net_of(graph)};
}

Batches batches_of(const Graph& graph) {
  const Hints net = net_hints(graph);
  const int batch = std::max(net.integer("batch", 1), 1);
  const int subdivisions = std::clamp(net.integer("subdivisions", 1), 1, batch);
  return {batch / subdivisions, subdivisions};
}

/// Batches of `batch` pictures that make a step of about as many as the cfg's.
int step_batches(const Batches& cfg, int batch) {
  const double pictures = static_cast<double>(cfg.pictures) * cfg.of_step;
  return std::max(1, static_cast<int>(std::lround(pictures / batch)));
}

/// Steps of one epoch, the last one perhaps of fewer batches.
std::int64_t steps_per_epoch(std::int64_t batches, int of_step) {
  return (batches + of_step - 1) / of_step;
}

/// Of the last head, as Darknet reads them.
Hints head_hints(const Graph& graph) {
  const Program program = lower(graph);
  const std::vector<HeadNode> all = heads(program);
  require(
      !all.empty(),
      "expected a network with [yolo] heads for the recipe darknet, found none (classifiers are "
      "trained by the recipe scaled-yolov4)");
  const Node& node = graph.node(all.back().node);
  return {node.hints, node.where};
}

/// Keys that would change pictures, steps or weights.
void refuse_unknown(const Graph& graph) {
  constexpr std::array<std::string_view, 5> kNet = {
      "cutmix", "dynamic_minibatch", "badlabels_rejection_percentage",
      "num_sigmas_reject_badlabels", "equidistant_point"};
  const Hints net = net_hints(graph);
  for (const std::string_view key : kNet) {
    if (net.real(key, 0) == 0) continue;
    throw Error(ErrorKind::unsupported, format("{} is not trained with", key), net_of(graph),
                "take it out of the cfg");
  }
}

/// `random` of the last head: every ten steps another size.
class RandomSizes {
 public:
  RandomSizes(const Graph& graph, const Hints& head, std::uint64_t seed) :
      input_{graph.net().input.w, graph.net().input.h},
      step_(std::max(net_hints(graph).integer("resize_step", 32), 1)), seed_(seed) {
    const double random = head.real("random", 0);
    most_ = random == 1 ? 1.4 : std::max(random, 1.0);
    on_ = random != 0;
  }
  bool on() const { return on_; }
  Size largest() const { return times(most_); }
  /// @param step  counted from 1
  Size at(std::int64_t step, std::int64_t steps) const {
    const std::int64_t block = (step - 1) / kBlock;
    if (block == 0 || block * kBlock > steps - kLast) return largest();
    Rng rng(seed_, Stream::sampler, kOwn, static_cast<std::uint64_t>(block));
    double r = rng.uniform(1, most_);
    if (rng.chance(0.5)) r = 1 / r;
    const Size size = times(r);
    const bool grown = size.width > input_.width || size.height > input_.height;
    return r < 1 && grown ? input_ : size;
  }

 private:
  static constexpr std::int64_t kBlock = 10, kLast = 100;
  static constexpr std::uint64_t kOwn = std::uint64_t{1} << 41;  // numbers of nobody else

  Size times(double r) const {
    const auto side = [&](int of) {
      return std::max(static_cast<int>(std::lround(r * of / step_ + 1)) * step_, step_);
    };
    return {side(input_.width), side(input_.height)};
  }

  Size input_;
  int step_;
  std::uint64_t seed_;
  double most_ = 1;
  bool on_ = false;
};

class DarknetRecipe final : public Recipe {
 public:
  DarknetRecipe(const Graph& graph, const TrainOptions& options, const RunSize& size) :
      net_(net_hints(graph)), batches_per_epoch_(size.batches_per_epoch),
      of_step_(step_batches(batches_of(graph), options.batch)),
      schedule_(fitted(darknet_schedule(graph.net().hints, net_of(graph)),
                       options.epochs * steps_per_epoch(size.batches_per_epoch, of_step_))),
      average_kept_(net_.real("ema_alpha", 0)), sizes_(graph, head_hints(graph), options.seed) {
    const Program program = lower(graph);
    for (const HeadNode& head : heads(program)) {
      losses_.push_back(darknet_loss_of(graph.node(head.node), head.spec->classes));
    }
  }

  Graph trained(const Graph& graph) const override { return graph; }
  Weights start(const Graph& /*graph*/, const Weights& weights,
                const std::set<NodeId>& random) const override {
    // random_weights() is uniform within sqrt(6 / inputs), Darknet's within sqrt(2 / inputs).
    return with_scaled_kernels(weights, random, std::sqrt(2 / 6.0F));
  }
  // Darknet's on a GPU, where such networks are trained; 0.1 on a processor.
  double statistics_rate() const override { return 0.01; }
  OptimizerOptions optimizer() const override {
    OptimizerOptions options;
    if (net_.flag("adam")) options.kind = OptimizerKind::adam;
    options.nesterov = false;
    options.weight_decay = schedule_.decay;
    options.beta2 = net_.real("B2", options.beta2);
    options.epsilon = net_.real("eps", 1e-6);
    return options;
  }
  std::function<Size(Cursor at)> sizes() const override {
    if (!sizes_.on()) return {};
    return [this](Cursor at) {
      return sizes_.at(step_of(at.epoch * batches_per_epoch_ + at.batch), schedule_.max_batches);
    };
  }
  Rates rates(std::int64_t batch) const override {
    const double rate = schedule_.rate(step_of(batch));
    return {rate, rate, net_.flag("adam") ? net_.real("B1", 0.9) : schedule_.momentum};
  }
  int batches_per_step(std::int64_t /*batch*/) const override { return of_step_; }
  double gradient_scale(std::int64_t images) const override {
    return 1 / static_cast<double>(images);
  }
  LossTerms loss(const LossInput& input) const override {
    LossTerms terms = darknet_loss(input, losses_);
    if (!input.shared) return terms;
    const double share = 1.0 / input.group->size();
    return {terms.total * share, terms.box * share, terms.objectness * share,
            terms.classes * share};
  }
  /// Source: arXiv:2004.10934 as Darknet has it.
  Hiding hiding(std::int64_t batch) const override {
    const std::int64_t before = step_of(batch) - 1;  // steps
    if (before <= schedule_.burn_in) return {};
    const double progress =
        static_cast<double>(before) / static_cast<double>(schedule_.max_batches);
    return {net_.real("adversarial_lr", 0) * progress, losses_.back().obj_normalizer};
  }
  bool crosses(std::int64_t /*batch*/) const override { return false; }
  DropRates drops(std::int64_t batch) const override {
    const auto before = static_cast<double>(step_of(batch) - 1);  // steps
    return {.ramp = block_ramp(before / static_cast<double>(schedule_.max_batches))};
  }
  /// From the middle of the run until 1000 steps before its end, or a tenth of a short one; then
  /// the network goes on from the average.
  AverageStep average(std::int64_t step) const override {
    const std::int64_t end =
        schedule_.max_batches - std::min<std::int64_t>(1000, schedule_.max_batches / 10);
    const bool averages = average_kept_ > 0 && step > schedule_.max_batches / 2 && step <= end;
    return {.kept = averages ? average_kept_ : 0,
            .statistics = false,
            .replaces = average_kept_ > 0 && step == end};
  }

 private:
  /// Counted from 1.
  std::int64_t step_of(std::int64_t batch) const {
    return batch / batches_per_epoch_ * steps_per_epoch(batches_per_epoch_, of_step_) +
           batch % batches_per_epoch_ / of_step_ + 1;
  }

  Hints net_;
  std::int64_t batches_per_epoch_;
  int of_step_;
  DarknetSchedule schedule_;
  double average_kept_;
  RandomSizes sizes_;
  std::vector<DarknetLoss> losses_;
};

AugmentOptions augmentation_of(const Graph& graph, const Hints& head, AugmentOptions options) {
  const Hints net = net_hints(graph);
  AugmentOptions& a = options;
  a.recipe = AugmentRecipe::darknet;
  a.hue = net.real("hue", 0), a.saturation = net.real("saturation", 1);
  a.exposure = net.real("exposure", 1), a.flip = net.integer("flip", 1) != 0;
  a.mosaic = net.flag("mosaic") ? 1 : 0, a.mosaic_bound = net.flag("mosaic_bound");
  a.mixup = net.flag("mixup") ? 1 : 0;
  a.darknet_blur = net.integer("blur", 0), a.darknet_noise = net.real("gaussian_noise", 0);
  a.jitter = head.real("jitter", 0.2), a.resize = head.real("resize", 1);
  a.letterbox = graph.net().preprocess.fit == Fit::letterbox;
  with_where(net_of(graph), [&] {
    require(!a.letterbox || a.mosaic == 0, "expected letter_box or mosaic, found both");
  });
  return options;
}

}  // namespace

std::unique_ptr<Recipe> darknet_recipe(const Graph& graph, const TrainOptions& options,
                                       const RunSize& size) {
  return std::make_unique<DarknetRecipe>(graph, options, size);
}

TrainOptions darknet_completed(TrainOptions options, const Graph& graph, std::int64_t images) {
  refuse_unknown(graph);
  const Batches batches = batches_of(graph);
  if (options.batch == 0) options.batch = batches.pictures;
  if (options.epochs == 0) {
    const int max_batches = net_hints(graph).integer("max_batches", 0);
    with_where(net_of(graph), [&] {
      require(max_batches > 0, "expected max_batches above 0 or --epochs, found neither");
    });
    const std::int64_t of_step = std::int64_t{batches.pictures} * batches.of_step;
    const std::int64_t steps =
        steps_per_epoch(std::max<std::int64_t>(images, 1), static_cast<int>(of_step));
    options.epochs = static_cast<int>(std::max<std::int64_t>(max_batches / steps, 1));
  }
  const Hints head = head_hints(graph);
  options.augmentation = augmentation_of(graph, head, options.augmentation);
  const RandomSizes sizes(graph, head, options.seed);
  options.largest = sizes.on() ? sizes.largest() : options.input;
  with_where(net_of(graph), [&] {
    require(!sizes.on() || options.largest.width % greatest_stride(graph) == 0,
            "expected resize_step a multiple of the greatest stride, {}", greatest_stride(graph));
  });
  return options;
}

}  // namespace syolo::train
