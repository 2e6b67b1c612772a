// Our own kernels for what is not a convolution or a pooling. Values of one image in the layouts
// of storage_impl.h: (c, pixel) lies at ((c / block) * pixels + pixel) * block + c % block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "syolo/graph/program.h"

namespace syolo::runtime {

/// A value for a kernel: f32 or bf16 (two bytes, the upper half of an f32).
struct Array {
  const void* data = nullptr;
  int channels = 0, height = 0, width = 0, block = 1;
  DType type = DType::f32;
  std::int64_t pixels() const { return std::int64_t{height} * width; }
  int padded() const { return (channels + block - 1) / block * block; }
  std::int64_t bytes() const { return padded() * pixels() * bytes_of(type); }
};
struct MutableArray : Array {
  void* out() const { return const_cast<void*>(data); }
};

// All of them split their work over outputs among the threads OpenMP is set to use.

/// dst[begin + c] = src[from + c] for c < count. Equal heights, widths and types.
void copy_channels(const Array& src, int from, const MutableArray& dst, int begin, int count);
void zero_padding(const MutableArray& dst);  // the channels that only fill the last block

void upsample(const Array& src, const MutableArray& dst, const Upsample& op);
void binary(const Array& a, const Array& b, const MutableArray& dst, const Binary& op);
/// weights: [source][channel] or [source], normalised
void weighted_sum(const std::vector<Array>& src, const std::vector<double>& weights,
                  bool per_channel, const MutableArray& dst);
void activate(const Array& src, const MutableArray& dst, const Activate& op);
void pool(const Array& src, const MutableArray& dst, const Pool& op);
void reorg(const Array& src, const MutableArray& dst, const Reorg& op);
/// dst = src * scale[c] + shift[c]
void scale_shift(const Array& src, const std::vector<float>& scale, const std::vector<float>& shift,
                 const MutableArray& dst);
/// Darknet's output of a head layer (graph/head.h), for the rare network that computes on with it.
void activate_head_values(const HeadSpec& spec, const Array& src, const MutableArray& dst);
/// values = act(values) + residual, in place on `count` f32 values; residual may be null.
/// Fast for linear, leaky, relu, mish, swish and logistic.
void epilogue(float* values, const float* residual, std::int64_t count, const Act& act);

/// C,H,W f32 values of any array.
std::vector<float> to_planar(const Array& src);

}  // namespace syolo::runtime
