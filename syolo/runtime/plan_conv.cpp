// Convolutions: what the library offers, which offer is taken and why, packing of weights.
#include <algorithm>
#include <chrono>
#include <cstring>

#include "syolo/base/parallel.h"
#include "syolo/runtime/kernels/kernels.h"
#include "syolo/runtime/plan_impl.h"

namespace syolo::runtime {
namespace {

using dnnl::memory;

std::string text_of(const Conv& op, const Shape& src) {
  std::string out = format("conv {}x{}/{} {}->{}", op.kh, op.kw, op.stride_x, src.c, op.filters);
  if (op.groups != 1) out += format(" groups={}", op.groups);
  if (op.dilation != 1) out += format(" dilation={}", op.dilation);
  if (!op.act.is_linear()) out += format(" {}", op.act.name());
  if (op.residual) out += " +residual";
  return out;
}

std::string_view name_of(Algorithm algorithm) {
  return algorithm == Algorithm::winograd ? "winograd" : "direct";
}

memory::desc scratch_desc(std::int64_t bytes) {
  return {{bytes}, memory::data_type::u8, memory::format_tag::x};
}

std::int64_t macs_of(const Conv& op, const Shape& src, const Shape& dst) {
  return dst.elements() * (src.c / op.groups) * op.kh * op.kw;
}

}  // namespace

/// Products of matrices stand in for the few shapes without a kernel (channels that are no multiple
/// of 8, with AVX2 alone); where the library has nothing else they keep their threads. Groups are
/// whole in a thread where all threads get as many. 0: all threads.
int PlanBuilder::threads_for(const ConvOffer& offer, const Conv& op) const {
  if (!offer.gemm || layout_ == Layout::planar) return 0;
  int threads = std::min(op.groups, plan_->threads);
  while (op.groups % threads != 0) --threads;
  return threads < plan_->threads ? threads : 0;
}

std::optional<ConvOffer> PlanBuilder::offer_for(const ConvRequest& request) const {
  std::optional<ConvOffer> offer = offer_conv(request, plan_->engine);
  const int threads = offer ? threads_for(*offer, request.op) : 0;
  if (threads == 0) return offer;
  const ThreadScope scope(threads);
  return offer_conv(request, plan_->engine);
}

std::vector<PlanBuilder::Choice> PlanBuilder::candidates(const Conv& op, const Instr& instr) {
  const Slot& src = slot_data(slot(instr.src[0]));
  ConvRequest request;
  request.op = op;
  request.src = shape(instr.src[0]);
  request.dst = shape(instr.dst);
  request.dst_storage = slot_data(slot(instr.dst)).storage;
  request.src_type = type_;
  if (!src.external) request.src_storage = Storage{layout_, type_};
  if (src.external && type_ == DType::f32) request.src_storage = src.storage;
  std::vector<Choice> found;
  const bool post = has_post_op(op.act);
  request.with_activation = post && !op.act.is_linear();
  request.with_residual = op.residual && post;
  if (auto offer = offer_for(request); offer && !offer->reference) {
    found.push_back(
        {std::move(*offer), Algorithm::direct, request.with_activation, request.with_residual, ""});
  }
  request.with_activation = request.with_residual = false;
  const bool tiles = op.kh == 3 && op.kw == 3 && op.stride_x == 1 && op.stride_y == 1 &&
                     op.dilation == 1 && op.groups == 1 && type_ == DType::f32 &&
                     op.filters % 16 == 0 && !src.external;
  if (tiles) {
    request.algorithm = Algorithm::winograd;
    if (auto offer = offer_for(request)) {
      found.push_back({std::move(*offer), Algorithm::winograd, false, false, ""});
    }
    request.algorithm = Algorithm::direct;
  }
  if (!found.empty()) return found;
  // Shapes without a kernel in this layout (small groups): planes, and the activation afterwards.
  request.src_storage = Storage{Layout::planar, type_};
  request.dst_storage.layout = Layout::planar;
  auto offer = offer_for(request);
  if (!offer)
    throw Error(ErrorKind::unsupported,
                format("expected a convolution the library computes, found {}",
                       text_of(op, shape(instr.src[0]))));
  found.push_back({std::move(*offer), Algorithm::direct, false, false, ""});
  return found;
}

namespace {

/// Milliseconds of the fastest of several runs, the first being warm-up.
template <class Body>
double fastest_ms(const Body& body) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30, spent = 0;
  for (int run = 0; run < 20 && (run < 4 || spent < 30); ++run) {
    const auto start = Clock::now();
    body();
    const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    if (run > 0) best = std::min(best, ms);
    spent += ms;
  }
  return best;
}

}  // namespace

double PlanBuilder::measure(const Choice& choice, const Conv& op, const Instr& instr) {
  const ConvOffer& offer = choice.offer;
  dnnl::stream stream(plan_->engine);
  const auto zeros = [&](const memory::desc& desc) {
    memory m(desc, plan_->engine);
    std::memset(m.get_data_handle(), 0, desc.get_size());
    return m;
  };
  memory src = zeros(offer.src), weights = zeros(offer.weights), bias = zeros(offer.bias),
         dst = zeros(offer.dst);
  memory residual = zeros(offer.dst),
         scratch = zeros(scratch_desc(std::max<std::int64_t>(offer.scratch_bytes, 64)));
  std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, src},
                                               {DNNL_ARG_WEIGHTS, weights},
                                               {DNNL_ARG_BIAS, bias},
                                               {DNNL_ARG_DST, dst},
                                               {DNNL_ARG_SCRATCHPAD, scratch}};
  if (choice.fused_residual) {
    arguments.insert(
        {DNNL_ARG_ATTR_MULTIPLE_POST_OP(choice.fused ? 1 : 0) | DNNL_ARG_SRC_1, residual});
  }
  const auto values = slot_data(slot(instr.dst)).bytes / 4;
  const bool after = !choice.fused && (!op.act.is_linear() || op.residual);
  return fastest_ms([&] {
    offer.primitive.execute(stream, arguments);
    stream.wait();
    if (after) {
      epilogue(static_cast<float*>(dst.get_data_handle()),
               op.residual ? static_cast<const float*>(residual.get_data_handle()) : nullptr,
               values, op.act);
    }
  });
}

PlanBuilder::Choice PlanBuilder::choose_conv(const Conv& op, const Instr& instr) {
  std::vector<Choice> all = candidates(op, instr);
  const Shape& src = shape(instr.src[0]);
  const auto take = [&](std::size_t i, std::string why) {
    all[i].why = std::move(why);
    return std::move(all[i]);
  };
  if (all.size() == 1) return take(0, "only one");
  const std::string problem =
      format("{} {}x{} {}", text_of(op, src), src.w, src.h, type_ == DType::f32 ? "f32" : "bf16");
  if (options_.tune == Tune::measure && !tune_.find(problem)) {
    std::size_t best = 0;
    double best_ms = 1e30;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const double ms = measure(all[i], op, instr);
      if (ms < best_ms) best = i, best_ms = ms;
    }
    tune_.set(problem, std::string(name_of(all[best].algorithm)), best_ms);
  }
  if (const auto cached = tune_.find(problem)) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (name_of(all[i].algorithm) == *cached)
        return take(i, format("measured {:.3f} ms", tune_.milliseconds(problem)));
    }
  }
  // Winograd's packed kernels are four times as large: worth it where pixels outnumber channels.
  if (src.plane() >= std::int64_t{8} * std::max(src.c, op.filters))
    return take(1, "many pixels per channel (not measured)");
  return take(0, "few pixels per channel (not measured)");
}

void PlanBuilder::choose_convs() {
  const auto& code = plan_->program.code;
  choices_.resize(code.size());
  const bool timing = options_.tune == Tune::measure;  // one at a time, with all threads
  for_each_parallel(code.size(), timing ? 1 : plan_->threads, [&](std::size_t i, std::size_t) {
    const ThreadScope scope(plan_->threads);
    if (const auto* op = std::get_if<Conv>(&code[i].op)) {
      with_where(where_of(code[i]), [&] { choices_[i] = choose_conv(*op, code[i]); });
    }
  });
}

void PlanBuilder::add_constants(const Conv& op, const Instr& instr, const ConvOffer& offer,
                                PrimitiveStep& step) {
  const auto constant = [&](int id, const memory::desc& desc) {
    auto value = std::make_shared<memory>(desc, plan_->engine, static_cast<void*>(nullptr));
    step.arguments.push_back({id, desc, -1, value, false});
    plan_->weight_bytes += aligned(static_cast<std::int64_t>(desc.get_size()));
    return *value;
  };
  packings_.push_back({&op, shape(instr.src[0]).c, constant(DNNL_ARG_WEIGHTS, offer.weights),
                       constant(DNNL_ARG_BIAS, offer.bias)});
}

void PlanBuilder::pack_weights() {
  plan_->constants = std::make_unique<Pages>(plan_->weight_bytes);
  std::byte* at = plan_->constants->data();
  for (Packing& packing : packings_) {
    for (memory* value : {&packing.kernel, &packing.bias}) {
      value->set_data_handle(at);
      at += aligned(static_cast<std::int64_t>(value->get_desc().get_size()));
    }
  }
  // The largest first: no thread is left with one at the end.
  std::stable_sort(packings_.begin(), packings_.end(), [](const Packing& a, const Packing& b) {
    return a.kernel.get_desc().get_size() > b.kernel.get_desc().get_size();
  });
  std::vector<std::vector<float>> folded(static_cast<std::size_t>(plan_->threads));
  for_each_parallel(packings_.size(), plan_->threads, [&](std::size_t i, std::size_t worker) {
    const ThreadScope scope(1);
    pack(packings_[i], folded[worker]);
  });
}

namespace {

/// Darknet's fixed blur kernels: [1/4, 1/2, 1/4] or [1/2, 1/2], times itself.
void fill_blur(int side, std::span<float> kernel) {
  const auto tap = [side](std::size_t at) {
    return side == 3 && at == 1 ? 0.5F : side == 3 ? 0.25F : 0.5F;
  };
  const auto cells = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
  for (std::size_t i = 0; i < kernel.size(); ++i) {
    const std::size_t cell = i % cells;
    kernel[i] =
        tap(cell / static_cast<std::size_t>(side)) * tap(cell % static_cast<std::size_t>(side));
  }
}

}  // namespace

void PlanBuilder::pack(const Packing& packing, std::vector<float>& folded) const {
  const Conv& op = *packing.op;
  const std::int64_t taps = std::int64_t{packing.src_channels / op.groups} * op.kh * op.kw;
  const auto per_filter = static_cast<std::size_t>(taps);
  // The padding that a layout may add is zero: fresh pages are.
  const std::span<float> bias(static_cast<float*>(packing.bias.get_data_handle()),
                              static_cast<std::size_t>(op.filters));
  if (op.kernel != Conv::Kernel::learned) {
    folded.resize(std::max(folded.size(), per_filter * bias.size()));
    fill_blur(op.kh, std::span(folded).first(per_filter * bias.size()));
    pack_filters(packing, 0, op.filters, folded.data());
    return;
  }
  if (!op.norm_epsilon) {
    if (op.bias) {
      const auto own = model_.weights.at({op.params, Role::bias}).values();
      std::copy(own.begin(), own.end(), bias.begin());
    }
    pack_filters(packing, 0, op.filters,
                 model_.weights.at({op.params, Role::kernel}).values().data());
  } else {
    const int step = filters_at_once(packing, per_filter);
    for (int first = 0; first < op.filters; first += step) {
      const auto count = static_cast<std::size_t>(std::min(step, op.filters - first));
      folded.resize(std::max(folded.size(), per_filter * count));
      fold_batch_norm(model_.weights, op.params, *op.norm_epsilon, first,
                      std::span(folded).first(per_filter * count),
                      bias.subspan(static_cast<std::size_t>(first), count));
      pack_filters(packing, first, static_cast<int>(count), folded.data());
    }
  }
  model_.weights.release_pages({op.params, Role::kernel});
}

int PlanBuilder::filters_at_once(const Packing& packing, std::size_t per_filter) const {
  constexpr std::size_t kValues = std::size_t{1} << 18;  // 1 MiB: stays in the second cache
  const Conv& op = *packing.op;
  const int whole = op.filters;
  // Layouts group filters by 64 at most; those of Winograd cannot be written in parts.
  const int step = static_cast<int>(std::max<std::size_t>(kValues / per_filter / 64, 1)) * 64;
  if (op.groups != 1 || step >= whole) return whole;
  memory::dims part = weight_dims(op, packing.src_channels);
  part[0] = step;
  return packing.kernel.get_desc().submemory_desc(part, {0, 0, 0, 0}, true) ? step : whole;
}

void PlanBuilder::pack_filters(const Packing& packing, int first, int count,
                               const float* values) const {
  const Conv& op = *packing.op;
  memory::dims dims = weight_dims(op, packing.src_channels);
  if (count != op.filters) dims[0] = count;
  const auto tag = op.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw;
  const memory::desc plain(dims, memory::data_type::f32, tag);
  memory::desc target = packing.kernel.get_desc();
  if (count != op.filters) target = target.submemory_desc(dims, {first, 0, 0, 0});
  // The library only reads through the first handle.
  memory from(plain, plan_->engine, const_cast<float*>(values));
  memory to(target, plan_->engine, packing.kernel.get_data_handle());
  dnnl::stream stream(plan_->engine);
  reorder(plain, target, plan_->engine).execute(stream, {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
  stream.wait();
}

void PlanBuilder::add_epilogue(const Conv& op, const Instr& instr, const Choice& choice) {
  if (choice.fused || (op.act.is_linear() && (!op.residual || choice.fused_residual))) return;
  const Plan* plan = plan_.get();
  const int dst = slot(instr.dst);
  const Storage storage = slot_data(dst).storage;
  const int residual = op.residual ? in_storage(instr.src[1], storage) : -1;
  if (storage.type == DType::f32) {
    add_kernel(
        [plan, dst, residual, act = op.act](const Buffers& b) {
          const MutableArray out{array_of(*plan, dst, b)};
          epilogue(static_cast<float*>(out.out()),
                   residual < 0 ? nullptr : static_cast<const float*>(b.read(residual)),
                   out.bytes() / 4, act);
          zero_padding(out);
        },
        format("{}{}", op.act.name(), op.residual ? " and residual" : ""));
  } else {
    add_kernel(
        [plan, dst, residual, act = op.act](const Buffers& b) {
          const MutableArray out{array_of(*plan, dst, b)};
          activate(out, out, {.act = act});
          if (residual >= 0) binary(out, array_of(*plan, residual, b), out, {});
        },
        format("{}{}", op.act.name(), op.residual ? " and residual" : ""));
  }
  if (residual >= 0) used_in_last_step({residual}, dst);
}

void PlanBuilder::build_conv(const Conv& op, const Instr& instr) {
  const auto at = static_cast<std::size_t>(&instr - plan_->program.code.data());
  const Choice choice = std::move(choices_[at].value());
  const ConvOffer& offer = choice.offer;
  const int dst = slot(instr.dst);
  const Storage want = slot_data(dst).storage;
  int src = slot(instr.src[0]);
  if (desc_of(shape(instr.src[0]), slot_data(src).storage) != offer.src) {
    src = converted(src, offer.src, {Layout::planar, type_});
  }
  const bool same_layout = desc_of(shape(instr.dst), want) == offer.dst;
  const int out = same_layout ? dst : add_slot(shape(instr.dst), {Layout::planar, want.type});
  PrimitiveStep step{offer.primitive, {}, threads_for(offer, op)};
  step.arguments = {{DNNL_ARG_SRC, offer.src, src, nullptr, false},
                    {DNNL_ARG_DST, offer.dst, out, nullptr, false}};
  add_constants(op, instr, offer, step);
  int residual = -1;
  if (choice.fused_residual) {
    residual = in_storage(instr.src[1], want);
    step.arguments.push_back({DNNL_ARG_ATTR_MULTIPLE_POST_OP(choice.fused ? 1 : 0) | DNNL_ARG_SRC_1,
                              offer.dst, residual, nullptr, false});
  }
  if (offer.scratch_bytes > 0) {
    step.arguments.push_back(
        {DNNL_ARG_SCRATCHPAD, scratch_desc(offer.scratch_bytes), -1, nullptr, true});
    plan_->scratch_bytes = std::max(plan_->scratch_bytes, offer.scratch_bytes);
  }
  add_step(std::move(step), text_of(op, shape(instr.src[0])),
           format("{} {}", name_of(choice.algorithm), offer.implementation), choice.why,
           macs_of(op, shape(instr.src[0]), shape(instr.dst)));
  used_in_last_step({src}, out);
  if (residual >= 0) used_in_last_step({residual}, out);
  if (!same_layout) {
    PrimitiveStep back{reorder(offer.dst, desc_of(shape(instr.dst), want), plan_->engine), {}};
    back.arguments = {{DNNL_ARG_FROM, offer.dst, out, nullptr, false},
                      {DNNL_ARG_TO, desc_of(shape(instr.dst), want), dst, nullptr, false}};
    add_step(std::move(back), "change of layout", "reorder");
    used_in_last_step({out}, dst);
  }
  add_epilogue(op, instr, choice);
}

}  // namespace syolo::runtime
