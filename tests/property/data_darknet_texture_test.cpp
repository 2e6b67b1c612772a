// Darknet's blur and noise.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "syolo/data/augment/augment_impl.h"

namespace syolo {
namespace {

constexpr int kSeeds = 60;
constexpr Size kSize = {96, 64};

Rng rng_of(int seed) {
  return Rng(static_cast<std::uint64_t>(seed), Stream::test);
}

/// Differences between neighbours, summed over the pixels that `inside` says.
template <class Inside>
double roughness(const Image& image, const Inside& inside) {
  double sum = 0;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 1; x < image.width; ++x) {
      if (inside(x, y) && inside(x - 1, y)) {
        sum += std::abs(data::pixel_of(image, x, y)[0] - data::pixel_of(image, x - 1, y)[0]);
      }
    }
  }
  return sum;
}

TEST(DarknetTexture, BlurSparesBoxesOrSmallObjects) {
  Sample sharp{Image(kSize.width, kSize.height, 3), {}};
  Rng fill(5, Stream::test);
  for (std::byte& value : sharp.image.pixels) value = std::byte(fill.below(256));
  sharp.truths.push_back({.box = {8, 8, 16, 16}, .area = 256});
  const auto kinds = [&](double blur, int side) {
    const auto in_box = [&](int x, int y) {
      return x >= 8 && x < 8 + side && y >= 8 && y < 8 + side;
    };
    const auto outside = [&](int x, int y) { return !in_box(x, y); };
    std::map<std::string, int> counts;
    Sample from = sharp;
    from.truths[0].box.w = from.truths[0].box.h = side;
    for (int seed = 0; seed < kSeeds; ++seed) {
      AugmentOptions o;
      o.darknet_blur = blur;
      Rng rng = rng_of(seed);
      const Sample out = data::darknet_texture(from, o, rng);
      const bool box = roughness(out.image, in_box) < 0.7 * roughness(sharp.image, in_box);
      const bool rest = roughness(out.image, outside) < 0.7 * roughness(sharp.image, outside);
      ++counts[std::string(box ? "box " : "") + (rest ? "rest" : "")];
    }
    return counts;
  };
  const auto large = kinds(9, 16);  // to a kernel of 3 by the box of 16
  EXPECT_GT(large.at(""), 0);
  EXPECT_GT(large.at("rest"), 0) << "the background alone";
  EXPECT_GT(large.at("box rest"), 0);
  EXPECT_EQ(kinds(9, 7).count("box rest"), 0U) << "objects below 8 pixels";
  EXPECT_EQ(kinds(1, 16).count("box rest"), 0U) << "1 is the background";
  EXPECT_GT(kinds(1, 16).at("rest"), kinds(9, 16).at("rest"));
}

TEST(DarknetTexture, NoiseIsAddedToHalfOfThePictures) {
  Sample grey{Image(kSize.width, kSize.height, 3), {}};
  std::fill(grey.image.pixels.begin(), grey.image.pixels.end(), std::byte{128});
  int noisy = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    AugmentOptions o;
    o.darknet_noise = 10;
    Rng rng = rng_of(seed);
    const Sample out = data::darknet_texture(grey, o, rng);
    double sum = 0, squares = 0;
    for (const std::byte value : out.image.pixels) {
      const double d = std::to_integer<int>(value) - 128.0;
      sum += d, squares += d * d;
    }
    const auto n = static_cast<double>(out.image.pixels.size());
    if (squares == 0) continue;
    ++noisy;
    EXPECT_NEAR(sum / n, 0, 0.5);
    EXPECT_NEAR(std::sqrt(squares / n), 10, 0.5);
  }
  EXPECT_GT(noisy, kSeeds / 4);
  EXPECT_LT(noisy, 3 * kSeeds / 4);
}

}  // namespace
}  // namespace syolo
