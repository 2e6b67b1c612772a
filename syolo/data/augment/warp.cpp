#include <algorithm>
#include <cmath>
#include <utility>

#include "syolo/base/error.h"

#include "syolo/data/augment/augment_impl.h"

namespace syolo::data {

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix m{};
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) {
      for (std::size_t k = 0; k < 3; ++k) m[3 * r + c] += a[3 * r + k] * b[3 * k + c];
    }
  }
  return m;
}

Matrix inverse(const Matrix& m) {
  const Matrix adjoint = {
      m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
      m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
      m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3]};
  const double determinant = m[0] * adjoint[0] + m[1] * adjoint[3] + m[2] * adjoint[6];
  SYOLO_ASSERT(determinant != 0, "a warp without an inverse");
  Matrix result{};
  for (std::size_t i = 0; i < 9; ++i) result[i] = adjoint[i] / determinant;
  return result;
}

namespace {

constexpr int kBits = 6, kOne = 1 << kBits;  // weights are in 1/64
constexpr double kNearest = 1e-3;  // of perspective: nearer, or behind the viewer, nothing is seen
constexpr double kFar = 1e6;  // no picture is so large: what lies beyond is outside all the same

/// A place in 1/64 pixels.
std::int64_t place(double value) {
  return static_cast<std::int64_t>(std::floor(std::clamp(value, -kFar, kFar) * kOne + 0.5));
}

/// Sampling of one picture; `Repeat`: pixels beyond the border equal those at it.
template <bool Repeat>
struct Source {
  const Image& image;
  std::array<unsigned char, 3> fill;

  const unsigned char* pixel(int x, int y) const {
    if constexpr (Repeat) {
      x = std::clamp(x, 0, image.width - 1), y = std::clamp(y, 0, image.height - 1);
    } else if (x < 0 || y < 0 || x >= image.width || y >= image.height) {
      return fill.data();
    }
    return pixel_of(image, x, y);
  }

  /// Three channels in one word, 21 bits each: 8 of the value, 12 of the weights.
  static std::uint64_t word(const unsigned char* p) {
    return p[0] | std::uint64_t{p[1]} << 21 | std::uint64_t{p[2]} << 42;
  }
  static void mix(const unsigned char* a, const unsigned char* b, const unsigned char* c,
                  const unsigned char* d, std::uint64_t wx, std::uint64_t wy, unsigned char* dst) {
    constexpr std::uint64_t kHalf = kOne * kOne / 2, kRound = kHalf | kHalf << 21 | kHalf << 42;
    const std::uint64_t top = word(a) * (kOne - wx) + word(b) * wx;
    const std::uint64_t bottom = word(c) * (kOne - wx) + word(d) * wx;
    const std::uint64_t sum = top * (kOne - wy) + bottom * wy + kRound;
    dst[0] = static_cast<unsigned char>(sum >> (2 * kBits));
    dst[1] = static_cast<unsigned char>(sum >> (2 * kBits + 21));
    dst[2] = static_cast<unsigned char>(sum >> (2 * kBits + 42));
  }
  static std::uint64_t weight(std::int64_t place) {
    return static_cast<std::uint64_t>(place) % kOne;
  }

  bool inside(std::int64_t x, std::int64_t y) const {
    return x >= 0 && y >= 0 && (x >> kBits) + 1 < image.width && (y >> kBits) + 1 < image.height;
  }

  void sample(std::int64_t x, std::int64_t y, unsigned char* dst) const {
    const int ix = static_cast<int>(x >> kBits), iy = static_cast<int>(y >> kBits);
    if constexpr (!Repeat) {
      if (ix < -1 || iy < -1 || ix >= image.width || iy >= image.height) {
        std::copy_n(fill.begin(), 3, dst);
        return;
      }
    }
    mix(pixel(ix, iy), pixel(ix + 1, iy), pixel(ix, iy + 1), pixel(ix + 1, iy + 1), weight(x),
        weight(y), dst);
  }

  void sample_inside(std::int64_t x, std::int64_t y, unsigned char* dst) const {
    const std::ptrdiff_t row = std::ptrdiff_t{3} * image.width;
    const unsigned char* a =
        pixel_of(image, static_cast<int>(x >> kBits), static_cast<int>(y >> kBits));
    mix(a, a + 3, a + row, a + row + 3, weight(x), weight(y), dst);
  }
};

/// One row of an affine warp: places in 2^-32 pixels, so that steps add up without error that is
/// seen.
struct Line {
  std::int64_t x, y, dx, dy;

  static std::int64_t fixed(double value) {
    return std::llround(std::clamp(value, -kFar, kFar) * 4294967296.0);
  }
  static constexpr int kToPlace = 32 - kBits;
  std::int64_t place_x(int i) const { return (x + i * dx) >> kToPlace; }
  std::int64_t place_y(int i) const { return (y + i * dy) >> kToPlace; }
};

template <bool Repeat>
void warp_line(const Source<Repeat>& source, const Line& line, int width, unsigned char* out) {
  // What lies inside the picture is one piece of a straight line.
  const auto inside = [&](int i) { return source.inside(line.place_x(i), line.place_y(i)); };
  int begin = 0, end = width;
  while (begin < end && !inside(begin)) ++begin;
  while (end > begin && !inside(end - 1)) --end;
  for (int i = 0; i < width; ++i, out += 3) {
    const std::int64_t x = line.place_x(i), y = line.place_y(i);
    if (i >= begin && i < end) {
      source.sample_inside(x, y, out);
    } else {
      source.sample(x, y, out);
    }
  }
}

template <bool Repeat>
void warp_affine(const Source<Repeat>& source, const Matrix& m, Image& dst) {
  constexpr std::int64_t kHalf = std::int64_t{1} << (Line::kToPlace - 1);  // places are rounded
  for (int y = 0; y < dst.height; ++y) {
    const double py = y + 0.5;
    const Line line = {Line::fixed((m[0] * 0.5 + m[1] * py + m[2]) / m[8] - 0.5) + kHalf,
                       Line::fixed((m[3] * 0.5 + m[4] * py + m[5]) / m[8] - 0.5) + kHalf,
                       Line::fixed(m[0] / m[8]), Line::fixed(m[3] / m[8])};
    warp_line(source, line, dst.width, row_of(dst, y));
  }
}

template <bool Repeat>
void warp_into(const Source<Repeat>& source, const Matrix& m, Image& dst) {
  const double step = std::max(std::abs(m[0]), std::abs(m[3])) / m[8];
  const bool affine = m[6] == 0 && m[7] == 0 && m[8] >= kNearest && step * dst.width < kFar;
  if (affine) return warp_affine(source, m, dst);
  for (int y = 0; y < dst.height; ++y) {
    unsigned char* out = row_of(dst, y);
    const double py = y + 0.5;
    for (int x = 0; x < dst.width; ++x, out += 3) {
      const double px = x + 0.5, w = m[6] * px + m[7] * py + m[8];
      if (w < kNearest) {
        std::copy_n(source.fill.begin(), 3, out);
        continue;
      }
      source.sample(place((m[0] * px + m[1] * py + m[2]) / w - 0.5),
                    place((m[3] * px + m[4] * py + m[5]) / w - 0.5), out);
    }
  }
}

}  // namespace

Image warped(const Image& image, const Matrix& to_source, Size size, Border border,
             std::array<unsigned char, 3> fill) {
  Image result(size.width, size.height, 3);
  if (border == Border::repeat) {
    warp_into(Source<true>{image, fill}, to_source, result);
  } else {
    warp_into(Source<false>{image, fill}, to_source, result);
  }
  return result;
}

Image resized(const Image& image, Size size) {
  if (image.size() == size) return image;
  const Matrix m = {static_cast<double>(image.width) / size.width,
                    0,
                    0,
                    0,
                    static_cast<double>(image.height) / size.height,
                    0,
                    0,
                    0,
                    1};
  return warped(image, m, size, Border::repeat);
}

Sample resized_to(Sample sample, int side) {
  const double r = static_cast<double>(side) / std::max(sample.image.width, sample.image.height);
  if (r == 1) return sample;
  const Size size = {std::max(1, static_cast<int>(sample.image.width * r)),
                     std::max(1, static_cast<int>(sample.image.height * r))};
  const double sx = static_cast<double>(size.width) / sample.image.width;
  const double sy = static_cast<double>(size.height) / sample.image.height;
  for (Truth& truth : sample.truths) {
    set_box(truth, {truth.box.x * sx, truth.box.y * sy, truth.box.w * sx, truth.box.h * sy});
  }
  sample.image = resized(sample.image, size);
  return sample;
}

namespace {

/// Memory of this thread's last canvas: asking the system for it each time costs more than using
/// it.
std::vector<std::byte>& spare_memory() {
  static thread_local std::vector<std::byte> memory;
  return memory;
}

}  // namespace

void give_back(Image canvas) {
  if (canvas.pixels.size() > spare_memory().size()) spare_memory() = std::move(canvas.pixels);
}

Image filled(Size size, std::array<unsigned char, 3> color) {
  Image image(0, 0, 3);
  image.width = size.width, image.height = size.height;
  const std::size_t bytes =
      3 * static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height);
  if (spare_memory().size() >= bytes) image.pixels = std::exchange(spare_memory(), {});
  image.pixels.resize(bytes);
  if (color[0] == color[1] && color[1] == color[2]) {
    std::fill(image.pixels.begin(), image.pixels.end(), std::byte{color[0]});
    return image;
  }
  unsigned char* at = row_of(image, 0);
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) std::copy_n(color.begin(), 3, at + i);
  return image;
}

void paste(const Image& src, int sx, int sy, int width, int height, Image& dst, int dx, int dy) {
  for (int y = 0; y < height; ++y) {
    std::copy_n(pixel_of(src, sx, sy + y), 3 * width, pixel_of(dst, dx, dy + y));
  }
}

std::array<unsigned char, 3> mean_color(const Image& image) {
  std::array<std::uint64_t, 3> sum{};
  const unsigned char* at = row_of(image, 0);
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    for (std::size_t c = 0; c < 3; ++c) sum[c] += at[i + c];
  }
  const std::uint64_t count = std::max<std::uint64_t>(1, image.pixels.size() / 3);
  return {static_cast<unsigned char>(sum[0] / count), static_cast<unsigned char>(sum[1] / count),
          static_cast<unsigned char>(sum[2] / count)};
}

// Boxes ------------------------------------------------------------------------------------------

BoxXywh clipped(const BoxXywh& box, double width, double height) {
  const double x1 = std::clamp(box.x, 0.0, width), x2 = std::clamp(box.x + box.w, 0.0, width);
  const double y1 = std::clamp(box.y, 0.0, height), y2 = std::clamp(box.y + box.h, 0.0, height);
  return {x1, y1, x2 - x1, y2 - y1};
}

bool keeps(const BoxXywh& before, const BoxXywh& after, double scale,
           const AugmentOptions& options) {
  const double visible = after.w * after.h / (scale * before.w * before.h + 1e-16);
  const double aspect = std::max(after.w / (after.h + 1e-16), after.h / (after.w + 1e-16));
  return after.w > options.min_side && after.h > options.min_side &&
         visible > options.min_visible && aspect < options.max_aspect;
}

void set_box(Truth& truth, const BoxXywh& box) {
  const double before = truth.box.w * truth.box.h;
  truth.area = before > 0 ? truth.area * (box.w * box.h / before) : box.w * box.h;
  truth.box = box;
}

void move_boxes(std::vector<Truth>& truths, const Matrix& m, Size size, double scale,
                const AugmentOptions& options) {
  std::erase_if(truths, [&](Truth& truth) {
    const BoxXywh before = truth.box;
    bool visible = true;
    double low_x = 1e300, low_y = 1e300, high_x = -1e300, high_y = -1e300;
    for (const double x : {before.x, before.x + before.w}) {
      for (const double y : {before.y, before.y + before.h}) {
        const double w = m[6] * x + m[7] * y + m[8];
        visible = visible && w > kNearest;
        const double px = (m[0] * x + m[1] * y + m[2]) / w, py = (m[3] * x + m[4] * y + m[5]) / w;
        low_x = std::min(low_x, px), high_x = std::max(high_x, px);
        low_y = std::min(low_y, py), high_y = std::max(high_y, py);
      }
    }
    if (!visible) return true;
    set_box(truth,
            clipped({low_x, low_y, high_x - low_x, high_y - low_y}, size.width, size.height));
    return !keeps(before, truth.box, scale, options);
  });
}

// Hidden areas -----------------------------------------------------------------------------------

void Hidden::rectangle(int x, int y, int width, int height) {
  for (int row = std::max(0, y); row < std::min(size_.height, y + height); ++row) {
    for (int column = std::max(0, x); column < std::min(size_.width, x + width); ++column) {
      set(column, row);
    }
  }
}

double Hidden::share(const BoxXywh& box) const {
  const int x1 = std::clamp(static_cast<int>(std::floor(box.x)), 0, size_.width);
  const int x2 = std::clamp(static_cast<int>(std::ceil(box.x + box.w)), x1, size_.width);
  const int y1 = std::clamp(static_cast<int>(std::floor(box.y)), 0, size_.height);
  const int y2 = std::clamp(static_cast<int>(std::ceil(box.y + box.h)), y1, size_.height);
  std::int64_t hidden = 0;
  for (int y = y1; y < y2; ++y) {
    for (int x = x1; x < x2; ++x) hidden += is(x, y) ? 1 : 0;
  }
  const std::int64_t all = std::int64_t{x2 - x1} * (y2 - y1);
  return all > 0 ? static_cast<double>(hidden) / static_cast<double>(all) : 1;
}

void Hidden::drop(std::vector<Truth>& truths, double most) const {
  std::erase_if(truths, [&](const Truth& truth) { return share(truth.box) > most; });
}

void Hidden::fill(Image& image, std::array<unsigned char, 3> color) const {
  for (int y = 0; y < size_.height; ++y) {
    for (int x = 0; x < size_.width; ++x) {
      if (is(x, y)) std::copy_n(color.begin(), 3, pixel_of(image, x, y));
    }
  }
}

// Random numbers ---------------------------------------------------------------------------------

namespace {

/// Marsaglia and Tsang, ACM TOMS 26 (2000); below 1 by the power of a uniform.
double gamma(double shape, Rng& rng) {
  if (shape < 1) return gamma(shape + 1, rng) * std::pow(1 - rng.uniform(), 1 / shape);
  const double d = shape - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  for (;;) {
    const double x = rng.normal(), v = std::pow(1 + c * x, 3);
    if (v <= 0) continue;
    if (std::log(1 - rng.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v)) return d * v;
  }
}

}  // namespace

double beta(double alpha, Rng& rng) {
  const double a = gamma(alpha, rng), b = gamma(alpha, rng);
  return a + b > 0 ? a / (a + b) : 0.5;
}

}  // namespace syolo::data
