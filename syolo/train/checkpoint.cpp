#include "syolo/train/checkpoint_impl.h"

#include <algorithm>

namespace syolo::train {
namespace {

Named all_tensors(const Net& net, const Optimizer& optimizer, const Average& average) {
  Named all = optimizer.tensors();
  all.insert(average.tensors().begin(), average.tensors().end());
  for (const auto& [id, tensor] : net.tensors()) all["net/" + to_text(id)] = tensor;
  all.merge(net.cross_tensors());
  return all;
}

std::vector<float> values_of(const torch::Tensor& tensor) {
  const torch::Tensor plain = tensor.detach().to(torch::kCPU, torch::kFloat32).contiguous();
  const float* values = plain.data_ptr<float>();
  return {values, values + plain.numel()};
}

const std::string& text_of(const State& state, const std::string& name) {
  const auto found = state.texts.find(name);
  require(found != state.texts.end(), "expected {} in the state, found none", name);
  return found->second;
}

std::int64_t integer_of(const State& state, const std::string& name) {
  const auto value = parse_int(text_of(state, name));
  require(value && *value >= -1, "expected a count as {}, found \"{}\"", name,
          printable(text_of(state, name), 40));
  return *value;
}

}  // namespace

State checkpoint(const Net& net, const Optimizer& optimizer, const Average& average,
                 const Progress& progress) {
  State state;
  for (const auto& [name, tensor] : all_tensors(net, optimizer, average)) {
    state.tensors[name] = values_of(tensor);
  }
  state.texts = {{"network", fingerprint(net.graph())},
                 {"epoch", format("{}", progress.next.epoch)},
                 {"batch", format("{}", progress.next.batch)},
                 {"images_seen", format("{}", progress.images_seen)},
                 {"best_epoch", format("{}", progress.best_epoch)},
                 {"best_ap", format("{:.17g}", progress.best)},
                 {"steps", format("{}", optimizer.steps())},
                 {"updates", format("{}", average.updates())},
                 {"cross_iterations", format("{}", net.cross_iterations())}};
  return state;
}

Progress restore(const State& state, Net& net, Optimizer& optimizer, Average& average) {
  require(text_of(state, "network") == fingerprint(net.graph()),
          "expected the state of this network, found another's");
  Progress progress;
  progress.next = {integer_of(state, "epoch"), integer_of(state, "batch")};
  progress.images_seen = integer_of(state, "images_seen");
  progress.best_epoch = integer_of(state, "best_epoch");
  progress.best = parse_real(text_of(state, "best_ap")).value_or(-1);

  const torch::NoGradGuard no_grad;
  const Named all = all_tensors(net, optimizer, average);
  require(all.size() == state.tensors.size(), "expected {} tensors in the state, found {}",
          all.size(), state.tensors.size());
  for (const auto& [name, tensor] : all) {
    const auto found = state.tensors.find(name);
    require(found != state.tensors.end(), "expected {} in the state, found none", name);
    require(std::ssize(found->second) == tensor.numel(), "expected {} values of {}, found {}",
            tensor.numel(), name, found->second.size());
    torch::Tensor target = tensor;
    target.copy_(torch::tensor(found->second, torch::kFloat32).reshape(tensor.sizes()));
  }
  optimizer.set_steps(integer_of(state, "steps"));
  average.set_updates(integer_of(state, "updates"));
  const bool crossed = state.texts.contains("cross_iterations");  // older states know none
  net.set_cross_iterations(crossed ? integer_of(state, "cross_iterations") : 0);
  return progress;
}

}  // namespace syolo::train
