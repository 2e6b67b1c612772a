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

void add_noise(Image& image, double sigma, Rng& rng) {
  unsigned char* at = row_of(image, 0);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) {
    at[i] = level(at[i] + sigma * rng.normal());
  }
}

Sample apply_noise(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  const double sigma = rng.uniform() * o.noise_sigma;
  if (sigma > 0) add_noise(sample.image, sigma, rng);
  return sample;
}

/// A Gaussian of 2 * half + 1 weights that sum to 1.
std::vector<double> gaussian(double sigma, int half) {
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

Image blurred(const Image& image, const std::vector<double>& weights) {
  return blurred_along(blurred_along(image, weights, true), weights, false);
}

Sample apply_blur(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  const double sigma = rng.uniform() * o.blur_sigma;
  if (sigma < 0.1) return sample;  // below that a Gaussian is one pixel
  const int half = std::max(1, static_cast<int>(std::ceil(3 * sigma)));
  sample.image = blurred(sample.image, gaussian(sigma, half));
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

// Darknet ----------------------------------------------------------------------------------------

/// `side` weights of the deviation that OpenCV takes for them, as Darknet blurs through it.
std::vector<double> darknet_weights(int side) {
  return gaussian(0.3 * ((side - 1) * 0.5 - 1) + 0.8, side / 2);
}

/// The boxes of `from` onto `to`.
void restore_boxes(const Sample& from, Image& to) {
  for (const Truth& truth : from.truths) {
    const BoxXywh box = clipped(truth.box, to.width, to.height);
    const int x = static_cast<int>(box.x), y = static_cast<int>(box.y);
    const int w = static_cast<int>(box.x + box.w) - x, h = static_cast<int>(box.y + box.h) - y;
    if (w > 0 && h > 0) paste(from.image, x, y, w, h, to, x, y);
  }
}

Sample darknet_blur(Sample sample, double most, Rng& rng) {
  constexpr int kBackground = 17;
  const int kind = rng.below(3);
  if (kind == 0) return sample;
  if (kind == 1 || most == 1) {
    Image image = blurred(sample.image, darknet_weights(kBackground));
    restore_boxes(sample, image);
    sample.image = std::move(image);
    return sample;
  }
  // Small objects must stay visible.
  for (const Truth& truth : sample.truths) {
    most = std::min(most, std::floor(std::min(truth.box.w, truth.box.h) / 8));
  }
  const int side = 2 * static_cast<int>(most / 2) + 1;
  if (side > 1) sample.image = blurred(sample.image, darknet_weights(side));
  return sample;
}

}  // namespace

Sample darknet_texture(Sample sample, const AugmentOptions& o, Rng& rng) {
  if (o.darknet_blur > 0) sample = darknet_blur(std::move(sample), o.darknet_blur, rng);
  if (o.darknet_noise > 0 && rng.chance(0.5)) {
    add_noise(sample.image, std::min(o.darknet_noise, 127.0), rng);
  }
  return sample;
}

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
