#include <algorithm>

#include "syolo/base/parallel.h"
#include "syolo/graph/lower.h"
#include "syolo/graph/passes.h"
#include "syolo/runtime/arena.h"
#include "syolo/runtime/kernels/kernels.h"
#include "syolo/runtime/plan_impl.h"

namespace syolo {
namespace runtime {

Array array_of(const Plan& plan, int slot, const Buffers& buffers) {
  const Slot& s = plan.slots[static_cast<std::size_t>(slot)];
  return {buffers.read(slot),         s.shape.c,     s.shape.h, s.shape.w,
          s.storage.block(s.shape.c), s.storage.type};
}

namespace {

DType type_for(Precision precision) {
  if (precision == Precision::f32) return DType::f32;
  if (has_bf16()) return DType::bf16;
  if (precision == Precision::automatic) return DType::f32;
  throw Error(ErrorKind::unsupported,
              format("expected a processor with AVX-512 BF16 or AMX for --precision bf16, found {}",
                     library_isa()),
              {}, "--precision auto uses bf16 only where it exists");
}

}  // namespace

PlanBuilder::PlanBuilder(const Model& model, Shape input, const PlanOptions& options) :
    model_(model), options_(options), plan_(std::make_shared<Plan>()) {
  require(input.n == 1, "expected a plan for one picture, found batch {}", input.n);
  require(input.c == model.graph.net().input.c, "expected the network's {} channels, found {}",
          model.graph.net().input.c, input.c);
  plan_->program = optimized(lower(model.graph, input), {.keep_nodes = options.keep_nodes});
  plan_->net = model.graph.net();
  plan_->net.input = input;
  plan_->threads = options.threads > 0 ? options.threads : cpu_budget().threads();
  plan_->engine = dnnl::engine(dnnl::engine::kind::cpu, 0);
  type_ = type_for(options.precision);
  plan_->precision = type_ == DType::bf16 ? Precision::bf16 : Precision::f32;
  layout_ = options.layout == MapLayout::channels_last ? Layout::channels_last
            : options.layout == MapLayout::planar      ? Layout::planar
                                                       : preferred_layout(type_, plan_->engine);
  if (options.tune != Tune::heuristic) {
    tune_ = TuneCache(options.cache,
                      format("{} | {} | oneDNN {}", cpu_model(), library_isa(), library_version()));
  }
}

int PlanBuilder::add_slot(const Shape& shape, Storage storage) {
  Slot slot{.shape = shape, .storage = storage, .bytes = storage.bytes(shape)};
  slot.first = -1;  // set when a step writes it
  plan_->slots.push_back(slot);
  return static_cast<int>(plan_->slots.size()) - 1;
}

/// Every value gets the engine's layout; the input is the caller's planes, heads' sources stay f32.
void PlanBuilder::choose_storages() {
  const Program& program = plan_->program;
  plan_->slot_of_value.assign(program.values.size(), -1);
  std::vector<bool> full(program.values.size());
  for (const ValueId value : outputs(program)) full[static_cast<std::size_t>(value)] = true;
  std::vector<bool> read(program.values.size());
  for (const Instr& instr : program.code) {
    for (const ValueId src : instr.src) read[static_cast<std::size_t>(src)] = true;
  }
  for (const Instr& instr : program.code) {
    const bool head = std::holds_alternative<Head>(instr.op);
    if (head && !read[static_cast<std::size_t>(instr.dst)]) continue;
    Storage storage{layout_, full[static_cast<std::size_t>(instr.dst)] ? DType::f32 : type_};
    // Only a convolution can change the element type on the way.
    if (!std::holds_alternative<Conv>(instr.op) && !std::holds_alternative<Input>(instr.op))
      storage.type = type_;
    if (std::holds_alternative<Input>(instr.op)) storage = {Layout::planar, DType::f32};
    const int slot = add_slot(shape(instr.dst), storage);
    plan_->slot_of_value[static_cast<std::size_t>(instr.dst)] = slot;
    if (std::holds_alternative<Input>(instr.op)) slot_data(slot).external = true;
  }
}

/// Puts `child` at `channel` of `parent` when the layout makes its values contiguous there.
bool PlanBuilder::place(ValueId child, ValueId parent, int channel) {
  Slot& inner = slot_data(slot(child));
  const Slot& outer = slot_data(slot(parent));
  const int block = outer.storage.block(outer.shape.c);
  if (inner.parent >= 0 || inner.external || outer.external || inner.storage != outer.storage)
    return false;
  if (outer.storage.layout == Layout::channels_last && outer.shape.plane() > 1) return false;
  const bool at_end = channel + inner.shape.c == outer.shape.c;
  if (outer.storage.layout != Layout::channels_last &&
      (channel % block != 0 || (inner.shape.c % block != 0 && !at_end))) {
    return false;
  }
  inner.parent = slot(parent);
  inner.offset = channel * outer.shape.plane() * bytes_of(outer.storage.type);
  return true;
}

/// Producers write straight into their part of a concatenation, slices read in place.
void PlanBuilder::place_inside_others() {
  const auto& code = plan_->program.code;
  for (const Instr& instr : code) {
    if (const auto* slice = std::get_if<Slice>(&instr.op))
      place(instr.dst, instr.src[0], slice->begin);
  }
  for (auto instr = code.rbegin(); instr != code.rend(); ++instr) {
    if (!std::holds_alternative<Concat>(instr->op)) continue;
    int channel = 0;
    for (const ValueId src : instr->src) {
      place(src, instr->dst, channel);
      channel += shape(src).c;
    }
  }
}

std::shared_ptr<const Plan> PlanBuilder::build() {
  const ThreadScope scope(plan_->threads);
  choose_storages();
  place_inside_others();
  const auto& code = plan_->program.code;
  choose_convs();
  for (const Instr& instr : code) build_instr(instr);
  finish_memory();
  pack_weights();
  tune_.save();
  return plan_;
}

void PlanBuilder::build_unary(const Instr& instr, UnaryKernel kernel, std::string what) {
  const Plan* plan = plan_.get();
  const int src = in_storage(instr.src[0], {layout_, type_}), dst = slot(instr.dst);
  add_kernel(
      [plan, src, dst, run = std::move(kernel)](const Buffers& b) {
        run(array_of(*plan, src, b), MutableArray{array_of(*plan, dst, b)});
      },
      std::move(what));
  used_in_last_step({src}, dst);
}

void PlanBuilder::build_slice(const Slice& op, const Instr& instr) {
  if (slot_data(slot(instr.dst)).parent == slot(instr.src[0])) return;  // read in place
  const auto copy = [op](const Array& src, const MutableArray& dst) {
    copy_channels(src, op.begin, dst, 0, op.count);
    zero_padding(dst);
  };
  build_unary(instr, copy, format("copy {} channels", op.count));
}

void PlanBuilder::build_binary(const Binary& op, const Instr& instr) {
  const Plan* plan = plan_.get();
  const int a = in_storage(instr.src[0], {layout_, type_});
  const int b = in_storage(instr.src[1], {layout_, type_});
  const int dst = slot(instr.dst);
  add_kernel(
      [plan, a, b, dst, op](const Buffers& buffers) {
        binary(array_of(*plan, a, buffers), array_of(*plan, b, buffers),
               MutableArray{array_of(*plan, dst, buffers)}, op);
      },
      op.kind == Binary::Kind::add ? "add" : "multiply");
  used_in_last_step({a, b}, dst);
}

void PlanBuilder::build_head(const Head& op, const Instr& instr) {
  plan_->head_specs.push_back(op.spec);
  // Decoding reads f32 in the arena: not the caller's input, nor the bf16 of another layer.
  plan_->head_slots.push_back(in_storage(instr.src[0], {layout_, DType::f32}));
  if (slot(instr.dst) < 0) return;  // nobody computes with the activated values
  const auto activated = [spec = op.spec](const Array& src, const MutableArray& dst) {
    activate_head_values(spec, src, dst);
  };
  build_unary(instr, activated, "head");
}

void PlanBuilder::used_in_last_step(const std::vector<int>& sources, int dst) {
  const int step = static_cast<int>(plan_->steps.size()) - 1;
  for (const int src : sources) slot_data(src).last = step;
  if (slot_data(dst).first < 0) slot_data(dst).first = step;
}

Where PlanBuilder::where_of(const Instr& instr) const {
  return instr.origin < 0 ? Where{} : model_.graph.node(instr.origin).where;
}

void PlanBuilder::build_instr(const Instr& instr) {
  origin_ = instr.origin;
  with_where(where_of(instr), [&] {
    std::visit(
        Overload{[](const Input&) {}, [&](const Conv& op) { build_conv(op, instr); },
                 [&](const BatchNorm& op) { build_batch_norm(op, instr); },
                 [&](const Activate& op) {
                   build_unary(
                       instr, [op](const Array& s, const MutableArray& d) { activate(s, d, op); },
                       format("activate {}", op.act.name()));
                 },
                 [&](const Pool& op) { build_pool(op, instr); },
                 [&](const Upsample& op) {
                   build_unary(
                       instr, [op](const Array& s, const MutableArray& d) { upsample(s, d, op); },
                       format("upsample {}", op.stride));
                 },
                 [&](const Concat&) { build_concat(instr); },
                 [&](const Slice& op) { build_slice(op, instr); },
                 [&](const Binary& op) { build_binary(op, instr); },
                 [&](const WeightedSum& op) { build_weighted_sum(op, instr); },
                 [&](const Reorg& op) {
                   build_unary(
                       instr, [op](const Array& s, const MutableArray& d) { reorg(s, d, op); },
                       "reorg");
                 },
                 [](const Drop&) {
                   SYOLO_ASSERT(false, "training-only operations are dropped before planning");
                 },
                 [&](const Head& op) { build_head(op, instr); }},
        instr.op);
  });
}

void PlanBuilder::build_concat(const Instr& instr) {
  const Plan* plan = plan_.get();
  int channel = 0;
  const int dst = slot(instr.dst);
  for (const ValueId value : instr.src) {
    const int count = shape(value).c;
    if (slot_data(slot(value)).parent != dst ||
        slot_data(slot(value)).offset !=
            channel * shape(instr.dst).plane() * bytes_of(slot_data(dst).storage.type)) {
      const int src = in_storage(value, slot_data(dst).storage);
      add_kernel(
          [plan, src, dst, channel, count](const Buffers& b) {
            copy_channels(array_of(*plan, src, b), 0, MutableArray{array_of(*plan, dst, b)},
                          channel, count);
          },
          format("copy {} channels", count));
      used_in_last_step({src}, dst);
    }
    channel += count;
  }
  if (slot_data(dst).storage.padded(channel) != channel) {
    add_kernel(
        [plan, dst](const Buffers& b) { zero_padding(MutableArray{array_of(*plan, dst, b)}); },
        "zero padding");
  }
}

void PlanBuilder::build_pool(const Pool& op, const Instr& instr) {
  const int src = in_storage(instr.src[0], {layout_, type_}), dst = slot(instr.dst);
  const auto offer = op.depth > 0 ? std::nullopt
                                  : offer_pool(op, shape(instr.src[0]), shape(instr.dst),
                                               {layout_, type_}, plan_->engine);
  const std::string what =
      op.depth > 0 ? format("max over channels, {} left", op.depth)
                   : format("{} pool {}x{}/{}", op.kind == Pool::Kind::max ? "max" : "average",
                            op.kh, op.kw, op.stride_x);
  if (offer) {
    PrimitiveStep step{offer->primitive, {}};
    step.arguments = {
        {DNNL_ARG_SRC, desc_of(shape(instr.src[0]), {layout_, type_}), src, nullptr, false},
        {DNNL_ARG_DST, desc_of(shape(instr.dst), {layout_, type_}), dst, nullptr, false}};
    plan_->scratch_bytes = std::max(plan_->scratch_bytes, offer->scratch_bytes);
    if (offer->scratch_bytes > 0) {
      step.arguments.push_back(
          {DNNL_ARG_SCRATCHPAD,
           dnnl::memory::desc({offer->scratch_bytes}, dnnl::memory::data_type::u8,
                              dnnl::memory::format_tag::x),
           -1, nullptr, true});
    }
    add_step(std::move(step), what, offer->implementation);
  } else {
    const Plan* plan = plan_.get();
    add_kernel(
        [plan, src, dst, op](const Buffers& b) {
          pool(array_of(*plan, src, b), MutableArray{array_of(*plan, dst, b)}, op);
        },
        what);
  }
  used_in_last_step({src}, dst);
}

void PlanBuilder::build_weighted_sum(const WeightedSum& op, const Instr& instr) {
  std::vector<int> src;
  for (const ValueId value : instr.src) src.push_back(in_storage(value, {layout_, type_}));
  const int dst = slot(instr.dst);
  const auto weights = normalized_sum_weights(model_.weights.at({op.params, Role::weights}),
                                              static_cast<int>(src.size()), op.normalization);
  const Plan* plan = plan_.get();
  add_kernel(
      [plan, src, dst, weights, per_channel = op.per_channel](const Buffers& b) {
        std::vector<Array> arrays;
        arrays.reserve(src.size());
        for (const int s : src) arrays.push_back(array_of(*plan, s, b));
        weighted_sum(arrays, weights, per_channel, MutableArray{array_of(*plan, dst, b)});
      },
      "weighted sum");
  used_in_last_step(src, dst);
}

void PlanBuilder::build_batch_norm(const BatchNorm& op, const Instr& instr) {
  const int src = in_storage(instr.src[0], {layout_, type_}), dst = slot(instr.dst);
  const auto values = [&](Role role) { return model_.weights.at({op.params, role}).values(); };
  std::vector<float> scale, shift;
  for (std::size_t c = 0; c < values(Role::scale).size(); ++c) {
    const double factor = static_cast<double>(values(Role::scale)[c]) /
                          std::sqrt(static_cast<double>(values(Role::variance)[c]) + op.epsilon);
    scale.push_back(static_cast<float>(factor));
    shift.push_back(static_cast<float>(static_cast<double>(values(Role::bias)[c]) -
                                       factor * static_cast<double>(values(Role::mean)[c])));
  }
  const Plan* plan = plan_.get();
  add_kernel(
      [plan, src, dst, scale, shift](const Buffers& b) {
        scale_shift(array_of(*plan, src, b), scale, shift, MutableArray{array_of(*plan, dst, b)});
      },
      "batch norm");
  used_in_last_step({src}, dst);
}

int PlanBuilder::converted(int from, const dnnl::memory::desc& desc, Storage storage) {
  const Slot source = slot_data(from);
  const int to = add_slot(source.shape, storage);
  slot_data(to).bytes = static_cast<std::int64_t>(desc.get_size());
  PrimitiveStep step{reorder(desc_of(source.shape, source.storage), desc, plan_->engine), {}};
  step.arguments = {{DNNL_ARG_FROM, desc_of(source.shape, source.storage), from, nullptr, false},
                    {DNNL_ARG_TO, desc, to, nullptr, false}};
  add_step(std::move(step), "change of layout", "reorder");
  used_in_last_step({from}, to);
  return to;
}

int PlanBuilder::in_storage(ValueId value, Storage storage) {
  const int kept = slot(value);
  if (slot_data(kept).storage == storage) return kept;
  return converted(kept, desc_of(shape(value), storage), storage);
}

void PlanBuilder::add_step(PrimitiveStep step, std::string what, std::string candidate,
                           std::string why, std::int64_t macs) {
  plan_->steps.push_back(
      {std::move(step), {origin_, std::move(what), std::move(candidate), std::move(why), macs}});
}

void PlanBuilder::add_kernel(KernelStep kernel, std::string what) {
  plan_->steps.push_back({std::move(kernel), {origin_, std::move(what), "syolo", "only one", 0}});
}

/// Lifetimes of roots from those of everything inside them, then offsets.
void PlanBuilder::finish_memory() {
  auto& slots = plan_->slots;
  const int end = static_cast<int>(plan_->steps.size());
  for (std::size_t i = 0; i < slots.size(); ++i)
    slots[i].last = std::max(slots[i].last, slots[i].first);
  const auto keep = [&](int s) { slots[static_cast<std::size_t>(s)].last = end; };
  for (const int s : plan_->head_slots) keep(s);
  for (const ValueId value : plan_->program.node_values) {
    if (value < 0 || slot(value) < 0) continue;
    if (options_.keep_nodes || value == plan_->program.node_values.back()) keep(slot(value));
  }
  const auto root_of = [&](std::size_t s) {
    while (slots[s].parent >= 0) s = static_cast<std::size_t>(slots[s].parent);
    return s;
  };
  std::vector<Lifetime> lives(slots.size(), {end + 1, -1, 0});
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i].external) continue;
    Lifetime& life = lives[root_of(i)];
    if (slots[i].first >= 0) life.first = std::min(life.first, slots[i].first);
    life.last = std::max(life.last, slots[i].last);
    if (slots[i].parent < 0) life.bytes = slots[i].bytes;
  }
  for (Lifetime& life : lives) {
    if (life.last < 0 || life.first > life.last) life = {0, 0, 0};
  }
  const ArenaPlan arena = plan_arena(lives);
  plan_->offsets.resize(slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    std::int64_t offset = 0;
    std::size_t s = i;
    for (; slots[s].parent >= 0; s = static_cast<std::size_t>(slots[s].parent))
      offset += slots[s].offset;
    plan_->offsets[i] = offset + arena.offsets[s];
  }
  plan_->arena_bytes = arena.bytes;
  plan_->lower_bound = arena.lower_bound;
  const std::int64_t total = plan_->arena_bytes + plan_->scratch_bytes + plan_->weight_bytes;
  if (total > options_.max_memory) {
    throw Error(ErrorKind::limit,
                format("expected a plan of at most {} bytes, found {} (weights {}, activations {}, "
                       "scratch {})",
                       grouped(options_.max_memory), grouped(total), grouped(plan_->weight_bytes),
                       grouped(plan_->arena_bytes), grouped(plan_->scratch_bytes)),
                {}, "a smaller --input, or a larger --max-memory");
  }
}

}  // namespace runtime

EngineInfo engine_info() {
  return {runtime::library_version(), runtime::library_isa(), runtime::has_bf16()};
}

std::shared_ptr<const Plan> make_plan(const Model& model, Shape input, const PlanOptions& options) {
  return runtime::PlanBuilder(model, input, options).build();
}

}  // namespace syolo
