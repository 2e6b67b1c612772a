#include <omp.h>

#include <algorithm>
#include <array>
#include <dnnl.hpp>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "syolo/base/error.h"
#include "syolo/train/kernels/convolution_impl.h"

namespace syolo::train::convolution {
namespace {

using dnnl::algorithm;
using dnnl::memory;
using Tag = memory::format_tag;

enum class Pass { forward, of_source, of_kernel };

const dnnl::engine& engine() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

bool has_avx2_alone() {
  const auto isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx2 || isa == dnnl::cpu_isa::avx2_vnni;
}

/// Cells behind the last one that padding must supply, negative: that no window reaches.
int pad_after(int in, int out, int extent, int stride, int before) {
  return (out - 1) * stride + extent - in - before;
}

struct Geometry {
  memory::dims stride, dilation, before, after;
};
Geometry geometry_of(const Form& form) {
  const Conv& op = form.op;
  const int y = op.dilation * (op.kh - 1) + 1, x = op.dilation * (op.kw - 1) + 1;
  return {{op.stride_y, op.stride_x},
          {op.dilation - 1, op.dilation - 1},
          {op.pad_y, op.pad_x},
          {pad_after(form.src.h, form.dst.h, y, op.stride_y, op.pad_y),
           pad_after(form.src.w, form.dst.w, x, op.stride_x, op.pad_x)}};
}

// -- choices, each measured: docs/adr/0021-convolutions-of-training.md ----------------------------

bool has_whole_blocks(const Form& form) {
  constexpr int kBlock = 16;
  return form.op.groups == 1 && form.src.c % kBlock == 0 && form.dst.c % kBlock == 0;
}

bool is_pointwise(const Conv& op) {
  return op.kh * op.kw == 1;
}

/// Transformed kernels are four times as large: worth it where pixels outnumber channels. Uneven
/// padding gives wrong gradients of sources in oneDNN 2.6.
bool suits_winograd(const Form& form) {
  const Conv& op = form.op;
  const Geometry geometry = geometry_of(form);
  return form.type == DType::f32 && op.kh == 3 && op.kw == 3 && op.stride_y == 1 &&
         op.stride_x == 1 && op.dilation == 1 && geometry.before == geometry.after &&
         has_whole_blocks(form) &&
         form.dst.n * form.dst.plane() >= std::int64_t{4} * std::max(form.src.c, form.dst.c);
}

/// The library's own order of values instead of channels last.
bool suits_blocks(const Form& form, Pass pass) {
  if (form.type != DType::f32 || is_pointwise(form.op)) return false;
  static const bool avx2 = has_avx2_alone();
  if (avx2) return true;
  const bool strided = form.op.stride_y > 1 || form.op.stride_x > 1;
  return has_whole_blocks(form) && pass == (strided ? Pass::of_kernel : Pass::of_source);
}

/// What a gradient is computed in: f32 where oneDNN 2.6 has wrong ones in bf16.
DType type_for(const Form& form, Pass pass) {
  constexpr int kLongestRow = 352;  // with AMX; from rows of 768 on it does not return
  const Conv& op = form.op;
  const bool wrong_kernel = form.dst.w > kLongestRow || op.dilation > 1 ||  // both with AMX
                            form.src.w < op.stride_x;
  const bool wrong_source = is_pointwise(op) && form.dst.c % 2 != 0;
  const bool wrong =
      (pass == Pass::of_kernel && wrong_kernel) || (pass == Pass::of_source && wrong_source);
  return wrong ? DType::f32 : form.type;
}

// -- descriptors ----------------------------------------------------------------------------------

memory::data_type type_of(DType type) {
  return type == DType::f32 ? memory::data_type::f32 : memory::data_type::bf16;
}

memory::dims dims_of(const Shape& shape) {
  return {shape.n, shape.c, shape.h, shape.w};
}

memory::desc values_desc(const Shape& shape, DType type) {
  return {dims_of(shape), type_of(type), Tag::nhwc};
}

memory::dims kernel_dims(const Form& form) {
  const Conv& op = form.op;
  const int channels = form.src.c / op.groups;
  if (op.groups == 1) return {op.filters, channels, op.kh, op.kw};
  return {op.groups, op.filters / op.groups, channels, op.kh, op.kw};
}

memory::desc kernel_desc(const Form& form) {
  return {kernel_dims(form), memory::data_type::f32, form.op.groups == 1 ? Tag::oihw : Tag::goihw};
}

// -- what the library offers ----------------------------------------------------------------------

/// An operand: how the caller has it, how the primitive wants it, and the way between.
struct Operand {
  memory::desc plain, wanted;
  dnnl::primitive reorder;  // none where both are the same

  Operand(const memory::desc& has, const memory::desc& wants, bool is_result) :
      plain(has), wanted(wants) {
    if (plain == wanted) return;
    const memory::desc &from = is_result ? wanted : plain, &to = is_result ? plain : wanted;
    reorder = dnnl::reorder({engine(), from, engine(), to});
  }
};

/// A pass as the library computes it.
struct Prepared {
  dnnl::primitive primitive;
  Operand src, kernel, dst;
  memory::desc scratch;  // of each run its own, since threads share what is prepared
  bool is_reference;
};

struct Request {
  Pass pass;
  algorithm kind;
  Tag order;  // of values; `any`: the library's choice
  bool has_bias;
};

/// Of Winograd's transforms only the one of 4x4 results serves: it is offered for any number of
/// threads.
template <class Description>
bool is_wanted(const Description& found, algorithm kind) {
  return kind != algorithm::convolution_winograd ||
         std::string_view(found.impl_info_str()).find("4x3") != std::string_view::npos;
}

/// @param hints  what 3.x takes last and 2.x beside the description
/// @throws dnnl::error when there is nothing
template <class Operation, class... Hints, class... Args>
typename Operation::primitive_desc describe(algorithm kind, const std::tuple<Hints...>& hints,
                                            const Args&... args) {
  using Description = typename Operation::primitive_desc;
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
#if DNNL_VERSION_MAJOR >= 3
  Description found = std::apply(
      [&](const auto&... hint) { return Description(engine(), args..., hint..., attributes); },
      hints);
#else
  const typename Operation::desc desc(args...);  // next_impl() reads it
  Description found = std::apply(
      [&](const auto&... hint) { return Description(desc, attributes, engine(), hint...); }, hints);
#endif
  while (!is_wanted(found, kind)) {
    if (!found.next_impl()) throw dnnl::error(dnnl_unimplemented, "no such convolution");
  }
  return found;
}

template <class Description>
Prepared prepared(const Description& found, const dnnl::primitive& primitive, Operand src,
                  Operand kernel, Operand dst) {
  const bool slow = std::string_view(found.impl_info_str()).starts_with("ref");
  return {primitive,      std::move(src),          std::move(kernel),
          std::move(dst), found.scratchpad_desc(), slow};
}

Prepared prepare(const Form& form, const Request& request) {
  const auto [stride, dilation, before, after] = geometry_of(form);
  const memory::data_type type = type_of(type_for(form, request.pass));
  const memory::desc src(dims_of(form.src), type, request.order);
  const memory::desc dst(dims_of(form.dst), type, request.order);
  const memory::desc kernel(kernel_dims(form), type, Tag::any);
  const memory::desc sums(kernel_dims(form), memory::data_type::f32, Tag::any);
  const memory::desc bias = request.has_bias
                                ? memory::desc({form.op.filters}, memory::data_type::f32, Tag::x)
                                : memory::desc();
  const memory::desc plain_src = values_desc(form.src, form.type);
  const memory::desc plain_dst = values_desc(form.dst, form.type);
  const memory::desc plain_kernel = kernel_desc(form);
  const algorithm kind = request.kind;

  const auto forward = describe<dnnl::convolution_forward>(
      kind, std::tuple<>(), dnnl::prop_kind::forward_training, kind, src, kernel, bias, dst, stride,
      dilation, before, after);
  if (request.pass == Pass::forward) {
    return prepared(
        forward, dnnl::convolution_forward(forward), {plain_src, forward.src_desc(), false},
        {plain_kernel, forward.weights_desc(), false}, {plain_dst, forward.dst_desc(), true});
  }
  if (request.pass == Pass::of_source) {
    const auto way = describe<dnnl::convolution_backward_data>(
        kind, std::tie(forward), kind, src, kernel, dst, stride, dilation, before, after);
    return prepared(
        way, dnnl::convolution_backward_data(way), {plain_src, way.diff_src_desc(), true},
        {plain_kernel, way.weights_desc(), false}, {plain_dst, way.diff_dst_desc(), false});
  }
  const auto way = describe<dnnl::convolution_backward_weights>(
      kind, std::tie(forward), kind, src, sums, dst, stride, dilation, before, after);
  return prepared(way, dnnl::convolution_backward_weights(way), {plain_src, way.src_desc(), false},
                  {plain_kernel, way.diff_weights_desc(), true},
                  {plain_dst, way.diff_dst_desc(), false});
}

std::optional<Prepared> offer(const Form& form, const Request& request) {
  try {
    return prepare(form, request);
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

Prepared choose(const Form& form, Pass pass, bool has_bias) {
  if (suits_winograd(form)) {
    auto found = offer(form, {pass, algorithm::convolution_winograd, Tag::any, has_bias});
    if (found) return std::move(*found);
  }
  std::optional<Prepared> slow;
  const bool blocks = suits_blocks(form, pass);
  for (const Tag order : {blocks ? Tag::any : Tag::nhwc, blocks ? Tag::nhwc : Tag::any}) {
    auto found = offer(form, {pass, algorithm::convolution_direct, order, has_bias});
    if (found && !found->is_reference) return std::move(*found);
    if (found && !slow) slow = std::move(found);
  }
  SYOLO_ASSERT(slow.has_value(), "a convolution that oneDNN has no kernel for");
  return std::move(*slow);
}

// -- running --------------------------------------------------------------------------------------

/// What tells one preparation from another.
using Key = std::array<std::int64_t, 21>;
Key key_of(const Form& form, Pass pass, bool has_bias) {
  const Conv& op = form.op;
  const Shape &src = form.src, &dst = form.dst;
  return {op.filters,
          op.kh,
          op.kw,
          op.stride_y,
          op.stride_x,
          op.pad_y,
          op.pad_x,
          op.dilation,
          op.groups,
          src.n,
          src.c,
          src.h,
          src.w,
          dst.n,
          dst.c,
          dst.h,
          dst.w,
          static_cast<std::int64_t>(form.type),
          static_cast<std::int64_t>(pass),
          has_bias,
          omp_get_max_threads()};
}

/// Kept for later batches, as many as the layers of a large network at some sizes need.
std::shared_ptr<const Prepared> find(const Form& form, Pass pass, bool has_bias = false) {
  constexpr std::size_t kMost = 4096;
  static std::mutex mutex;
  static std::map<Key, std::shared_ptr<const Prepared>> known;
  const std::lock_guard lock(mutex);
  if (known.size() >= kMost) known.clear();
  std::shared_ptr<const Prepared>& found = known[key_of(form, pass, has_bias)];
  if (!found) found = std::make_shared<Prepared>(choose(form, pass, has_bias));
  return found;
}

memory at(const memory::desc& desc, const void* values) {
  return {desc, engine(), const_cast<void*>(values)};
}

/// What the caller has, as the primitive wants it.
memory input(const Operand& operand, const void* values, dnnl::stream& stream) {
  memory given = at(operand.plain, values);
  if (!operand.reorder) return given;
  memory made(operand.wanted, engine());
  operand.reorder.execute(stream, {{DNNL_ARG_FROM, given}, {DNNL_ARG_TO, made}});
  return made;
}

/// Where the primitive writes.
memory output(const Operand& operand, void* values) {
  return operand.reorder ? memory(operand.wanted, engine()) : at(operand.plain, values);
}

void deliver(const Operand& operand, const memory& made, void* values, dnnl::stream& stream) {
  if (!operand.reorder) return;
  operand.reorder.execute(stream,
                          {{DNNL_ARG_FROM, made}, {DNNL_ARG_TO, at(operand.plain, values)}});
}

}  // namespace

bool has_bf16() {
  static const bool found = [] {
    Form form{{}, {1, 16, 8, 8}, {1, 16, 8, 8}, DType::bf16};
    form.op.filters = 16;
    return offer(form, {Pass::of_source, algorithm::convolution_direct, Tag::nhwc, false})
        .has_value();
  }();
  return found;
}

void forward(const Form& form, const void* src, const float* kernel, const float* bias, void* dst) {
  const auto pass = find(form, Pass::forward, bias != nullptr);
  dnnl::stream stream(engine());
  const memory result = output(pass->dst, dst);
  std::unordered_map<int, memory> args = {{DNNL_ARG_SRC, input(pass->src, src, stream)},
                                          {DNNL_ARG_WEIGHTS, input(pass->kernel, kernel, stream)},
                                          {DNNL_ARG_DST, result}};
  if (bias != nullptr) {
    args.emplace(DNNL_ARG_BIAS, at({{form.op.filters}, memory::data_type::f32, Tag::x}, bias));
  }
  args.emplace(DNNL_ARG_SCRATCHPAD, memory(pass->scratch, engine()));
  pass->primitive.execute(stream, args);
  deliver(pass->dst, result, dst, stream);
}

void of_source(const Form& form, const void* of_dst, const float* kernel, void* of_src) {
  const auto pass = find(form, Pass::of_source);
  dnnl::stream stream(engine());
  const memory result = output(pass->src, of_src);
  pass->primitive.execute(stream, {{DNNL_ARG_DIFF_DST, input(pass->dst, of_dst, stream)},
                                   {DNNL_ARG_WEIGHTS, input(pass->kernel, kernel, stream)},
                                   {DNNL_ARG_DIFF_SRC, result},
                                   {DNNL_ARG_SCRATCHPAD, memory(pass->scratch, engine())}});
  deliver(pass->src, result, of_src, stream);
}

void of_kernel(const Form& form, const void* src, const void* of_dst, float* kernel) {
  const auto pass = find(form, Pass::of_kernel);
  dnnl::stream stream(engine());
  const memory result = output(pass->kernel, kernel);
  pass->primitive.execute(stream, {{DNNL_ARG_SRC, input(pass->src, src, stream)},
                                   {DNNL_ARG_DIFF_DST, input(pass->dst, of_dst, stream)},
                                   {DNNL_ARG_DIFF_WEIGHTS, result},
                                   {DNNL_ARG_SCRATCHPAD, memory(pass->scratch, engine())}});
  deliver(pass->kernel, result, kernel, stream);
}

}  // namespace syolo::train::convolution
