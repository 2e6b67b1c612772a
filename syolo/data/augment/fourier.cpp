// The low frequencies of another picture: its light and colours, the shapes stay. Only the square
// that changes is transformed, so no transform of the whole picture is needed.

#include <algorithm>
#include <cmath>
#include <complex>
#include <memory>
#include <numbers>

#include "syolo/data/augment/augment_impl.h"
#include "syolo/data/formats/formats_impl.h"
#include "syolo/image/codec.h"

namespace syolo::data {
namespace {

using Complex = std::complex<double>;

/// exp(-2 pi i k x / n) for k = 0..half; [k][x].
std::vector<Complex> waves(int n, int half) {
  std::vector<Complex> result;
  result.reserve(static_cast<std::size_t>(half + 1) * static_cast<std::size_t>(n));
  for (std::int64_t k = 0; k <= half; ++k) {
    for (std::int64_t x = 0; x < n; ++x) {
      const double turn = static_cast<double>(k * x % n) / n;
      result.push_back(std::polar(1.0, -2 * std::numbers::pi * turn));
    }
  }
  return result;
}

/// The transform of one channel at u = 0..half, v = -half..half. What stands at -u, -v is the
/// conjugate: pixels are real.
class Square {
 public:
  Square(Size size, int half) :
      size_(size), half_(half), across_(waves(size.width, half)), down_(waves(size.height, half)) {}

  std::size_t count() const { return at(half_, half_) + 1; }
  std::vector<Complex> of(const Image& image, int channel) const;
  /// Adds the real picture of these coefficients to `pixels`, of one channel.
  void add_to(std::vector<double>& pixels, const std::vector<Complex>& square) const;

 private:
  std::size_t at(int u, int v) const {
    return static_cast<std::size_t>(u) * static_cast<std::size_t>(2 * half_ + 1) +
           static_cast<std::size_t>(v + half_);
  }
  const Complex* across(int u) const {
    return across_.data() + static_cast<std::ptrdiff_t>(u) * size_.width;
  }
  Complex down(int v, int y) const {
    const Complex wave =
        down_[static_cast<std::size_t>(std::abs(v)) * static_cast<std::size_t>(size_.height) +
              static_cast<std::size_t>(y)];
    return v < 0 ? std::conj(wave) : wave;
  }

  Size size_;
  int half_;
  std::vector<Complex> across_, down_;
};

std::vector<Complex> Square::of(const Image& image, int channel) const {
  std::vector<Complex> square(count());
  std::vector<double> row(static_cast<std::size_t>(size_.width));
  for (int y = 0; y < size_.height; ++y) {
    const unsigned char* p = row_of(image, y) + channel;
    for (double& value : row) value = *p, p += 3;
    for (int u = 0; u <= half_; ++u) {
      const Complex* wave = across(u);
      double real = 0, imaginary = 0;
      for (std::size_t x = 0; x < row.size(); ++x) {
        real += row[x] * wave[x].real(), imaginary += row[x] * wave[x].imag();
      }
      for (int v = -half_; v <= half_; ++v)
        square[at(u, v)] += Complex(real, imaginary) * down(v, y);
    }
  }
  return square;
}

void Square::add_to(std::vector<double>& pixels, const std::vector<Complex>& square) const {
  const double area = 1.0 * size_.width * size_.height;
  double* row = pixels.data();
  for (int y = 0; y < size_.height; ++y, row += size_.width) {
    for (int u = 0; u <= half_; ++u) {
      Complex sum = 0;
      for (int v = -half_; v <= half_; ++v) sum += square[at(u, v)] * std::conj(down(v, y));
      sum *= (u == 0 ? 1 : 2) / area;  // u and -u together
      const Complex* wave = across(u);
      for (int x = 0; x < size_.width; ++x) {
        row[x] += sum.real() * wave[x].real() + sum.imag() * wave[x].imag();
      }
    }
  }
}

/// Its style's amplitude with its own phase, less what is there.
Complex difference(const Complex& own, const Complex& style) {
  const double amplitude = std::abs(own);
  // A frequency that is absent has no phase; it takes 0, as an arcus tangent of nothing gives.
  const Complex phase = amplitude > 0 ? own / amplitude : Complex(1);
  return std::abs(style) * phase - own;
}

Sample apply_fourier(Sample sample, const AugmentOptions& o, Rng& rng, const Pick& other) {
  const Size size = sample.image.size();
  const Image style = resized(o.style ? o.style(rng) : other(rng).image, size);
  const double share = rng.uniform(o.fourier_low, o.fourier_high);
  sample.image =
      with_style(sample.image, style, static_cast<int>(share * std::min(size.width, size.height)));
  return sample;
}

}  // namespace

Image with_style(const Image& image, const Image& style, int half) {
  half = std::clamp(half, 0, (std::min(image.width, image.height) - 1) / 2);
  const Square square(image.size(), half);
  Image result(image.width, image.height, 3);
  std::vector<double> pixels(image.pixels.size() / 3);
  for (int channel = 0; channel < 3; ++channel) {
    const unsigned char* from = row_of(image, 0) + channel;
    for (double& value : pixels) value = *from, from += 3;
    std::vector<Complex> own = square.of(image, channel);
    const std::vector<Complex> others = square.of(style, channel);
    for (std::size_t i = 0; i < own.size(); ++i) own[i] = difference(own[i], others[i]);
    square.add_to(pixels, own);
    unsigned char* to = row_of(result, 0) + channel;
    for (const double value : pixels) {
      *to = static_cast<unsigned char>(std::lround(std::clamp(value, 0.0, 255.0)));
      to += 3;
    }
  }
  return result;
}

Augmentation fourier_row() {
  return {"fourier", "the low frequencies of a style picture: its light and colours, own shapes",
          apply_fourier};
}

}  // namespace syolo::data

namespace syolo {

Style style_pictures(const std::filesystem::path& folder, const Limits& limits) {
  auto pictures =
      std::make_shared<std::vector<data::PictureRef>>(data::pictures_below(folder, true));
  if (pictures->empty()) {
    throw Error(ErrorKind::input, "expected a folder of pictures, found none in it",
                {.file = folder.string()});
  }
  return [pictures, limits](Rng& rng) {
    const std::size_t count = pictures->size();
    const auto first = static_cast<std::size_t>(rng.below(static_cast<int>(count)));
    for (std::size_t i = 0;; ++i) {
      try {
        return load_image((*pictures)[(first + i) % count].path, {}, limits);
      } catch (const Error&) {
        if (i + 1 == count) throw;  // the next one serves, as in the loader
      }
    }
  };
}

}  // namespace syolo
