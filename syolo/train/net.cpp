#include "syolo/train/net_impl.h"

#include "syolo/graph/classifier.h"
#include "syolo/graph/lower.h"
#include "syolo/graph/passes.h"
#include "syolo/train/hints_impl.h"
#include "syolo/train/run_impl.h"

namespace syolo::train {

namespace {

/// The value of each head's logits, or what a last [softmax] reads, or the last layer's.
std::vector<ValueId> logits(const Program& program) {
  std::vector<ValueId> found;
  for (const HeadNode& head : heads(program)) {
    ValueId value = program.node_values[static_cast<std::size_t>(head.node)];
    for (auto instr = program.code.rbegin(); instr != program.code.rend(); ++instr) {
      if (instr->dst != value) continue;
      const auto* act = std::get_if<Activate>(&instr->op);
      const bool logistic = act != nullptr && act->act.is<formula::Logistic>() &&
                            head.spec->form == DecodeForm::new_coords;
      if (std::holds_alternative<Head>(instr->op) || logistic) value = instr->src[0];
    }
    found.push_back(value);
  }
  if (found.empty()) {
    found.push_back(ends_in_softmax(program) ? program.code.back().src[0]
                                             : program.node_values.back());
  }
  return found;
}

/// The learned convolution without a bias that a normalisation reads; none: null.
const Conv* convolution_before(const Program& program, const Instr& norm) {
  for (const Instr& instr : program.code) {
    const auto* conv = std::get_if<Conv>(&instr.op);
    if (conv == nullptr || instr.dst != norm.src[0]) continue;
    return conv->kernel == Conv::Kernel::learned && !conv->bias ? conv : nullptr;
  }
  return nullptr;
}

}  // namespace

Net::Net(Graph graph, const Weights& weights, const NetOptions& options) :
    graph_(std::move(graph)), options_(options), program_(lower(graph_)) {
  read_program();
  for (const auto& [id, tensor] : weights.all()) {
    torch::Tensor values = to_torch(tensor, options_.tensors);
    // The processor's convolutions take kernels in plain order.
    if (values.dim() == 4 && !values.is_cpu()) {
      values = values.contiguous(torch::MemoryFormat::ChannelsLast);
    }
    tensors_[id] = values.set_requires_grad(!is_statistic(id.role));
  }
  for (const Instr& instr : program_.code) {
    const NodeId node = instr.origin;
    if (std::holds_alternative<Drop>(instr.op)) drop_layers_[node] = drop_layer_of(graph_, node);
    if (!std::holds_alternative<BatchNorm>(instr.op)) continue;
    if (const Conv* conv = convolution_before(program_, instr)) {
      const torch::Tensor& kernel = tensors_.at({conv->params, Role::kernel});
      if (options_.cbn > 1) cross_[node] = cross_window(*conv, kernel, options_.cbn);
    }
    if (options_.cmbn || layer_hints(graph_, node).flag("cbn")) windows_[node] = {};
  }
}

std::map<std::string, torch::Tensor> Net::cross_tensors() const {
  std::map<std::string, torch::Tensor> all;
  for (const auto& [node, window] : cross_) {
    const std::string name = format("cross/{}/", node);
    all[name + "of_mean"] = window.of_mean, all[name + "of_square"] = window.of_square;
    all[name + "square"] = window.square;
  }
  return all;
}

void Net::set_learning(const Freeze& freeze, std::int64_t step) {
  for (auto& [id, tensor] : tensors_) {
    tensor.set_requires_grad(!is_statistic(id.role) && freeze.learns(id.node, step));
  }
  still_ = freeze.still(), only_forward_ = freeze.only_forward();
}

void Net::program_for(const torch::Tensor& images) {
  SYOLO_ASSERT(images.dim() == 4, "images N,C,H,W");
  const Shape shape{1, static_cast<int>(images.size(1)), static_cast<int>(images.size(2)),
                    static_cast<int>(images.size(3))};
  if (program_.shape(program_.input) == shape) return;
  program_ = lower(graph_, shape);
  read_program();
}

void Net::read_program() {
  results_ = logits(program_);
  if (options_.recompute) segments_ = segments(program_, results_);
}

torch::Tensor Net::input(const torch::Tensor& images) const {
  const torch::Tensor values = images.to(options_.tensors);
  return (options_.bf16 ? values.to(torch::kBFloat16) : values)
      .contiguous(torch::MemoryFormat::ChannelsLast);
}

std::vector<torch::Tensor> Net::forward(const torch::Tensor& images, const Pass& pass) {
  program_for(images);
  const auto run = std::make_shared<Run>(*this, program_, pass, /*keep_all=*/false);
  (*run)(input(images));
  if (pass.cross && !cross_.empty()) ++cross_iterations_;
  if (pass.features != nullptr) *pass.features = run->read_for(results_);
  std::vector<torch::Tensor> results = run->values(results_);
  run->forget();
  return results;
}

std::vector<torch::Tensor> Net::forward_all(const torch::Tensor& images, const Pass& pass) {
  program_for(images);
  const auto run = std::make_shared<Run>(*this, program_, pass, /*keep_all=*/true);
  (*run)(input(images));
  std::vector<torch::Tensor> all = run->values(program_.node_values);
  run->forget();
  return all;
}

Weights Net::weights() const {
  Weights weights;
  for (NodeId node = 0; node < static_cast<NodeId>(graph_.nodes().size()); ++node) {
    for (const ParamSpec& param : graph_.params(node)) {
      const ParamId id{node, param.role};
      weights.set(id, to_tensor(tensors_.at(id), param.shape));
    }
  }
  return weights;
}

void Net::set_weights(const Weights& weights) {
  const torch::NoGradGuard no_grad;
  for (auto& [id, tensor] : tensors_) tensor.copy_(to_torch(weights.at(id), options_.tensors));
}

}  // namespace syolo::train
