#include "syolo/train/net_impl.h"

#include <algorithm>
#include <span>

#include "syolo/graph/lower.h"
#include "syolo/graph/passes.h"
#include "syolo/train/hints_impl.h"
#include "syolo/train/operations_impl.h"

namespace syolo::train {

namespace {

/// What a profile calls an operation.
std::string_view part_of(const Op& op) {
  return std::visit(
      Overload{[](const Conv&) { return "convolution"; },
               [](const BatchNorm&) { return "normalisation"; },
               [](const Activate&) { return "activation"; }, [](const Pool&) { return "pool"; },
               [](const Upsample&) { return "upsample"; },
               [](const Concat&) { return "concatenation"; }, [](const Slice&) { return "slice"; },
               [](const Binary&) { return "sum, product"; },
               [](const WeightedSum&) { return "weighted sum"; },
               [](const Reorg&) { return "reorg"; }, [](const Drop&) { return "drop"; },
               [](const Input&) { return "input"; }, [](const Head&) { return "head"; }},
      op);
}

/// The value of each head's logits, or the last layer's.
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
  if (found.empty()) found.push_back(program.node_values.back());
  return found;
}

}  // namespace

/// One pass over the program.
class Net::Run {
 public:
  Run(Net& net, const Program& program, const Pass& pass, bool keep_all) :
      net_(net), program_(program), pass_(pass), keep_all_(keep_all), last_(last_uses(program)),
      values_(program.values.size()) {
    const int end = static_cast<int>(program.code.size());
    for (const ValueId id : net.results_) last_[static_cast<std::size_t>(id)] = end;
  }

  void operator()(const torch::Tensor& images) {
    images_ = images;
    for (std::size_t i = 0; i < program_.code.size(); ++i) {
      instr_ = &program_.code[i];
      const Span span(net_.profile_, part_of(instr_->op));
      if (feeds_activation(program_, last_, i)) {
        const Instr& activation = program_.code[i + 1];
        set(activation.dst,
            normalized(std::get<BatchNorm>(instr_->op), std::get<Activate>(activation.op)));
        release(i);
        ++i;
      } else {
        set(instr_->dst, std::visit([this](const auto& op) { return run(op); }, instr_->op));
      }
      release(i);
    }
  }
  std::vector<torch::Tensor> values(std::span<const ValueId> ids) {
    std::vector<torch::Tensor> found;
    for (const ValueId id : ids) found.push_back(value(id).to(net_.options_.tensors));
    return found;
  }

 private:
  /// Lets go of what is read for the last time at `i`.
  void release(std::size_t i) {
    if (keep_all_) return;
    for (const ValueId src : program_.code[i].src) {
      if (last_[static_cast<std::size_t>(src)] == static_cast<int>(i)) value(src).reset();
    }
  }
  void set(ValueId id, const torch::Tensor& result) {
    value(id) = net_.only_forward_.contains(instr_->origin) ? result.detach() : result;
  }
  torch::Tensor& value(ValueId id) { return values_[static_cast<std::size_t>(id)]; }
  const torch::Tensor& src(std::size_t i) { return value(instr_->src[i]); }
  const Shape& dst() const { return program_.shape(instr_->dst); }
  torch::Tensor param(NodeId node, Role role) const { return net_.tensors_.at({node, role}); }

  torch::Tensor run(const Input&) { return images_; }
  torch::Tensor run(const Conv& op) {
    if (op.kernel != Conv::Kernel::learned) {
      return convolve(op, src(0), blur_kernel(op, src(0).options()), {}, dst());
    }
    const torch::Tensor bias = op.bias ? param(op.params, Role::bias) : torch::Tensor();
    const torch::Tensor kernel = param(op.params, Role::kernel);
    if (!is_result(instr_->dst)) return convolve(op, src(0), kernel, bias, dst());
    // Heads decide by small differences of large values: they are computed in full precision.
    const torch::Tensor from = src(0).to(kernel.scalar_type());
    if (pass_.drops == nullptr) return convolve(op, from, kernel, bias, dst());
    const DropRates& rates = pass_.drops->rates;
    const NodeId node = instr_->origin;
    const torch::Tensor blocks = drop_block(from, rates.block, kDropSide, *pass_.drops, node);
    return convolve(op, drop_out(blocks, rates.out, *pass_.drops, node),
                    drop_connect(kernel, rates.connect, *pass_.drops, node), bias, dst());
  }
  bool is_result(ValueId id) const {
    return std::find(net_.results_.begin(), net_.results_.end(), id) != net_.results_.end();
  }
  torch::Tensor run(const BatchNorm& op) { return normalized(op, {}); }
  torch::Tensor normalized(const BatchNorm& op, const Activate& act) {
    // One value per channel has no variance: the running statistics stand in for it.
    const bool of_batch = pass_.mode == Mode::train && src(0).numel() > src(0).size(1) &&
                          !net_.still_.contains(instr_->origin);
    const auto window = net_.windows_.find(instr_->origin);
    NormWindow* gathered = window == net_.windows_.end() ? nullptr : &window->second;
    if (gathered != nullptr && pass_.mini_batch == 0) gathered->batches = 0;
    return normalize(src(0),
                     {param(op.params, Role::scale), param(op.params, Role::bias),
                      param(op.params, Role::mean), param(op.params, Role::variance)},
                     {op.epsilon, of_batch, net_.options_.statistics_rate, gathered}, act);
  }
  torch::Tensor run(const Activate& op) { return activate(op, src(0)); }
  torch::Tensor run(const Pool& op) { return pool(op, src(0), dst()); }
  torch::Tensor run(const Upsample& op) { return upsample(op, src(0), dst()); }
  torch::Tensor run(const Concat&) { return torch::cat(sources(), 1); }
  torch::Tensor run(const Slice& op) { return src(0).narrow(1, op.begin, op.count); }
  torch::Tensor run(const Binary& op) { return combine(op, src(0), src(1)); }
  torch::Tensor run(const WeightedSum& op) {
    return weighted_sum(op, sources(), param(op.params, Role::weights));
  }
  torch::Tensor run(const Reorg& op) { return reorg(op, src(0), dst()); }
  torch::Tensor run(const Drop&) {
    if (pass_.drops == nullptr) return src(0);
    const NodeId node = instr_->origin;
    return drop_layer(src(0), net_.drop_layers_.at(node), *pass_.drops, node);
  }
  torch::Tensor run(const Head&) { return src(0); }

  std::vector<torch::Tensor> sources() {
    std::vector<torch::Tensor> all;
    for (std::size_t i = 0; i < instr_->src.size(); ++i) all.push_back(src(i));
    return all;
  }

  static constexpr int kDropSide = 7;  // cells, as published

  Net& net_;
  const Program& program_;
  const Pass& pass_;
  bool keep_all_;
  std::vector<int> last_;
  std::vector<torch::Tensor> values_;
  torch::Tensor images_;
  const Instr* instr_ = nullptr;
};

Net::Net(Graph graph, const Weights& weights, const NetOptions& options) :
    graph_(std::move(graph)), options_(options), program_(lower(graph_)),
    results_(logits(program_)) {
  for (const auto& [id, tensor] : weights.all()) {
    torch::Tensor values = to_torch(tensor, options_.tensors);
    if (values.dim() == 4) values = values.contiguous(torch::MemoryFormat::ChannelsLast);
    tensors_[id] = values.set_requires_grad(!is_statistic(id.role));
  }
  for (const Instr& instr : program_.code) {
    const NodeId node = instr.origin;
    if (std::holds_alternative<Drop>(instr.op)) drop_layers_[node] = drop_layer_of(graph_, node);
    if (!std::holds_alternative<BatchNorm>(instr.op)) continue;
    if (options_.cmbn || layer_hints(graph_, node).flag("cbn")) windows_[node] = {};
  }
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
  results_ = logits(program_);
}

torch::Tensor Net::input(const torch::Tensor& images) const {
  const torch::Tensor values = images.to(options_.tensors);
  return (options_.bf16 ? values.to(torch::kBFloat16) : values)
      .contiguous(torch::MemoryFormat::ChannelsLast);
}

std::vector<torch::Tensor> Net::forward(const torch::Tensor& images, const Pass& pass) {
  program_for(images);
  Run run(*this, program_, pass, /*keep_all=*/false);
  run(input(images));
  return run.values(results_);
}

std::vector<torch::Tensor> Net::forward_all(const torch::Tensor& images, const Pass& pass) {
  program_for(images);
  Run run(*this, program_, pass, /*keep_all=*/true);
  run(input(images));
  return run.values(program_.node_values);
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
