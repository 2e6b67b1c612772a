// Photometric: hue, saturation and value on 8-bit HSV (hue 0..179), as the published trainers do;
// brightness and contrast.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "syolo/data/augment/augment_impl.h"

namespace syolo::data {
namespace {

struct Hsv {
  int h = 0, s = 0, v = 0;  // 0..179, 0..255, 0..255
};

/// Quotients of small numbers by multiplication, exact where value * divisor < 2^32.
template <int Factor>
constexpr std::array<std::uint64_t, 256> reciprocals() {
  std::array<std::uint64_t, 256> table{};
  for (std::uint64_t i = 1; i < 256; ++i) {
    table[i] = ((std::uint64_t{1} << 32) + Factor * i - 1) / (Factor * i);
  }
  return table;
}
constexpr std::array<std::uint64_t, 256> kPart = reciprocals<1>(), kHalfPart = reciprocals<2>();

/// Everything rounded half up, and without jumps: neighbours differ too much to foresee them.
Hsv to_hsv(const unsigned char* p) {
  const int r = p[0], g = p[1], b = p[2];
  const int high = std::max(std::max(r, g), b), range = high - std::min(std::min(r, g), b);
  const bool red = high == r, green = high == g;
  const int difference = red ? g - b : green ? b - r : r - g;
  int h = (red ? 0 : green ? 60 : 120) * range + 30 * difference;  // times range
  h += h < 0 ? 180 * range : 0;
  const auto quotient = [](int value, std::uint64_t part) {
    return static_cast<int>(static_cast<std::uint64_t>(value) * part >> 32);
  };
  const int hue = quotient(2 * h + range, kHalfPart[static_cast<std::size_t>(range)]);
  return {hue == 180 ? 0 : hue,
          quotient(255 * range + high / 2, kPart[static_cast<std::size_t>(high)]), high};
}

constexpr int kSector = 30;  // hues

/// How much of the saturation each of red, green and blue loses at a hue, in 1/30.
constexpr std::array<std::array<int, 3>, 180> kLoss = [] {
  std::array<std::array<int, 3>, 180> table{};
  for (int h = 0; h < 180; ++h) {
    const int f = h % kSector, up = kSector - f, all = kSector;
    const std::array<std::array<int, 3>, 6> sectors = {
        {{0, up, all}, {f, 0, all}, {all, 0, up}, {all, f, 0}, {up, all, 0}, {0, all, f}}};
    table[static_cast<std::size_t>(h)] = sectors[static_cast<std::size_t>(h / kSector)];
  }
  return table;
}();

void to_rgb(const Hsv& c, unsigned char* p) {
  constexpr unsigned kWhole = 255 * kSector;
  const std::array<int, 3>& loss = kLoss[static_cast<std::size_t>(c.h)];
  for (std::size_t i = 0; i < 3; ++i) {
    const auto kept = kWhole - static_cast<unsigned>(c.s * loss[i]);
    p[i] = static_cast<unsigned char>((static_cast<unsigned>(c.v) * kept + kWhole / 2) / kWhole);
  }
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

/// All values of all channels become `factor` * value + `shift`, rounded.
void change_levels(Image& image, double factor, double shift) {
  std::array<unsigned char, 256> table{};
  for (std::size_t i = 0; i < table.size(); ++i) {
    const double value = factor * static_cast<double>(i) + shift;
    table[i] = static_cast<unsigned char>(std::lround(std::clamp(value, 0.0, 255.0)));
  }
  unsigned char* p = row_of(image, 0);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) p[i] = table[p[i]];
}

Sample apply_brightness(Sample sample, const AugmentOptions& options, Rng& rng, const Pick&) {
  change_levels(sample.image, 1, rng.uniform(-1, 1) * options.brightness_levels);
  return sample;
}

/// About the picture's mean, which stays: the brightness does not change with the contrast.
Sample apply_contrast(Sample sample, const AugmentOptions& options, Rng& rng, const Pick&) {
  const double factor = 1 + rng.uniform(-1, 1) * options.contrast_range;
  const std::array<unsigned char, 3> color = mean_color(sample.image);
  const double mean = (color[0] + color[1] + color[2]) / 3.0;
  change_levels(sample.image, factor, (1 - factor) * mean);
  return sample;
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
Augmentation brightness_row() {
  return {"brightness", "all levels +- brightness_levels", apply_brightness};
}
Augmentation contrast_row() {
  return {"contrast", "distances from the mean level times 1 +- contrast_range", apply_contrast};
}

}  // namespace syolo::data
