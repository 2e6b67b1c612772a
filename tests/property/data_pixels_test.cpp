// What augmentations compute in whole numbers, or only where something changes, against the
// definitions in real numbers.

#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>

#include "syolo/data/augment/augment_impl.h"
#include "syolo/image/codec.h"
#include "tests/support/painted.h"
#include "tests/support/temp_dir.h"

namespace syolo {
namespace {

using test::painted;
using test::pixel;

Rng rng_of(int seed) {
  return {static_cast<std::uint64_t>(seed), Stream::augment};
}

/// By the definition in real numbers: OpenCV's 8-bit HSV and back.
std::array<double, 3> hsv_changed(const unsigned char* p, double gain_s, double gain_v) {
  const double high = std::max({p[0], p[1], p[2]}), low = std::min({p[0], p[1], p[2]});
  const double range = high - low;
  double h = 0;
  if (range > 0 && high == p[0]) h = 30 * (p[1] - p[2]) / range;
  if (range > 0 && high != p[0] && high == p[1]) h = 60 + 30 * (p[2] - p[0]) / range;
  if (range > 0 && high != p[0] && high != p[1]) h = 120 + 30 * (p[0] - p[1]) / range;
  h = std::floor(h + (h < 0 ? 180 : 0) + 0.5);
  h = h >= 180 ? 0 : h;
  const double s = high > 0 ? std::floor(255 * range / high + 0.5) : 0;
  const auto scaled = [](double level, double gain) {
    return std::floor(std::clamp(level * gain, 0.0, 255.0));
  };
  const double v = scaled(high, gain_v), share = scaled(s, gain_s) / 255;
  std::array<double, 3> rgb{};
  for (std::size_t c = 0; c < 3; ++c) {
    // Each channel is full within 30 of its hue, gone beyond 60, and falls evenly between.
    const double centre = 60.0 * static_cast<double>(c);
    const double away = std::min(std::abs(h - centre), 180 - std::abs(h - centre));
    rgb[c] = v * (1 - share * std::clamp((away - 30) / 30, 0.0, 1.0));
  }
  return rgb;
}

TEST(Pixels, HsvIsThatOfTheDefinition) {
  Rng rng = rng_of(1);
  Image image(100, 100, 3);
  for (std::byte& value : image.pixels) value = static_cast<std::byte>(rng.below(256));
  for (const double gain_s : {0.3, 1.0, 1.7}) {
    Image changed = image;
    data::change_hsv(changed, 1.0, 0, gain_s, 1.2);
    for (int i = 0; i < 10'000; ++i) {
      const auto expected = hsv_changed(pixel(image, i % 100, i / 100), gain_s, 1.2);
      for (std::size_t c = 0; c < 3; ++c) {
        // Half a level of rounding; the saturation's own rounding may tip over once.
        EXPECT_NEAR(pixel(changed, i % 100, i / 100)[c], expected[c], 1.51) << gain_s;
      }
    }
  }
}

TEST(Pixels, WarpsAreBilinear) {
  Rng rng = rng_of(2);
  Image image(60, 40, 3);
  for (std::byte& value : image.pixels) value = static_cast<std::byte>(rng.below(256));
  const auto at = [&](int x, int y, int c, data::Border border) {
    const bool outside = x < 0 || y < 0 || x >= 60 || y >= 40;
    if (outside && border == data::Border::fill) return 114.0;
    return 1.0 * pixel(image, std::clamp(x, 0, 59), std::clamp(y, 0, 39))[c];
  };
  for (const data::Matrix& m :
       {data::kIdentity, data::Matrix{0.7, 0.2, -3.3, -0.1, 1.4, 2.1, 0, 0, 1},
        data::Matrix{1.1, 0, 2.25, 0, 0.8, -7, 0.001, 0.002, 1},
        data::Matrix{3e4, 0, -3e5, 0, 3e4, -2e5, 0, 0, 1}}) {
    for (const data::Border border : {data::Border::fill, data::Border::repeat}) {
      const Image out = data::warped(image, m, {70, 50}, border);
      for (int i = 0; i < 70 * 50; ++i) {
        const double px = i % 70 + 0.5, py = i / 70 + 0.5, w = m[6] * px + m[7] * py + m[8];
        const double x = (m[0] * px + m[1] * py + m[2]) / w - 0.5;
        const double y = (m[3] * px + m[4] * py + m[5]) / w - 0.5;
        const int ix = static_cast<int>(std::floor(x)), iy = static_cast<int>(std::floor(y));
        for (int c = 0; c < 3; ++c) {
          const double top =
              at(ix, iy, c, border) * (1 - (x - ix)) + at(ix + 1, iy, c, border) * (x - ix);
          const double bottom =
              at(ix, iy + 1, c, border) * (1 - (x - ix)) + at(ix + 1, iy + 1, c, border) * (x - ix);
          // Places are in 1/64: half of that on each axis, times the greatest difference.
          EXPECT_NEAR(pixel(out, i % 70, i / 70)[c], top * (1 - (y - iy)) + bottom * (y - iy),
                      2 * 255.0 / 128 + 0.5);
        }
      }
    }
  }
}

/// What the definition says, term by term: amplitudes of the low square from the style.
std::vector<double> styled(const Image& image, const Image& style, int half, int channel) {
  const int w = image.width, h = image.height;
  const auto transform = [&](const Image& from, int u, int v) {
    std::complex<double> sum = 0;
    for (int y = 0; y < h; ++y) {
      for (int x = 0; x < w; ++x) {
        const double turn = static_cast<double>(u * x) / w + static_cast<double>(v * y) / h;
        sum += 1.0 * pixel(from, x, y)[channel] * std::polar(1.0, -2 * std::numbers::pi * turn);
      }
    }
    return sum;
  };
  std::vector<std::complex<double>> result(static_cast<std::size_t>(w * h));
  for (int u = -(w - 1) / 2; u <= w / 2; ++u) {
    for (int v = -(h - 1) / 2; v <= h / 2; ++v) {
      std::complex<double> value = transform(image, u, v);
      if (std::max(std::abs(u), std::abs(v)) <= half) {
        value = std::polar(std::abs(transform(style, u, v)), std::arg(value));
      }
      for (int i = 0; i < w * h; ++i) {
        const double turn =
            static_cast<double>(u * (i % w)) / w + static_cast<double>(v * (i / w)) / h;
        result[static_cast<std::size_t>(i)] +=
            value * std::polar(1.0 / (w * h), 2 * std::numbers::pi * turn);
      }
    }
  }
  std::vector<double> real;
  for (const auto& value : result) real.push_back(std::clamp(value.real(), 0.0, 255.0));
  return real;
}

TEST(Pixels, FourierTakesTheLowAmplitudesAndKeepsThePhases) {
  for (const Size size : {Size{12, 10}, Size{9, 7}, Size{16, 5}}) {
    const Image a = painted(size, 1).image, b = painted(size, 2).image;
    for (int half = 0; half <= 2; ++half) {
      const Image out = data::with_style(a, b, half);
      for (int channel = 0; channel < 3; ++channel) {
        const std::vector<double> expected = styled(a, b, half, channel);
        for (int i = 0; i < size.width * size.height; ++i) {
          EXPECT_NEAR(pixel(out, i % size.width, i / size.width)[channel],
                      expected[static_cast<std::size_t>(i)], 0.5 + 1e-9);
        }
      }
    }
  }
}

TEST(Pixels, FourierTakesStylesFromAFolderPastWhatIsNoPicture) {
  const test::TempDir dir;
  EXPECT_THROW(style_pictures(dir.path()), Error) << "no picture there";
  dir.write("a.png", "no picture");
  const Image white(8, 8, 3);
  save_image(dir / "b.png", white.view());
  const Style style = style_pictures(dir.path());
  for (int seed = 0; seed < 10; ++seed) {
    Rng rng = rng_of(seed);
    EXPECT_EQ(style(rng).pixels, white.pixels);
  }
  std::filesystem::remove(dir / "b.png");
  Rng rng = rng_of(1);
  EXPECT_THROW(style(rng), Error);
}

}  // namespace
}  // namespace syolo
