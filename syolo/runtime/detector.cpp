#include "syolo/runtime/detector.h"

#include <chrono>

#include "syolo/image/preprocess.h"
#include "syolo/runtime/plan_impl.h"

namespace syolo {

struct Detector::State {
  std::shared_ptr<const Plan> plan;
  Session session;
  NmsOptions options;
  bool raw;
  std::vector<float> input;
  StageTimes times;
};

Detector::Detector(const std::shared_ptr<const Plan>& plan, NmsOptions options, bool raw_boxes) {
  require(!plan->head_specs.empty(),
          "expected a network with detection heads ([yolo], [region]), found none");
  std::vector<float> input(static_cast<std::size_t>(plan->net.input.elements()));
  state_ = std::make_unique<State>(
      State{plan, Session(plan), std::move(options), raw_boxes, std::move(input), {}});
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
  auto detections = postprocess(views, s.plan->head_specs, size, s.options, map, s.raw);
  s.times = {ms(start, prepared), ms(prepared, computed), ms(computed, Clock::now())};
  return detections;
}

const StageTimes& Detector::times() const {
  return state_->times;
}

const Preprocess& Detector::preprocess() const {
  return state_->plan->net.preprocess;
}

}  // namespace syolo
