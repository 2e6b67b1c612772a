#include "syolo/train/run_impl.h"

#include <algorithm>

#include "syolo/base/error.h"
#include "syolo/graph/passes.h"
#include "syolo/train/operations_impl.h"

namespace syolo::train {
namespace {

constexpr int kDropSide = 7;  // cells, as published

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

}  // namespace

Net::Run::Run(Net& net, const Program& program, const Pass& pass, bool keep_all) :
    net_(net), program_(program), pass_(pass), keep_all_(keep_all), last_(last_uses(program)),
    values_(program.values.size()) {
  if (pass.drops != nullptr) drops_ = *pass.drops, pass_.drops = &drops_;
  const int end = static_cast<int>(program.code.size());
  for (const ValueId id : net.results_) last_[static_cast<std::size_t>(id)] = end;
}

/// What a segment needs on its way back.
struct Net::Run::Kept final : torch::CustomClassHolder {
  Kept(std::shared_ptr<Run> of, const CodeSegment& what) : run(std::move(of)), segment(what) {}
  std::shared_ptr<Run> run;
  CodeSegment segment;
};

/// A segment as one operation of autograd.
class Net::Run::Segment : public torch::autograd::Function<Segment> {
 public:
  using Tensors = torch::autograd::variable_list;
  /// @param learns  requires a gradient when a parameter of the segment does: parameters are no
  ///                arguments, their gradients are added on the way back
  static Tensors forward(torch::autograd::AutogradContext* context, at::TensorList in,
                         const torch::Tensor& /*learns*/, const std::shared_ptr<Run>& run,
                         const CodeSegment& segment) {
    context->save_for_backward(in.vec());
    context->saved_data["segment"] =
        c10::IValue::make_capsule(c10::make_intrusive<Kept>(run, segment));
    return run->through(segment, in.vec());
  }

  static Tensors backward(torch::autograd::AutogradContext* context, const Tensors& gradients) {
    const auto capsule = context->saved_data.at("segment").toCapsule();
    const auto& kept = static_cast<const Kept&>(*capsule);
    Tensors in;
    for (const torch::Tensor& saved : context->get_saved_variables()) {
      in.push_back(saved.detach().set_requires_grad(saved.requires_grad()));
    }
    Tensors out, of_out;
    {
      const torch::AutoGradMode grad(true);
      kept.run->again_ = true;
      const Tensors all = kept.run->through(kept.segment, in);
      for (std::size_t i = 0; i < all.size(); ++i) {
        if (!gradients[i].defined() || !all[i].requires_grad()) continue;
        out.push_back(all[i]), of_out.push_back(gradients[i]);
      }
      kept.run->forget();
    }
    if (!out.empty()) torch::autograd::backward(out, of_out);
    Tensors of_in;
    for (const torch::Tensor& tensor : in) of_in.push_back(tensor.grad());
    of_in.resize(in.size() + 3);  // the other arguments have none
    return of_in;
  }
};

/// Runs a segment alone. @return its values that others read
std::vector<torch::Tensor> Net::Run::through(const CodeSegment& segment,
                                             const std::vector<torch::Tensor>& in) {
  for (std::size_t i = 0; i < in.size(); ++i) value(segment.in[i]) = in[i];
  execute(segment.begin, segment.end);
  std::vector<torch::Tensor> out;
  for (const ValueId id : segment.out) out.push_back(value(id));
  return out;
}

bool Net::Run::learns(const CodeSegment& segment) const {
  for (const auto& [id, tensor] : net_.tensors_) {
    for (std::size_t i = segment.begin; i < segment.end && tensor.requires_grad(); ++i) {
      if (program_.code[i].origin == id.node) return true;
    }
  }
  return false;
}

void Net::Run::operator()(const torch::Tensor& images) {
  images_ = images;
  const bool segmented = net_.options_.recompute && pass_.mode == Mode::train && !keep_all_ &&
                         pass_.features == nullptr && torch::GradMode::is_enabled();
  if (!segmented) return execute(0, program_.code.size());
  in_segments_ = true;
  for (const CodeSegment& segment : net_.segments_) {
    std::vector<torch::Tensor> in;
    for (const ValueId id : segment.in) in.push_back(value(id));
    const torch::Tensor trigger = torch::zeros({}).set_requires_grad(learns(segment));
    const Span span(net_.profile_, "segments");
    const std::vector<torch::Tensor> out =
        Segment::apply(at::TensorList(in), trigger, shared_from_this(), segment);
    for (std::size_t i = 0; i < out.size(); ++i) value(segment.out[i]) = out[i];
  }
}

void Net::Run::execute(std::size_t begin, std::size_t end) {
  for (std::size_t i = begin; i < end; ++i) {
    instr_ = &program_.code[i];
    const Span span(in_segments_ ? nullptr : net_.profile_, part_of(instr_->op));
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

/// Lets go of what is read for the last time at `i`.
void Net::Run::release(std::size_t i) {
  if (keep_all_) return;
  for (const ValueId src : program_.code[i].src) {
    if (last_[static_cast<std::size_t>(src)] == static_cast<int>(i)) value(src).reset();
  }
}

void Net::Run::forget() {
  for (torch::Tensor& tensor : values_) tensor.reset();
  conv_src_.reset();
  read_.clear();
}

std::vector<torch::Tensor> Net::Run::values(std::span<const ValueId> ids) {
  std::vector<torch::Tensor> found;
  for (const ValueId id : ids) found.push_back(value(id).to(net_.options_.tensors));
  return found;
}

std::vector<torch::Tensor> Net::Run::read_for(std::span<const ValueId> ids) const {
  std::vector<torch::Tensor> found;
  for (const ValueId id : ids) {
    require(read_.contains(id), "expected heads behind convolutions, found another layer");
    found.push_back(read_.at(id));
  }
  return found;
}

void Net::Run::set(ValueId id, const torch::Tensor& result) {
  value(id) = net_.only_forward_.contains(instr_->origin) ? result.detach() : result;
}

bool Net::Run::is_result(ValueId id) const {
  return std::find(net_.results_.begin(), net_.results_.end(), id) != net_.results_.end();
}

std::vector<torch::Tensor> Net::Run::sources() {
  std::vector<torch::Tensor> all;
  for (std::size_t i = 0; i < instr_->src.size(); ++i) all.push_back(src(i));
  return all;
}

// -- operations -----------------------------------------------------------------------------------

torch::Tensor Net::Run::run(const Input& /*op*/) {
  return images_;
}
torch::Tensor Net::Run::run(const Conv& op) {
  if (op.kernel != Conv::Kernel::learned) {
    return convolve(op, src(0), blur_kernel(op, src(0).options()), {}, dst());
  }
  if (is_result(instr_->dst)) return of_head(op);
  conv_ = instr_;
  if (pass_.cross && !again_) conv_src_ = src(0);
  return convolve(op, src(0), param(op.params, Role::kernel), bias_of(op), dst());
}
/// Heads decide by small differences of large values: they are computed in full precision.
torch::Tensor Net::Run::of_head(const Conv& op) {
  const torch::Tensor kernel = param(op.params, Role::kernel);
  const torch::Tensor from = src(0).to(kernel.scalar_type());
  if (pass_.features != nullptr) read_[instr_->dst] = from;
  if (pass_.drops == nullptr) return convolve(op, from, kernel, bias_of(op), dst());
  const DropRates& rates = drops_.rates;
  const NodeId node = instr_->origin;
  const torch::Tensor blocks = drop_block(from, rates.block, kDropSide, drops_, node);
  return convolve(op, drop_out(blocks, rates.out, drops_, node),
                  drop_connect(kernel, rates.connect, drops_, node), bias_of(op), dst());
}
torch::Tensor Net::Run::bias_of(const Conv& op) const {
  return op.bias ? param(op.params, Role::bias) : torch::Tensor();
}
/// Of this normalisation, when it stands behind the convolution that ran last.
CrossWindow* Net::Run::cross() const {
  const auto window = net_.cross_.find(instr_->origin);
  const bool behind = conv_ != nullptr && conv_->dst == instr_->src[0];
  return pass_.cross && !again_ && behind && window != net_.cross_.end() ? &window->second
                                                                         : nullptr;
}
torch::Tensor Net::Run::normalized(const BatchNorm& op, const Activate& act) {
  // One value per channel has no variance: the running statistics stand in for it.
  const std::int64_t ranks = net_.options_.group == nullptr ? 1 : net_.options_.group->size();
  NormOptions options{.epsilon = op.epsilon, .group = net_.options_.group};
  options.of_batch = pass_.mode == Mode::train && ranks * src(0).numel() > src(0).size(1) &&
                     !net_.still_.contains(instr_->origin);
  options.rate = again_ ? 0 : net_.options_.statistics_rate;
  const auto window = net_.windows_.find(instr_->origin);
  if (window != net_.windows_.end()) options.window = &window->second;
  if (options.window != nullptr && pass_.mini_batch == 0 && !again_) options.window->batches = 0;
  if (in_segments_) options.moments = &moments_[instr_];
  NormEarlier before;
  if (CrossWindow* window_of = options.of_batch ? cross() : nullptr) {
    const Conv& conv = std::get<Conv>(conv_->op);
    const torch::Tensor kernel = param(conv.params, Role::kernel);
    before = earlier(*window_of, kernel, net_.cross_iterations_);
    options.earlier = &before;
    remember(conv, conv_src_, kernel, src(0), net_.cross_iterations_, *window_of);
  }
  conv_src_.reset();
  return normalize(src(0),
                   {param(op.params, Role::scale), param(op.params, Role::bias),
                    param(op.params, Role::mean), param(op.params, Role::variance)},
                   options, act);
}
torch::Tensor Net::Run::run(const Activate& op) {
  return activate(op, src(0));
}
torch::Tensor Net::Run::run(const Pool& op) {
  return pool(op, src(0), dst());
}
torch::Tensor Net::Run::run(const Upsample& op) {
  return upsample(op, src(0), dst());
}
torch::Tensor Net::Run::run(const Concat& /*op*/) {
  return torch::cat(sources(), 1);
}
torch::Tensor Net::Run::run(const Slice& op) {
  return src(0).narrow(1, op.begin, op.count);
}
torch::Tensor Net::Run::run(const Binary& op) {
  return combine(op, src(0), src(1));
}
torch::Tensor Net::Run::run(const WeightedSum& op) {
  return weighted_sum(op, sources(), param(op.params, Role::weights));
}
torch::Tensor Net::Run::run(const Reorg& op) {
  return reorg(op, src(0), dst());
}
torch::Tensor Net::Run::run(const Drop& /*op*/) {
  if (pass_.drops == nullptr) return src(0);
  const NodeId node = instr_->origin;
  return drop_layer(src(0), net_.drop_layers_.at(node), drops_, node);
}
torch::Tensor Net::Run::run(const Head& /*op*/) {
  return src(0);
}

}  // namespace syolo::train
