#include "syolo/runtime/onednn_impl.h"

#include "syolo/base/text.h"

namespace syolo::runtime {
namespace {

using dnnl::algorithm;
using dnnl::memory;

constexpr bool kV3 = DNNL_VERSION_MAJOR >= 3;

memory::data_type type_of(DType type) {
  return type == DType::f32 ? memory::data_type::f32 : memory::data_type::bf16;
}

struct Eltwise {
  algorithm kind;
  float alpha, beta;
};

std::optional<Eltwise> eltwise_of(const Act& act) {
  if (act.is<formula::Leaky>() || act.is<formula::RevLeaky>())
    return Eltwise{algorithm::eltwise_relu, 0.1F, 0};
  if (act.is<formula::Relie>()) return Eltwise{algorithm::eltwise_relu, 0.01F, 0};
  if (act.is<formula::Relu>()) return Eltwise{algorithm::eltwise_relu, 0, 0};
  if (act.is<formula::Mish>()) return Eltwise{algorithm::eltwise_mish, 0, 0};
  if (act.is<formula::Swish>()) return Eltwise{algorithm::eltwise_swish, 1, 0};
  if (act.is<formula::Logistic>()) return Eltwise{algorithm::eltwise_logistic, 0, 0};
  if (act.is<formula::Tanh>()) return Eltwise{algorithm::eltwise_tanh, 0, 0};
  if (act.is<formula::Elu>()) return Eltwise{algorithm::eltwise_elu, 1, 0};
  if (act.is<formula::Relu6>()) return Eltwise{algorithm::eltwise_clip, 0, 6};
  if (act.is<formula::Hardtan>()) return Eltwise{algorithm::eltwise_clip, -1, 1};
  return std::nullopt;
}

void append(dnnl::post_ops& ops, const Eltwise& e) {
#if DNNL_VERSION_MAJOR >= 3
  ops.append_eltwise(e.kind, e.alpha, e.beta);
#else
  ops.append_eltwise(1.0F, e.kind, e.alpha, e.beta);
#endif
}

dnnl::primitive_attr attributes(const ConvRequest& request, const memory::desc& dst) {
  dnnl::post_ops ops;
  if (request.with_activation) append(ops, eltwise_of(request.op.act).value());
  if (request.with_residual) ops.append_binary(algorithm::binary_add, dst);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(ops);
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

/// Cells after the last window's start that padding must supply.
int pad_after(int in, int out, int extent, int stride, int before) {
  return (out - 1) * stride + extent - in - before;
}

/// The library's first offer; for Winograd its 4x3 tiling or nothing.
std::optional<dnnl::convolution_forward::primitive_desc> describe(const ConvRequest& r,
                                                                  const memory::desc& dst,
                                                                  const dnnl::engine& engine) {
  const Conv& op = r.op;
  const memory::dims src_dims = {1, r.src.c, r.src.h, r.src.w};
  const memory::desc src =
      r.src_storage ? desc_of(r.src, *r.src_storage)
                    : memory::desc(src_dims, type_of(r.src_type), memory::format_tag::any);
  const memory::desc weights(weight_dims(op, r.src.c),
                             type_of(r.src_storage ? r.src_storage->type : r.src_type),
                             memory::format_tag::any);
  const memory::desc bias({op.filters}, memory::data_type::f32, memory::format_tag::x);
  const memory::dims strides = {op.stride_y, op.stride_x};
  const memory::dims dilates = {op.dilation - 1, op.dilation - 1};
  const memory::dims before = {op.pad_y, op.pad_x};
  const int extent_y = op.dilation * (op.kh - 1) + 1, extent_x = op.dilation * (op.kw - 1) + 1;
  const memory::dims after = {pad_after(r.src.h, r.dst.h, extent_y, op.stride_y, op.pad_y),
                              pad_after(r.src.w, r.dst.w, extent_x, op.stride_x, op.pad_x)};
  const algorithm kind = r.algorithm == Algorithm::winograd ? algorithm::convolution_winograd
                                                            : algorithm::convolution_direct;
  const dnnl::primitive_attr attr = attributes(r, dst);
#if DNNL_VERSION_MAJOR >= 3
  return dnnl::convolution_forward::primitive_desc(engine, dnnl::prop_kind::forward_inference, kind,
                                                   src, weights, bias, dst, strides, dilates,
                                                   before, after, attr);
#else
  const dnnl::convolution_forward::desc desc(dnnl::prop_kind::forward_inference, kind, src, weights,
                                             bias, dst, strides, dilates, before, after);
  dnnl::convolution_forward::primitive_desc pd(desc, attr, engine);
  if (r.algorithm == Algorithm::direct) return pd;
  // Of the library's two tilings only 4x3 is offered whatever the number of threads, and results
  // must not depend on that number. next_impl() reads `desc`, which must still be alive.
  while (std::string_view(pd.impl_info_str()).find("4x3") == std::string_view::npos) {
    if (!pd.next_impl()) return std::nullopt;
  }
  return pd;
#endif
}

}  // namespace

memory::dims weight_dims(const Conv& op, int src_channels) {
  const int in = src_channels / op.groups;
  if (op.groups == 1) return {op.filters, in, op.kh, op.kw};
  return {op.groups, op.filters / op.groups, in, op.kh, op.kw};
}

memory::desc desc_of(const Shape& shape, const Storage& storage) {
  const memory::dims dims = {shape.n, shape.c, shape.h, shape.w};
  const auto tag = [&] {
    switch (storage.layout) {
      case Layout::planar:
        return memory::format_tag::nchw;
      case Layout::blocked8:
        return memory::format_tag::nChw8c;
      case Layout::blocked16:
        return memory::format_tag::nChw16c;
      case Layout::channels_last:
        return memory::format_tag::nhwc;
    }
    return memory::format_tag::nchw;
  }();
  return {dims, type_of(storage.type), tag};
}

bool has_post_op(const Act& act) {
  return act.is_linear() || (act.across() == Across::none && eltwise_of(act).has_value());
}

std::optional<ConvOffer> offer_conv(const ConvRequest& request, const dnnl::engine& engine) {
  if (kV3 && request.algorithm == Algorithm::winograd) return std::nullopt;
  try {
    const memory::desc dst = desc_of(request.dst, request.dst_storage);
    const auto found = describe(request, dst, engine);
    if (!found) return std::nullopt;
    const dnnl::convolution_forward::primitive_desc& pd = *found;
    ConvOffer offer{dnnl::convolution_forward(pd),
                    pd.impl_info_str(),
                    pd.src_desc(),
                    pd.weights_desc(),
                    pd.bias_desc(),
                    pd.dst_desc()};
    offer.scratch_bytes = static_cast<std::int64_t>(pd.scratchpad_desc().get_size());
    offer.reference = offer.implementation.starts_with("ref");
    offer.gemm = offer.implementation.find("gemm") != std::string::npos;
    return offer;
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

std::optional<PoolOffer> offer_pool(const Pool& pool, const Shape& src, const Shape& dst,
                                    const Storage& storage, const dnnl::engine& engine) {
  const algorithm kind = pool.kind == Pool::Kind::max ? algorithm::pooling_max
                                                      : algorithm::pooling_avg_exclude_padding;
  const memory::dims strides = {pool.stride_y, pool.stride_x}, kernel = {pool.kh, pool.kw};
  const memory::dims before = {pool.pad_y, pool.pad_x};
  const memory::dims after = {pad_after(src.h, dst.h, pool.kh, pool.stride_y, pool.pad_y),
                              pad_after(src.w, dst.w, pool.kw, pool.stride_x, pool.pad_x)};
  if (pool.pad_y >= pool.kh || pool.pad_x >= pool.kw || after[0] >= pool.kh ||
      after[1] >= pool.kw) {
    return std::nullopt;
  }
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  try {
#if DNNL_VERSION_MAJOR >= 3
    const dnnl::pooling_forward::primitive_desc pd(engine, dnnl::prop_kind::forward_inference, kind,
                                                   desc_of(src, storage), desc_of(dst, storage),
                                                   strides, kernel, {0, 0}, before, after, attr);
#else
    const dnnl::pooling_forward::desc desc(dnnl::prop_kind::forward_inference, kind,
                                           desc_of(src, storage), desc_of(dst, storage), strides,
                                           kernel, before, after);
    const dnnl::pooling_forward::primitive_desc pd(desc, attr, engine);
#endif
    return PoolOffer{dnnl::pooling_forward(pd), pd.impl_info_str(),
                     static_cast<std::int64_t>(pd.scratchpad_desc().get_size())};
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

dnnl::primitive reorder(const memory::desc& from, const memory::desc& to,
                        const dnnl::engine& engine) {
  return dnnl::reorder(dnnl::reorder::primitive_desc(engine, from, engine, to));
}

Layout preferred_layout(DType type, const dnnl::engine& engine) {
  ConvRequest probe;
  probe.op = {.params = 0,
              .filters = 64,
              .kh = 3,
              .kw = 3,
              .stride_y = 1,
              .stride_x = 1,
              .pad_y = 1,
              .pad_x = 1};
  probe.src = probe.dst = {1, 64, 32, 32};
  for (const Layout layout : {Layout::blocked16, Layout::blocked8, Layout::channels_last}) {
    // AMX exists only for channels last, and is worth the copies that joining channels then costs.
    if (type == DType::bf16 && layout != Layout::channels_last &&
        library_isa().find("AMX") != std::string::npos) {
      continue;
    }
    probe.src_storage = probe.dst_storage = Storage{layout, type};
    const auto offer = offer_conv(probe, engine);
    if (offer && offer->implementation.starts_with("jit")) return layout;
    if (offer && layout == Layout::channels_last && !offer->reference) return layout;
  }
  return Layout::planar;
}

bool has_bf16() {
  const auto isa = dnnl::get_effective_cpu_isa();
  return isa == dnnl::cpu_isa::avx512_core_bf16 || library_isa().find("AMX") != std::string::npos;
}

std::string library_version() {
  const dnnl_version_t* version = dnnl_version();
  return format("{}.{}.{}", version->major, version->minor, version->patch);
}

std::string library_isa() {
  switch (dnnl::get_effective_cpu_isa()) {
#if DNNL_VERSION_MAJOR < 3
    case dnnl::cpu_isa::avx512_mic:
      return "AVX-512 MIC";
    case dnnl::cpu_isa::avx512_mic_4ops:
      return "AVX-512 MIC 4OPS";
#endif
    case dnnl::cpu_isa::sse41:
      return "SSE4.1";
    case dnnl::cpu_isa::avx:
      return "AVX";
    case dnnl::cpu_isa::avx2:
      return "AVX2";
    case dnnl::cpu_isa::avx2_vnni:
      return "AVX2 VNNI";
    case dnnl::cpu_isa::avx512_core:
      return "AVX-512";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "AVX-512 VNNI";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "AVX-512 BF16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "AMX";
    default:
      return "other";
  }
}

}  // namespace syolo::runtime
