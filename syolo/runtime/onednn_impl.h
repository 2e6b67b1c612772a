// The only header that includes oneDNN. Differences between 2.x and 3.x end in onednn.cpp.
#pragma once

#include <dnnl.hpp>
#include <optional>
#include <string>
#include <vector>

#include "syolo/graph/program.h"
#include "syolo/runtime/storage_impl.h"

namespace syolo::runtime {

/// The library's memory descriptor of a value.
dnnl::memory::desc desc_of(const Shape& shape, const Storage& storage);

/// Of a plain kernel: [groups,] filters, input channels (of a group), height, width.
dnnl::memory::dims weight_dims(const Conv& op, int src_channels);

enum class Algorithm { direct, winograd };

struct ConvRequest {
  Conv op;
  Shape src, dst;
  std::optional<Storage> src_storage;  // nothing: the library's choice
  DType src_type = DType::f32;         // when the storage is the library's choice
  Storage dst_storage;
  bool with_activation = false;  // op.act as a post-operation
  bool with_residual = false;    // a sum with src[1] as a post-operation, after the activation
  Algorithm algorithm = Algorithm::direct;
};

/// A convolution the library offers for a request.
struct ConvOffer {
  dnnl::primitive primitive;
  std::string implementation;  // the library's name
  dnnl::memory::desc src, weights, bias, dst;
  std::int64_t scratch_bytes = 0;
  bool reference = false;  // the library's slow reference kernel
  /// A product of matrices, whose threads divide a group's rows: its rounding depends on their
  /// number.
  bool gemm = false;
};

/// Nothing when the library has no kernel for it. `engine` is the CPU engine.
std::optional<ConvOffer> offer_conv(const ConvRequest& request, const dnnl::engine& engine);

/// Whether the library has this activation as a post-operation.
bool has_post_op(const Act& act);

/// Max or average pooling (padding cells excluded).
struct PoolOffer {
  dnnl::primitive primitive;
  std::string implementation;
  std::int64_t scratch_bytes = 0;
};
std::optional<PoolOffer> offer_pool(const Pool& pool, const Shape& src, const Shape& dst,
                                    const Storage& storage, const dnnl::engine& engine);

dnnl::primitive reorder(const dnnl::memory::desc& from, const dnnl::memory::desc& to,
                        const dnnl::engine& engine);

/// Layout that suits this processor for values of the type: what the library picks for a plain
/// 3x3 convolution, or blocked16 where that is as good and joins channels without copies.
Layout preferred_layout(DType type, const dnnl::engine& engine);

/// True when bf16 convolutions have a kernel of their own on this processor.
bool has_bf16();

std::string library_version();
std::string library_isa();

}  // namespace syolo::runtime
