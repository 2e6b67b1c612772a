#include "syolo/train/schedule_impl.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "syolo/train/hints_impl.h"

namespace syolo::train {

double CosineSchedule::factor(std::int64_t epoch) const {
  const double part =
      static_cast<double>(epoch) / static_cast<double>(std::max<std::int64_t>(epochs, 1));
  return 0.5 * (1 + std::cos(std::numbers::pi * part)) * (1 - lrf) + lrf;
}

std::int64_t CosineSchedule::warmup_batches() const {
  if (warmup_epochs <= 0) return 0;
  const auto asked = std::llround(warmup_epochs * static_cast<double>(batches_per_epoch));
  return std::min(std::max<std::int64_t>(asked, warmup_least), epochs * batches_per_epoch / 10);
}

Rates CosineSchedule::rates(std::int64_t batch_number) const {
  const double full = lr0 * factor(batch_number / std::max<std::int64_t>(batches_per_epoch, 1));
  const std::int64_t warmup = warmup_batches();
  if (batch_number >= warmup) return {full, full, momentum};
  const double part = static_cast<double>(batch_number) / static_cast<double>(warmup);
  return {part * full, warmup_bias_lr + part * (full - warmup_bias_lr),
          warmup_momentum + part * (momentum - warmup_momentum)};
}

double CosineSchedule::batches_per_step() const {
  return std::max(1.0, std::nearbyint(nominal_batch / batch));
}

std::int64_t CosineSchedule::steps() const {
  return epochs *
         std::llround(std::ceil(static_cast<double>(batches_per_epoch) / batches_per_step()));
}

int CosineSchedule::accumulate(std::int64_t batch_number) const {
  const std::int64_t warmup = warmup_batches();
  if (batch_number >= warmup) return static_cast<int>(batches_per_step());
  const double part = static_cast<double>(batch_number) / static_cast<double>(warmup);
  return static_cast<int>(std::max(1.0, std::nearbyint(1 + part * (nominal_batch / batch - 1))));
}

double nominal_batch_for(std::int64_t images, int batch) {
  constexpr double kPublished = 64, kSteps = 16;
  return std::max<double>(batch, std::min(kPublished, static_cast<double>(images) / kSteps));
}

double AverageShape::kept(std::int64_t step) const {
  return decay * (1 - std::exp(-static_cast<double>(step) / ramp));
}

AverageShape average_for(std::int64_t steps) {
  const AverageShape published;
  const auto n = static_cast<double>(std::max<std::int64_t>(steps, 1));
  return {std::clamp(1 - 50 / n, 0.0, published.decay), std::min(published.ramp, n / 20)};
}

double DarknetSchedule::rate(std::int64_t step_number) const {
  const auto n = static_cast<double>(step_number);
  if (step_number < burn_in) {
    return learning_rate * std::pow(n / static_cast<double>(burn_in), power);
  }
  switch (policy) {
    case Policy::constant:
      return learning_rate;
    case Policy::step: {
      const std::int64_t times = step_number / step;
      return learning_rate * std::pow(scale, static_cast<double>(times));
    }
    case Policy::steps: {
      double rate = learning_rate;
      for (std::size_t i = 0; i < steps.size() && steps[i] <= step_number; ++i) rate *= scales[i];
      return rate;
    }
    case Policy::exp:
      return learning_rate * std::pow(gamma, n);
    case Policy::poly:
      return learning_rate * std::pow(1 - n / static_cast<double>(max_batches), power);
    case Policy::sig:
      return learning_rate / (1 + std::exp(gamma * (n - static_cast<double>(step))));
    case Policy::sgdr: {
      double start = 0, length = static_cast<double>(sgdr_cycle);
      while (length > 0 && start + length < n) start += length, length *= sgdr_mult;
      const double part = length > 0 ? (n - start) / length : 0;
      return learning_rate_min +
             0.5 * (learning_rate - learning_rate_min) * (1 + std::cos(std::numbers::pi * part));
    }
  }
  return learning_rate;
}

DarknetSchedule fitted(const DarknetSchedule& schedule, std::int64_t steps) {
  DarknetSchedule s = schedule;
  s.max_batches = steps;
  s.burn_in = std::min(s.burn_in, steps / 5);
  if (schedule.max_batches <= 0) return s;
  const auto part = [&](std::int64_t of) {
    return std::llround(static_cast<double>(of) * static_cast<double>(steps) /
                        static_cast<double>(schedule.max_batches));
  };
  s.step = std::max<std::int64_t>(part(s.step), 1);
  s.sgdr_cycle = part(s.sgdr_cycle);
  for (std::int64_t& step : s.steps) step = part(step);
  return s;
}

DarknetSchedule darknet_schedule(const KeyValues& net, const Where& where) {
  constexpr std::array<std::string_view, 7> kPolicies = {"constant", "step", "steps", "exp",
                                                         "poly",     "sig",  "sgdr"};
  const Hints hints(net, where);
  DarknetSchedule s;
  s.policy = static_cast<DarknetSchedule::Policy>(hints.choice("policy", "constant", kPolicies));
  s.learning_rate = hints.real("learning_rate", s.learning_rate);
  s.learning_rate_min = hints.real("learning_rate_min", s.learning_rate_min);
  s.momentum = hints.real("momentum", s.momentum);
  s.decay = hints.real("decay", s.decay);
  s.burn_in = hints.integer("burn_in", 0);
  s.max_batches = hints.integer("max_batches", 0);
  s.power = hints.real("power", s.power);
  s.gamma = hints.real("gamma", s.gamma);
  s.scale = hints.real("scale", s.scale);
  s.step = std::max(hints.integer("step", 1), 1);
  s.sgdr_cycle = hints.integer("sgdr_cycle", static_cast<int>(s.max_batches));
  s.sgdr_mult = std::max(hints.real("sgdr_mult", s.sgdr_mult), 1.0);
  for (const double step : hints.reals("steps")) s.steps.push_back(std::llround(step));
  s.scales = hints.reals("scales");
  with_where(where, [&] {
    if (s.policy == DarknetSchedule::Policy::steps) {
      require(!s.steps.empty() && s.scales.size() == s.steps.size(),
              "expected as many scales as steps, found {} and {}", s.scales.size(), s.steps.size());
    }
    require(s.policy != DarknetSchedule::Policy::poly || s.max_batches > 0,
            "expected max_batches above 0 for policy poly, found {}", s.max_batches);
  });
  return s;
}

}  // namespace syolo::train
