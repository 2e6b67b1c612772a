// The kernels that are rare or bound by memory: plain loops over outputs.
#include <algorithm>
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "syolo/runtime/kernels/kernels.h"

namespace syolo::runtime {
namespace {

struct Bf16 {
  std::uint16_t bits = 0;
};
float to_float(float v) {
  return v;
}
float to_float(Bf16 v) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(v.bits) << 16);
}
template <class T>
T from_float(float v);
template <>
float from_float<float>(float v) {
  return v;
}
template <>
Bf16 from_float<Bf16>(float v) {  // round to nearest, ties to even; NaN stays NaN
  const auto bits = std::bit_cast<std::uint32_t>(v);
  if (std::isnan(v)) return {static_cast<std::uint16_t>((bits >> 16) | 0x40)};
  return {static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)};
}

std::int64_t index_of(const Array& a, int c, std::int64_t pixel) {
  return (c / a.block * a.pixels() + pixel) * a.block + c % a.block;
}

template <class T>
struct Typed {
  const T* data;
  const Array& shape;
  float at(int c, std::int64_t pixel) const { return to_float(data[index_of(shape, c, pixel)]); }
  float at(int c, int y, int x) const { return at(c, std::int64_t{y} * shape.width + x); }
};

/// dst[c][pixel] = value(c, pixel) for every output, split over channels; padding is zeroed.
template <class T, class Value>
void fill(const MutableArray& dst, const Value& value) {
  T* out = static_cast<T*>(dst.out());
#pragma omp parallel for schedule(static)
  for (int c = 0; c < dst.channels; ++c) {
    for (std::int64_t pixel = 0; pixel < dst.pixels(); ++pixel) {
      out[index_of(dst, c, pixel)] = from_float<T>(value(c, pixel));
    }
  }
  zero_padding(dst);
}

/// Calls body with a value of the element type.
template <class Body>
void with_type(DType type, const Body& body) {
  if (type == DType::f32) return body(float{});
  return body(Bf16{});
}

template <class T>
void copy_one_by_one(const Array& src, int from, const MutableArray& dst, int begin, int count) {
  const T* in = static_cast<const T*>(src.data);
  T* out = static_cast<T*>(dst.out());
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < dst.height; ++row) {
    const std::int64_t first = row * dst.width;
    for (int c = 0; c < count; ++c) {
      const T* s = in + index_of(src, from + c, first);
      T* d = out + index_of(dst, begin + c, first);
      for (int x = 0; x < dst.width; ++x)
        d[std::int64_t{x} * dst.block] = s[std::int64_t{x} * src.block];
    }
  }
}

}  // namespace

void copy_channels(const Array& src, int from, const MutableArray& dst, int begin, int count) {
  const std::int64_t pixels = dst.pixels();
  const int size = bytes_of(dst.type);
  const bool channels_last = src.block == src.channels && dst.block == dst.channels;
  if (src.block == dst.block && from % src.block == 0 && begin % dst.block == 0) {
    // A last block that is not full goes whole only where the rest of it is padding on both sides.
    const bool ends = from + count == src.channels && begin + count == dst.channels;
    const std::int64_t groups = ends ? (count + src.block - 1) / src.block : count / src.block;
    const std::int64_t bytes = pixels * src.block * size;
    const char* s = static_cast<const char*>(src.data) + from * pixels * size;
    char* d = static_cast<char*>(dst.out()) + begin * pixels * size;
#pragma omp parallel for schedule(static)
    for (std::int64_t g = 0; g < groups; ++g)
      std::memcpy(d + g * bytes, s + g * bytes, static_cast<std::size_t>(bytes));
    const int copied = static_cast<int>(groups * src.block);
    if (copied >= count) return;
    from += copied, begin += copied, count -= copied;
  }
  if (channels_last) {
    const char* s = static_cast<const char*>(src.data) + std::int64_t{from} * size;
    char* d = static_cast<char*>(dst.out()) + std::int64_t{begin} * size;
    const std::size_t bytes = static_cast<std::size_t>(count) * static_cast<std::size_t>(size);
#pragma omp parallel for schedule(static)
    for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
      std::memcpy(d + pixel * dst.block * size, s + pixel * src.block * size, bytes);
    }
    return;
  }
  with_type(dst.type, [&](auto t) { copy_one_by_one<decltype(t)>(src, from, dst, begin, count); });
}

void zero_padding(const MutableArray& dst) {
  if (dst.padded() == dst.channels) return;
  const int size = bytes_of(dst.type);
  const int used = dst.channels % dst.block;
  const std::int64_t base = dst.channels / dst.block * dst.pixels() * dst.block;
  const std::size_t unused =
      static_cast<std::size_t>(dst.block - used) * static_cast<std::size_t>(size);
  char* out = static_cast<char*>(dst.out());
  for (std::int64_t pixel = 0; pixel < dst.pixels(); ++pixel) {
    std::memset(out + (base + pixel * dst.block + used) * size, 0, unused);
  }
}

namespace {

/// Copies of `size`-byte pixel groups; rows are repeated by copying the finished one.
void upsample_copying(const Array& src, const MutableArray& dst, int stride) {
  const std::int64_t group = std::int64_t{src.block} * bytes_of(src.type);
  const std::int64_t groups = src.padded() / src.block, dst_row = dst.width * group;
  const char* in = static_cast<const char*>(src.data);
  char* out = static_cast<char*>(dst.out());
#pragma omp parallel for schedule(static)
  for (std::int64_t r = 0; r < groups * src.height; ++r) {
    const char* s = in + r * src.width * group;
    char* row = out + r * stride * dst_row;
    for (int x = 0; x < src.width; ++x) {
      for (int i = 0; i < stride; ++i)
        std::memcpy(row + (std::int64_t{x} * stride + i) * group, s + x * group,
                    static_cast<std::size_t>(group));
    }
    for (int i = 1; i < stride; ++i)
      std::memcpy(row + i * dst_row, row, static_cast<std::size_t>(dst_row));
  }
}

template <class T>
void shrink(const Array& src, const MutableArray& dst, const Upsample& op) {
  const Typed<T> in{static_cast<const T*>(src.data), src};
  fill<T>(dst, [&](int c, std::int64_t pixel) {
    const int y = static_cast<int>(pixel / dst.width), x = static_cast<int>(pixel % dst.width);
    double sum = 0;
    for (int i = 0; i < op.stride; ++i) {
      for (int j = 0; j < op.stride; ++j)
        sum += static_cast<double>(in.at(c, y * op.stride + i, x * op.stride + j));
    }
    return static_cast<float>(op.scale * sum);
  });
}

}  // namespace

void upsample(const Array& src, const MutableArray& dst, const Upsample& op) {
  if (!op.shrink && op.scale == 1) return upsample_copying(src, dst, op.stride);
  with_type(dst.type, [&](auto t) {
    using T = decltype(t);
    if (op.shrink) return shrink<T>(src, dst, op);
    const Typed<T> in{static_cast<const T*>(src.data), src};
    fill<T>(dst, [&](int c, std::int64_t pixel) {
      const int y = static_cast<int>(pixel / dst.width), x = static_cast<int>(pixel % dst.width);
      return static_cast<float>(op.scale *
                                static_cast<double>(in.at(c, y / op.stride, x / op.stride)));
    });
  });
}

void binary(const Array& a, const Array& b, const MutableArray& dst, const Binary& op) {
  const bool add = op.kind == Binary::Kind::add;
  with_type(dst.type, [&](auto t) {
    using T = decltype(t);
    const T* x = static_cast<const T*>(a.data);
    const T* y = static_cast<const T*>(b.data);
    if (op.match == Binary::Match::equal && a.block == b.block && a.block == dst.block) {
      T* out = static_cast<T*>(dst.out());
      const std::int64_t count = dst.padded() * dst.pixels();
#pragma omp parallel for schedule(static)
      for (std::int64_t i = 0; i < count; ++i) {
        const float u = to_float(x[i]), v = to_float(y[i]);
        out[i] = from_float<T>(add ? u + v : u * v);
      }
      return;
    }
    const Typed<T> u{x, a}, v{y, b};
    fill<T>(dst, [&](int c, std::int64_t pixel) {
      if (op.match == Binary::Match::common)
        return c < b.channels ? u.at(c, pixel) + v.at(c, pixel) : u.at(c, pixel);
      const float factor = op.match == Binary::Match::per_channel ? u.at(c, std::int64_t{0})
                           : op.match == Binary::Match::per_pixel ? u.at(0, pixel)
                                                                  : u.at(c, pixel);
      return add ? factor + v.at(c, pixel) : factor * v.at(c, pixel);
    });
  });
}

void weighted_sum(const std::vector<Array>& src, const std::vector<double>& weights,
                  bool per_channel, const MutableArray& dst) {
  with_type(dst.type, [&](auto t) {
    using T = decltype(t);
    fill<T>(dst, [&](int c, std::int64_t pixel) {
      double sum = 0;
      for (std::size_t i = 0; i < src.size(); ++i) {
        if (c >= src[i].channels) continue;
        const auto w =
            per_channel ? i * static_cast<std::size_t>(dst.channels) + static_cast<std::size_t>(c)
                        : i;
        sum += weights[w] * static_cast<double>(
                                Typed<T>{static_cast<const T*>(src[i].data), src[i]}.at(c, pixel));
      }
      return static_cast<float>(sum);
    });
  });
}

namespace {

/// Numbers that couple the channels of a group: out_i = f(x_i - shift) / (extra + sum f).
struct Coupling {
  double shift = 0, divisor = 1;
};

template <class At>
Coupling couple(const At& at, std::int64_t count, const Activate& op) {
  const Across kind = op.act.across();
  Coupling c;
  if (kind == Across::exp_sum_shifted || kind == Across::softmax) {
    c.shift = -DBL_MAX;
    for (std::int64_t i = 0; i < count; ++i) c.shift = std::max(c.shift, at(i));
  }
  double sum = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    sum += kind == Across::relu_sum ? std::max(at(i), 0.0)
                                    : std::exp((at(i) - c.shift) / op.temperature);
  }
  c.divisor = kind == Across::softmax ? sum : 1e-4 + sum;
  return c;
}

double coupled(double x, const Coupling& c, const Activate& op) {
  const bool relu = op.act.across() == Across::relu_sum;
  return (relu ? std::max(x, 0.0) : std::exp((x - c.shift) / op.temperature)) / c.divisor;
}

template <class T>
void activate_across(const Array& src, const MutableArray& dst, const Activate& op) {
  const Typed<T> in{static_cast<const T*>(src.data), src};
  T* out = static_cast<T*>(dst.out());
  const std::int64_t pixels = src.pixels();
  // flat: one run over all values in C,H,W order; otherwise one per pixel.
  const std::int64_t runs = op.flat ? 1 : pixels,
                     length = op.flat ? src.channels * pixels : src.channels;
  const std::int64_t part = length / op.groups;
#pragma omp parallel for schedule(static)
  for (std::int64_t run = 0; run < runs; ++run) {
    for (int g = 0; g < op.groups; ++g) {
      const auto place = [&](std::int64_t i) {
        const std::int64_t k = g * part + i;
        return op.flat ? std::pair{static_cast<int>(k / pixels), k % pixels}
                       : std::pair{static_cast<int>(k), run};
      };
      const auto at = [&](std::int64_t i) {
        const auto [c, pixel] = place(i);
        return static_cast<double>(in.at(c, pixel));
      };
      const Coupling coupling = couple(at, part, op);
      for (std::int64_t i = 0; i < part; ++i) {
        const auto [c, pixel] = place(i);
        out[index_of(dst, c, pixel)] =
            from_float<T>(static_cast<float>(coupled(at(i), coupling, op)));
      }
    }
  }
  zero_padding(dst);
}

}  // namespace

void activate(const Array& src, const MutableArray& dst, const Activate& op) {
  with_type(dst.type, [&](auto t) {
    using T = decltype(t);
    if (op.act.across() != Across::none) return activate_across<T>(src, dst, op);
    const Typed<T> in{static_cast<const T*>(src.data), src};
    fill<T>(dst, [&](int c, std::int64_t pixel) {
      return static_cast<float>(op.act.apply(static_cast<double>(in.at(c, pixel))));
    });
  });
}

namespace {

template <class T>
float pooled(const Typed<T>& in, const Pool& op, int c, int y, int x) {
  const int y0 = y * op.stride_y - op.pad_y, x0 = x * op.stride_x - op.pad_x;
  float greatest = -FLT_MAX;
  double sum = 0;
  int cells = 0;
  for (int i = std::max(y0, 0); i < std::min(y0 + op.kh, in.shape.height); ++i) {
    for (int j = std::max(x0, 0); j < std::min(x0 + op.kw, in.shape.width); ++j) {
      const float v = in.at(c, i, j);
      greatest = std::max(greatest, v);
      sum += static_cast<double>(v);
      ++cells;
    }
  }
  if (op.kind == Pool::Kind::max) return greatest;
  return cells > 0 ? static_cast<float>(sum / cells) : 0.0F;
}

}  // namespace

void pool(const Array& src, const MutableArray& dst, const Pool& op) {
  with_type(dst.type, [&](auto t) {
    using T = decltype(t);
    const Typed<T> in{static_cast<const T*>(src.data), src};
    fill<T>(dst, [&](int c, std::int64_t pixel) {
      if (op.depth == 0) {
        return pooled(in, op, c, static_cast<int>(pixel / dst.width),
                      static_cast<int>(pixel % dst.width));
      }
      float greatest = -FLT_MAX;
      for (int k = c; k < src.channels; k += op.depth)
        greatest = std::max(greatest, in.at(k, pixel));
      return greatest;
    });
  });
}

namespace {

/// Value (k, j, i) of the space-to-depth of a C,H,W array read through `flat` indices.
std::int64_t space_to_depth_source(std::int64_t flat, int c, int h, int w, int s) {
  const std::int64_t plane = std::int64_t{h / s} * (w / s);
  const std::int64_t k = flat / plane, j = flat % plane / (w / s), i = flat % (w / s);
  const std::int64_t channel = k % c, offset = k / c;
  return (channel * h + j * s + offset / s) * w + i * s + offset % s;
}

}  // namespace

void reorg(const Array& src, const MutableArray& dst, const Reorg& op) {
  const bool down = op.kind == Reorg::Kind::space_to_depth || op.kind == Reorg::Kind::flat;
  const bool reinterpret = op.kind == Reorg::Kind::flat || op.kind == Reorg::Kind::flat_inverse;
  const int s = op.stride;
  // The larger map of the pair; the flat forms read the smaller one's memory as if it were wider.
  int c = down ? src.channels : dst.channels, h = down ? src.height : dst.height,
      w = down ? src.width : dst.width;
  if (reinterpret) c /= s * s, h *= s, w *= s;
  with_type(dst.type, [&](auto t) {
    using T = decltype(t);
    const T* in = static_cast<const T*>(src.data);
    T* out = static_cast<T*>(dst.out());
    const std::int64_t total = src.channels * src.pixels();
#pragma omp parallel for schedule(static)
    for (std::int64_t flat = 0; flat < total; ++flat) {
      const std::int64_t wide = space_to_depth_source(flat, c, h, w, s);
      const std::int64_t from = down ? wide : flat, to = down ? flat : wide;
      out[index_of(dst, static_cast<int>(to / dst.pixels()), to % dst.pixels())] =
          in[index_of(src, static_cast<int>(from / src.pixels()), from % src.pixels())];
    }
  });
  zero_padding(dst);
}

void scale_shift(const Array& src, const std::vector<float>& scale, const std::vector<float>& shift,
                 const MutableArray& dst) {
  with_type(dst.type, [&](auto t) {
    using T = decltype(t);
    const Typed<T> in{static_cast<const T*>(src.data), src};
    fill<T>(dst, [&](int c, std::int64_t pixel) {
      return in.at(c, pixel) * scale[static_cast<std::size_t>(c)] +
             shift[static_cast<std::size_t>(c)];
    });
  });
}

std::vector<float> to_planar(const Array& src) {
  std::vector<float> values(static_cast<std::size_t>(src.channels * src.pixels()));
  with_type(src.type, [&](auto t) {
    using T = decltype(t);
    const Typed<T> in{static_cast<const T*>(src.data), src};
    for (int c = 0; c < src.channels; ++c) {
      for (std::int64_t pixel = 0; pixel < src.pixels(); ++pixel) {
        values[static_cast<std::size_t>(c * src.pixels() + pixel)] = in.at(c, pixel);
      }
    }
  });
  return values;
}

void activate_head_values(const HeadSpec& spec, const Array& src, const MutableArray& dst) {
  const std::vector<float> raw = to_planar(src);
  const std::vector<double> in(raw.begin(), raw.end());
  std::vector<double> out(in.size());
  activate_head(spec, {1, src.channels, src.height, src.width}, in.data(), out.data());
  with_type(dst.type, [&](auto t) {
    fill<decltype(t)>(dst, [&](int c, std::int64_t pixel) {
      return static_cast<float>(out[static_cast<std::size_t>(c * src.pixels() + pixel)]);
    });
  });
}

}  // namespace syolo::runtime
