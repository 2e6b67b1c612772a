// Each source row that is needed is resized once in x and kept while the next output row may
// read it again; rows are then mixed plane by plane.

#include "syolo/image/resize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace syolo {
namespace {

// Every output position is keep * source[first] + take * source[second].
struct Taps {
  std::vector<int> first, second;
  std::vector<float> keep, take;

  void add(int at, int limit, float fraction) {
    first.push_back(std::clamp(at, 0, limit));
    second.push_back(std::clamp(at + 1, 0, limit));
    keep.push_back(1.0F - fraction);
    take.push_back(fraction);
  }
};

Taps aligned_taps(int src, int dst) {
  Taps taps;
  const float scale = dst > 1 ? static_cast<float>(src - 1) / static_cast<float>(dst - 1) : 0.0F;
  for (int i = 0; i < dst; ++i) {
    // Rounding may leave the last position just below src-1; it is the last pixel all the same.
    const bool last = dst > 1 && i == dst - 1;
    const float at = static_cast<float>(i) * scale;
    const int whole = static_cast<int>(at);
    if (last) {
      taps.add(src - 1, src - 1, 0.0F);
    } else {
      taps.add(whole, src - 1, at - static_cast<float>(whole));
    }
  }
  return taps;
}

Taps half_pixel_taps(int src, int dst) {
  Taps taps;
  const double scale = static_cast<double>(src) / dst;
  for (int i = 0; i < dst; ++i) {
    const auto at = static_cast<float>((i + 0.5) * scale - 0.5);
    const int whole = static_cast<int>(std::floor(at));
    const bool inside = whole >= 0 && whole < src - 1;
    taps.add(whole < 0 ? 0 : whole, src - 1, inside ? at - static_cast<float>(whole) : 0.0F);
  }
  return taps;
}

Taps taps_for(Interpolation interpolation, int src, int dst) {
  return interpolation == Interpolation::aligned_corners ? aligned_taps(src, dst)
                                                         : half_pixel_taps(src, dst);
}

// v/255 rounded once to float, by table: faster than dividing and the same on every machine.
constexpr std::array<float, 256> kUnit = [] {
  std::array<float, 256> unit{};
  for (int v = 0; v < 256; ++v) unit[static_cast<std::size_t>(v)] = static_cast<float>(v / 255.0);
  return unit;
}();

inline float unit_of(std::uint8_t value) {
  return kUnit[value];
}
inline float unit_of(std::uint16_t value) {
  return static_cast<float>(value / 65535.0);
}

template <class Value>
Value load(const std::byte* at) {
  Value value;
  std::memcpy(&value, at, sizeof(Value));
  return value;
}

// Offsets in `taps` count bytes.
template <class Value, int Channels>
void resize_row(const std::byte* src, const Taps& taps, float* dst) {
  const std::size_t width = taps.keep.size();
  for (std::size_t x = 0; x < width; ++x) {
    const std::byte* a = src + taps.first[x];
    const std::byte* b = src + taps.second[x];
    for (int c = 0; c < Channels; ++c) {
      constexpr std::size_t kBytes = sizeof(Value);
      const float left = unit_of(load<Value>(a + kBytes * c));
      const float right = unit_of(load<Value>(b + kBytes * c));
      dst[width * c + x] = taps.keep[x] * left + taps.take[x] * right;
    }
  }
}

using ResizeRow = void (*)(const std::byte*, const Taps&, float*);

template <class Value>
ResizeRow row_function(int channels) {
  switch (channels) {
    case 1:
      return resize_row<Value, 1>;
    case 2:
      return resize_row<Value, 2>;
    case 3:
      return resize_row<Value, 3>;
    default:
      return resize_row<Value, 4>;
  }
}

void mix(const float* a, const float* b, float keep, float take, int count, float* dst) {
  for (int i = 0; i < count; ++i) dst[i] = keep * a[i] + take * b[i];
}

// The two source rows an output row mixes, resized in x.
class RowCache {
 public:
  RowCache(ImageView src, Taps columns) :
      src_(src), columns_(std::move(columns)),
      resize_(src.bits == 8 ? row_function<std::uint8_t>(src.channels)
                            : row_function<std::uint16_t>(src.channels)) {
    const int pixel_bytes = src.channels * (src.bits / 8);
    for (int& at : columns_.first) at *= pixel_bytes;
    for (int& at : columns_.second) at *= pixel_bytes;
    for (auto& row : rows_) row.resize(columns_.keep.size() * src.channels);
  }
  const float* row(int y, int keep) {  // leaves row `keep` where it is
    for (std::size_t i = 0; i < 2; ++i) {
      if (held_[i] == y) return rows_[i].data();
    }
    const std::size_t slot = held_[0] == keep ? 1 : 0;
    resize_(src_.data + src_.row_bytes * y, columns_, rows_[slot].data());
    held_[slot] = y;
    return rows_[slot].data();
  }

 private:
  ImageView src_;
  Taps columns_;
  ResizeRow resize_;
  std::array<std::vector<float>, 2> rows_;
  std::array<int, 2> held_ = {-1, -1};
};

}  // namespace

void resize_to_planes(ImageView src, Interpolation interpolation, const PlaneView& dst) {
  const Taps rows = taps_for(interpolation, src.height, dst.height);
  RowCache cache(src, taps_for(interpolation, src.width, dst.width));
  for (int y = 0; y < dst.height; ++y) {
    const auto i = static_cast<std::size_t>(y);
    const float* upper = cache.row(rows.first[i], rows.second[i]);
    const float* lower = cache.row(rows.second[i], rows.first[i]);
    for (int c = 0; c < src.channels; ++c) {
      const std::ptrdiff_t from = static_cast<std::ptrdiff_t>(dst.width) * c;
      mix(upper + from, lower + from, rows.keep[i], rows.take[i], dst.width,
          dst.data + dst.plane * c + dst.row * y);
    }
  }
}

}  // namespace syolo
