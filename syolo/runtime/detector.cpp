#include "syolo/runtime/detector.h"

#include <algorithm>
#include <chrono>

#include "syolo/graph/classifier.h"
#include "syolo/image/preprocess.h"
#include "syolo/runtime/plan_impl.h"

namespace syolo {
namespace {

constexpr std::size_t kLikeliest = 5;

NodeId last_node(const Plan& plan) {
  return static_cast<NodeId>(plan.program.node_values.size()) - 1;
}

std::vector<Detection> likeliest(std::span<const float> probabilities, Size picture,
                                 const NmsOptions& options) {
  const Box whole{0, 0, static_cast<float>(picture.width), static_cast<float>(picture.height)};
  std::vector<Detection> all;
  for (std::size_t i = 0; i < probabilities.size(); ++i) {
    const int cls = static_cast<int>(i);
    const bool wanted = options.classes.empty() || std::ranges::count(options.classes, cls) > 0;
    if (wanted && probabilities[i] > options.confidence) {
      all.push_back({whole, cls, probabilities[i]});
    }
  }
  std::ranges::sort(all, sooner);
  const auto most = std::min(kLikeliest, static_cast<std::size_t>(options.max_detections));
  all.resize(std::min(all.size(), most));
  return all;
}

}  // namespace

struct Detector::State {
  std::shared_ptr<const Plan> plan;
  Session session;
  NmsOptions options;
  bool raw, classifies;
  std::vector<float> input;
  StageTimes times;
};

Detector::Detector(const std::shared_ptr<const Plan>& plan, NmsOptions options, bool raw_boxes) {
  const bool classifies = plan->head_specs.empty() && ends_in_softmax(plan->program);
  require(classifies || !plan->head_specs.empty(),
          "expected a network with detection heads ([yolo], [region]), or [softmax] at its end, "
          "found neither");
  std::vector<float> input(static_cast<std::size_t>(plan->net.input.elements()));
  state_ = std::make_unique<State>(
      State{plan, Session(plan), std::move(options), raw_boxes, classifies, std::move(input), {}});
}
Detector::~Detector() = default;
Detector::Detector(Detector&&) noexcept = default;

std::vector<Detection> Detector::operator()(ImageView image) {
  State& s = *state_;
  using Clock = std::chrono::steady_clock;
  const auto ms = [](Clock::time_point from, Clock::time_point to) {
    return std::chrono::duration<double, std::milli>(to - from).count();
  };
  const Size size{s.plan->net.input.w, s.plan->net.input.h};
  const auto start = Clock::now();
  const ImageMap map = syolo::preprocess(image, s.plan->net.preprocess, size, s.input);
  const auto prepared = Clock::now();
  const auto views = s.session.run(s.input);
  const auto computed = Clock::now();
  auto detections =
      s.classifies
          ? likeliest(s.session.node_output(last_node(*s.plan)).values(), image.size(), s.options)
          : postprocess(views, s.plan->head_specs, size, s.options, map, s.raw);
  s.times = {ms(start, prepared), ms(prepared, computed), ms(computed, Clock::now())};
  return detections;
}

bool Detector::classifies() const {
  return state_->classifies;
}

const StageTimes& Detector::times() const {
  return state_->times;
}

const Preprocess& Detector::preprocess() const {
  return state_->plan->net.preprocess;
}

}  // namespace syolo
