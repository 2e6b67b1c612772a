// Photometric: hue, saturation and value on 8-bit HSV (hue 0..179), as the published trainers do.

#include <algorithm>
#include <cmath>

#include "syolo/data/augment/augment_impl.h"

namespace syolo::data {
namespace {

struct Hsv {
  int h = 0, s = 0, v = 0;  // 0..179, 0..255, 0..255
};

Hsv to_hsv(const unsigned char* p) {
  const int high = std::max({p[0], p[1], p[2]}), low = std::min({p[0], p[1], p[2]});
  const int range = high - low;
  if (range == 0) return {0, 0, high};
  double h = 0;
  if (high == p[0]) {
    h = 30.0 * (p[1] - p[2]) / range;
  } else if (high == p[1]) {
    h = 60 + 30.0 * (p[2] - p[0]) / range;
  } else {
    h = 120 + 30.0 * (p[0] - p[1]) / range;
  }
  if (h < 0) h += 180;
  return {static_cast<int>(std::lround(h)) % 180, (255 * range + high / 2) / high, high};
}

void to_rgb(const Hsv& c, unsigned char* p) {
  const double sector = c.h / 30.0, s = c.s / 255.0;
  const int i = static_cast<int>(sector);
  const double f = sector - i;
  const auto level = [&](double share) {
    return static_cast<unsigned char>(std::lround(c.v * (1 - s * share)));
  };
  const auto v = static_cast<unsigned char>(c.v);
  const unsigned char low = level(1), down = level(f), up = level(1 - f);
  const std::array<std::array<unsigned char, 3>, 6> sectors = {
      {{v, up, low}, {down, v, low}, {low, v, up}, {low, down, v}, {up, low, v}, {v, low, down}}};
  std::copy_n(sectors[static_cast<std::size_t>(i)].begin(), 3, p);
}

unsigned char scaled_level(int x, double factor) {
  return static_cast<unsigned char>(std::clamp(x * factor, 0.0, 255.0));
}

Sample apply_hsv(Sample sample, const AugmentOptions& options, Rng& rng, const Pick&) {
  const double h = 1 + rng.uniform(-1, 1) * options.hsv_h;
  const double s = 1 + rng.uniform(-1, 1) * options.hsv_s;
  const double v = 1 + rng.uniform(-1, 1) * options.hsv_v;
  change_hsv(sample.image, h, 0, s, v);
  return sample;
}

/// Uniform in 1..s, inverted half of the time.
double random_scale(double s, Rng& rng) {
  const double factor = rng.uniform(1, std::max(1.0, s));
  return rng.chance(0.5) ? factor : 1 / factor;
}

Sample apply_darknet(Sample sample, const AugmentOptions& options, Rng& rng, const Pick&) {
  return darknet_color(std::move(sample), options, rng);
}

}  // namespace

void change_hsv(Image& image, double hue_factor, int hue_shift, double saturation, double value) {
  if (hue_factor == 1 && hue_shift == 0 && saturation == 1 && value == 1) return;
  std::array<int, 180> hue{};
  std::array<unsigned char, 256> s{}, v{};
  for (int i = 0; i < 180; ++i) {
    const int h = static_cast<int>(std::fmod(i * hue_factor, 180)) + hue_shift;
    hue[static_cast<std::size_t>(i)] = (h % 180 + 180) % 180;
  }
  for (int i = 0; i < 256; ++i) {
    s[static_cast<std::size_t>(i)] = scaled_level(i, saturation);
    v[static_cast<std::size_t>(i)] = scaled_level(i, value);
  }
  unsigned char* p = row_of(image, 0);
  for (std::size_t i = 0; i + 2 < image.pixels.size(); i += 3, p += 3) {
    const Hsv c = to_hsv(p);
    to_rgb({hue[static_cast<std::size_t>(c.h)], s[static_cast<std::size_t>(c.s)],
            v[static_cast<std::size_t>(c.v)]},
           p);
  }
}

/// The hue wraps at both ends; Darknet's 8-bit sum sticks at red when it falls below 0.
Sample darknet_color(Sample sample, const AugmentOptions& options, Rng& rng) {
  const double hue = rng.uniform(-1, 1) * options.hue;
  const double saturation = random_scale(options.saturation, rng);
  const double exposure = random_scale(options.exposure, rng);
  const int hue_shift = static_cast<int>(179 * hue);
  change_hsv(sample.image, 1.0, hue_shift, saturation, exposure);
  return sample;
}

Augmentation hsv_row() {
  return {"hsv", "hue, saturation, value times 1 +- hsv_h, hsv_s, hsv_v", apply_hsv};
}
Augmentation darknet_color_row() {
  return {"exposure", "hue shift, saturation and exposure, as Darknet", apply_darknet};
}

}  // namespace syolo::data
