#include "syolo/runtime/prices.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "syolo/graph/cfg.h"

namespace syolo {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kLeastRuns = 12, kMostRuns = 60;
constexpr double kEnoughMs = 250;

double ms_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

double at_share(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(std::ceil(share * last))];
}

/// A session over random weights, and an input for it.
struct Trial {
  explicit Trial(const Graph& graph, const PlanOptions& options) :
      model{graph, random_weights(graph, 0), {}, 0, {}, {}},
      plan(make_plan(model, one(graph.net().input), options)), session(plan),
      input(static_cast<std::size_t>(one(graph.net().input).elements()), 0.5F) {
    session.run(input);  // warm-up
  }
  static Shape one(Shape shape) {
    shape.n = 1;
    return shape;
  }
  double run() {
    const auto begin = Clock::now();
    session.run(input);
    return ms_since(begin);
  }
  Model model;
  std::shared_ptr<const Plan> plan;
  Session session;
  std::vector<float> input;
};

RunTimes times_of(const Trial& trial, const std::vector<double>& ms) {
  const PlanSummary summary = explain(*trial.plan);
  return {at_share(ms, 0.25), at_share(ms, 0.95), at_share(ms, 0),
          summary.arena_bytes + summary.weight_bytes};
}

}  // namespace

std::string layer_key(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  std::string key = node.section;
  const std::vector<Shape> sources = graph.source_shapes(id);
  if (node.section != "yolo") {  // which anchors a head has costs nothing
    CfgWriter writer(id, node.src);
    node.layer->write(writer);
    const std::string text = writer.take();
    for (const std::string_view line : lines(text)) {
      const std::string_view name = line.substr(0, line.find('='));
      if (!line.empty() && name != "layers" && name != "from") key += " " + std::string(line);
    }
  }
  for (const Shape& shape : sources) key += " " + to_text(shape);
  const auto next = static_cast<std::size_t>(id) + 1;
  if (next < graph.nodes().size() && graph.nodes()[next].section == "shortcut") key += " +sum";
  return key;
}

std::optional<double> PriceList::price(const Graph& graph) const {
  double sum = 0;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const auto at = ms.find(layer_key(graph, id));
    if (at == ms.end()) return std::nullopt;
    sum += at->second;
  }
  return sum;
}

RunTimes measure_prices(const Graph& graph, const PlanOptions& options, PriceList& prices) {
  Trial trial(graph, options);
  const std::vector<PlanStep> steps = explain(*trial.plan).steps;
  std::vector<double> whole;
  std::vector<std::vector<double>> of_step(steps.size());
  // In turn, so that whatever slows the machine for a while slows both alike.
  const auto begin = Clock::now();
  while (whole.size() < kLeastRuns || (whole.size() < kMostRuns && ms_since(begin) < kEnoughMs)) {
    trial.session.set_timing(false);
    whole.push_back(trial.run());
    trial.session.set_timing(true);
    trial.run();
    const auto ms = trial.session.step_ms();
    for (std::size_t s = 0; s < steps.size(); ++s) of_step[s].push_back(ms[s]);
  }
  std::vector<double> of_node(graph.nodes().size());
  double sum = 0;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    const double ms = at_share(of_step[s], 0.25);
    of_node[static_cast<std::size_t>(steps[s].origin)] += ms;
    sum += ms;
  }
  const RunTimes times = times_of(trial, whole);
  const double scale = sum > 0 ? times.quartile_ms / sum : 1;  // reading the clock costs time
  std::map<std::string, std::pair<double, int>> found;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    auto& [total, count] = found[layer_key(graph, id)];
    total += scale * of_node[static_cast<std::size_t>(id)];
    ++count;
  }
  for (const auto& [key, value] : found) prices.ms.try_emplace(key, value.first / value.second);
  return times;
}

RunTimes measure_run(const Graph& graph, const PlanOptions& options, double seconds) {
  Trial trial(graph, options);
  std::vector<double> ms;
  const auto begin = Clock::now();
  while (ms.size() < 21 || ms_since(begin) < 1000 * seconds) {
    ms.push_back(trial.run());
    if (ms.size() >= 3 && ms_since(begin) > 10'000 * seconds) break;  // a large network
  }
  return times_of(trial, ms);
}

}  // namespace syolo
