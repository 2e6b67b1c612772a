// Noise, blur, compression and random convolution: texture changes, shapes and boxes stay.

#include <algorithm>
#include <cmath>

#include "syolo/data/augment/augment_impl.h"
#include "syolo/image/codec.h"

namespace syolo::data {
namespace {

unsigned char level(double value) {
  return static_cast<unsigned char>(std::lround(std::clamp(value, 0.0, 255.0)));
}

Sample apply_noise(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  const double sigma = rng.uniform() * o.noise_sigma;
  if (sigma <= 0) return sample;
  unsigned char* at = row_of(sample.image, 0);
  for (std::size_t i = 0; i < sample.image.pixels.size(); ++i) {
    at[i] = level(at[i] + sigma * rng.normal());
  }
  return sample;
}

/// A Gaussian of 2 * half + 1 weights that sum to 1.
std::vector<double> gaussian(double sigma) {
  const int half = std::max(1, static_cast<int>(std::ceil(3 * sigma)));
  std::vector<double> weights;
  double sum = 0;
  for (int i = -half; i <= half; ++i) {
    weights.push_back(std::exp(-0.5 * i * i / (sigma * sigma)));
    sum += weights.back();
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// Along one axis; pixels beyond the border equal those at it.
Image blurred_along(const Image& image, const std::vector<double>& weights, bool across) {
  Image result(image.width, image.height, 3);
  const int count = static_cast<int>(weights.size());
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      std::array<double, 3> sum{};
      for (int i = 0; i < count; ++i) {
        const int k = i - count / 2;
        const unsigned char* p = across
                                     ? pixel_of(image, std::clamp(x + k, 0, image.width - 1), y)
                                     : pixel_of(image, x, std::clamp(y + k, 0, image.height - 1));
        const double weight = weights[static_cast<std::size_t>(i)];
        for (std::size_t c = 0; c < 3; ++c) sum[c] += weight * p[c];
      }
      unsigned char* out = pixel_of(result, x, y);
      for (std::size_t c = 0; c < 3; ++c) out[c] = level(sum[c]);
    }
  }
  return result;
}

Sample apply_blur(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  const double sigma = rng.uniform() * o.blur_sigma;
  if (sigma < 0.1) return sample;  // below that a Gaussian is one pixel
  const std::vector<double> weights = gaussian(sigma);
  sample.image = blurred_along(blurred_along(sample.image, weights, true), weights, false);
  return sample;
}

Sample apply_jpeg(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  const int low = std::min(o.jpeg_low, o.jpeg_high), high = std::max(o.jpeg_low, o.jpeg_high);
  const int quality = low + rng.below(high - low + 1);
  sample.image = decode_image(encode_jpeg(sample.image.view(), quality), "jpeg");
  return sample;
}

/// Weights of a convolution over 3 channels.
struct RandomKernel {
  int side = 1;
  std::vector<double> weights;  // [to][from][y][x]

  RandomKernel(int side_, Rng& rng) : side(side_) {
    const double deviation = 1 / std::sqrt(3.0 * side * side);
    for (int i = 0; i < 9 * side * side; ++i) weights.push_back(deviation * rng.normal());
  }

  /// Around mid grey, so that the result keeps to the range.
  std::array<double, 3> at(const Image& image, int x, int y) const {
    std::array<double, 3> sum = {128, 128, 128};
    const auto area = static_cast<std::size_t>(side) * static_cast<std::size_t>(side);
    for (int i = 0; i < side * side; ++i) {
      const int dx = i % side - side / 2, dy = i / side - side / 2;
      const unsigned char* p = pixel_of(image, std::clamp(x + dx, 0, image.width - 1),
                                        std::clamp(y + dy, 0, image.height - 1));
      for (std::size_t to = 0; to < 3; ++to) {
        for (std::size_t from = 0; from < 3; ++from) {
          const double weight = weights[(3 * to + from) * area + static_cast<std::size_t>(i)];
          sum[to] += weight * (p[from] - 128.0);
        }
      }
    }
    return sum;
  }
};

/// arXiv:2007.13003: blended with the picture in a random share.
Sample apply_randconv(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  const double share = rng.uniform() * o.randconv_mix;
  const RandomKernel kernel(1 + 2 * rng.below(4), rng);
  if (share <= 0) return sample;
  Image result(sample.image.width, sample.image.height, 3);
  for (int y = 0; y < result.height; ++y) {
    for (int x = 0; x < result.width; ++x) {
      const std::array<double, 3> value = kernel.at(sample.image, x, y);
      const unsigned char* p = pixel_of(sample.image, x, y);
      unsigned char* out = pixel_of(result, x, y);
      for (std::size_t c = 0; c < 3; ++c) out[c] = level((1 - share) * p[c] + share * value[c]);
    }
  }
  sample.image = std::move(result);
  return sample;
}

}  // namespace

Augmentation noise_row() {
  return {"noise", "Gaussian noise, up to noise_sigma levels", apply_noise};
}
Augmentation blur_row() {
  return {"blur", "Gaussian blur, up to blur_sigma pixels", apply_blur};
}
Augmentation jpeg_row() {
  return {"jpeg", "JPEG compression of quality jpeg_low to jpeg_high", apply_jpeg};
}
Augmentation randconv_row() {
  return {"randconv", "random convolution: another texture, the same shapes", apply_randconv};
}

}  // namespace syolo::data
