#include <algorithm>
#include <cmath>
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

constexpr int kOne = 256;          // weights are in 1/256
constexpr double kNearest = 1e-3;  // of perspective: nearer, or behind the viewer, nothing is seen

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

  void sample(double x, double y, unsigned char* dst) const {
    // Far outside, the number of a pixel would not fit an int.
    x = std::clamp(x, -4.0, image.width + 4.0), y = std::clamp(y, -4.0, image.height + 4.0);
    const double fx = std::floor(x), fy = std::floor(y);
    const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
    const int wx = static_cast<int>(std::lround((x - fx) * kOne)),
              wy = static_cast<int>(std::lround((y - fy) * kOne));
    const unsigned char *a = pixel(ix, iy), *b = pixel(ix + 1, iy), *c = pixel(ix, iy + 1),
                        *d = pixel(ix + 1, iy + 1);
    for (int i = 0; i < 3; ++i) {
      const int top = a[i] * (kOne - wx) + b[i] * wx, bottom = c[i] * (kOne - wx) + d[i] * wx;
      dst[i] = static_cast<unsigned char>((top * (kOne - wy) + bottom * wy + kOne * kOne / 2) /
                                          (kOne * kOne));
    }
  }
};

template <bool Repeat>
void warp_into(const Source<Repeat>& source, const Matrix& m, Image& dst) {
  const bool affine = m[6] == 0 && m[7] == 0;
  for (int y = 0; y < dst.height; ++y) {
    unsigned char* out = row_of(dst, y);
    const double py = y + 0.5;
    for (int x = 0; x < dst.width; ++x, out += 3) {
      const double px = x + 0.5;
      double sx = m[0] * px + m[1] * py + m[2], sy = m[3] * px + m[4] * py + m[5];
      const double w = affine ? m[8] : m[6] * px + m[7] * py + m[8];
      if (w < kNearest) {
        std::copy_n(source.fill.begin(), 3, out);
        continue;
      }
      if (w != 1) sx /= w, sy /= w;
      source.sample(sx - 0.5, sy - 0.5, out);
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

Image filled(Size size, std::array<unsigned char, 3> color) {
  Image image(size.width, size.height, 3);
  unsigned char* at = row_of(image, 0);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) at[i] = color[i % 3];
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
  for (std::size_t i = 0; i < image.pixels.size(); ++i) sum[i % 3] += at[i];
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
