#include <chrono>

#include "syolo/runtime/kernels/kernels.h"
#include "syolo/runtime/pages_impl.h"
#include "syolo/runtime/plan_impl.h"

namespace syolo {

using runtime::Buffers;

struct Session::State {
  explicit State(std::shared_ptr<const Plan> shared) :
      plan(std::move(shared)), arena(plan->arena_bytes), scratch(plan->scratch_bytes),
      buffers(arena.data(), &plan->offsets), stream(plan->engine) {
    for (const runtime::Step& step : plan->steps) bind(step);
    for (std::size_t i = 0; i < plan->head_slots.size(); ++i) {
      const runtime::Array a = runtime::array_of(*plan, plan->head_slots[i], buffers);
      views.push_back(
          {static_cast<const float*>(a.data), {1, a.channels, a.height, a.width}, a.block});
    }
    milliseconds.resize(plan->steps.size());
  }

  void bind(const runtime::Step& step) {
    bound.emplace_back();
    const auto* primitive = std::get_if<runtime::PrimitiveStep>(&step.work);
    if (!primitive) return;
    for (const runtime::Argument& argument : primitive->arguments) {
      if (argument.constant) {
        bound.back().push_back({argument.id, argument.constant->get()});
        continue;
      }
      const bool external =
          argument.slot >= 0 && plan->slots[static_cast<std::size_t>(argument.slot)].external;
      void* data = argument.scratch ? scratch.data()
                   : external       ? nullptr
                                    : buffers.write(argument.slot);
      memories.emplace_back(argument.desc, plan->engine, data);
      if (external) inputs.push_back(memories.back());
      bound.back().push_back({argument.id, memories.back().get()});
    }
  }

  void execute(std::size_t i) {
    const runtime::Step& step = plan->steps[i];
    if (const auto* kernel = std::get_if<runtime::KernelStep>(&step.work))
      return (*kernel)(buffers);
    const auto& of_library = std::get<runtime::PrimitiveStep>(step.work);
    std::optional<runtime::ThreadScope> scope;
    if (of_library.threads > 0) scope.emplace(of_library.threads);
    dnnl_primitive_execute(of_library.primitive.get(), stream.get(),
                           static_cast<int>(bound[i].size()), bound[i].data());
  }

  std::shared_ptr<const Plan> plan;
  runtime::Pages arena, scratch;
  Buffers buffers;
  dnnl::stream stream;
  std::vector<dnnl::memory> memories;
  std::vector<dnnl::memory> inputs;
  std::vector<std::vector<dnnl_exec_arg_t>> bound;
  std::vector<HeadView> views;
  std::vector<double> milliseconds;
  bool timing = false;
};

Session::Session(std::shared_ptr<const Plan> plan) :
    state_(std::make_unique<State>(std::move(plan))) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

std::span<const HeadView> Session::run(std::span<const float> input) {
  State& s = *state_;
  SYOLO_ASSERT(static_cast<std::int64_t>(input.size()) == s.plan->net.input.elements(),
               "input size");
  const runtime::ThreadScope scope(s.plan->threads);
  for (dnnl::memory& memory : s.inputs) memory.set_data_handle(const_cast<float*>(input.data()));
  s.buffers.set_input(s.plan->slot_of_value[static_cast<std::size_t>(s.plan->program.input)],
                      input.data());
  using Clock = std::chrono::steady_clock;
  for (std::size_t i = 0; i < s.plan->steps.size(); ++i) {
    if (!s.timing) {
      s.execute(i);
      continue;
    }
    const auto start = Clock::now();
    s.execute(i);
    s.milliseconds[i] = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  }
  return s.views;
}

Tensor Session::node_output(NodeId node) const {
  const State& s = *state_;
  const Program& program = s.plan->program;
  require(node >= 0 && static_cast<std::size_t>(node) < program.node_values.size(),
          "expected a layer number below {}, found {}", program.node_values.size(), node);
  const ValueId value = program.node_values[static_cast<std::size_t>(node)];
  const int slot = value < 0 ? -1 : s.plan->slot_of_value[static_cast<std::size_t>(value)];
  if (slot >= 0) {
    return Tensor(program.shape(value),
                  runtime::to_planar(runtime::array_of(*s.plan, slot, s.buffers)));
  }
  int head = 0;
  for (const Instr& instr : program.code) {
    const auto* op = std::get_if<Head>(&instr.op);
    if (!op) continue;
    if (instr.dst != value) {
      ++head;
      continue;
    }
    const auto raw = runtime::to_planar(
        runtime::array_of(*s.plan, s.plan->head_slots[static_cast<std::size_t>(head)], s.buffers));
    std::vector<double> in(raw.begin(), raw.end()), out(raw.size());
    activate_head(op->spec, program.shape(value), in.data(), out.data());
    return Tensor(program.shape(value), std::vector<float>(out.begin(), out.end()));
  }
  throw Error(ErrorKind::usage,
              format("layer {} was joined with another; plan with keep_nodes to read it", node));
}

void Session::set_timing(bool on) {
  state_->timing = on;
}

std::span<const double> Session::step_ms() const {
  return state_->milliseconds;
}

PlanSummary explain(const Plan& plan) {
  PlanSummary summary{plan.net.input,   plan.precision,   plan.threads,     {},
                      plan.arena_bytes, plan.lower_bound, plan.weight_bytes};
  for (const runtime::Step& step : plan.steps) summary.steps.push_back(step.summary);
  return summary;
}

std::string to_text(const PlanSummary& summary) {
  std::string out = format(
      "input {}, {}, {} threads; weights {:.1f} MiB, activations {:.1f} MiB (at least {:.1f})\n",
      to_text(summary.input), summary.precision == Precision::bf16 ? "bf16" : "f32",
      summary.threads, static_cast<double>(summary.weight_bytes) / 1048576.0,
      static_cast<double>(summary.arena_bytes) / 1048576.0,
      static_cast<double>(summary.arena_lower_bound) / 1048576.0);
  for (const PlanStep& step : summary.steps) {
    out += format("{:>4}  {:<44} {:<36} {}\n", step.origin, step.what, step.candidate, step.why);
  }
  return out;
}

}  // namespace syolo
