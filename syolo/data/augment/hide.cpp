// Occlusion: random erasing, CutOut, hide-and-seek, GridMask. Boxes that lose more than max_hidden
// of their area go.

#include <algorithm>
#include <cmath>

#include "syolo/data/augment/augment_impl.h"

namespace syolo::data {
namespace {

std::array<unsigned char, 3> grey(const AugmentOptions& options) {
  const auto pad = static_cast<unsigned char>(options.pad);
  return {pad, pad, pad};
}

/// arXiv:1708.04896: one rectangle of random noise.
Sample apply_erase(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  const int width = sample.image.width, height = sample.image.height;
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    const double area = rng.uniform(o.erase_area_low, o.erase_area_high) * width * height;
    const double aspect = rng.uniform(o.erase_aspect, 1 / o.erase_aspect);
    const int h = static_cast<int>(std::sqrt(area * aspect));
    const int w = static_cast<int>(std::sqrt(area / aspect));
    if (w < 1 || h < 1 || w >= width || h >= height) continue;
    const int x = rng.below(width - w), y = rng.below(height - h);
    for (int row = y; row < y + h; ++row) {
      unsigned char* at = pixel_of(sample.image, x, row);
      for (int k = 0; k < 3 * w; ++k) at[k] = static_cast<unsigned char>(rng.next() >> 56);
    }
    Hidden hidden({width, height});
    hidden.rectangle(x, y, w, h);
    hidden.drop(sample.truths, o.max_hidden);
    break;
  }
  return sample;
}

/// The form of the Scaled-YOLOv4 trainer: rectangles of 1/2 ... 1/32 of the sides, one colour each.
/// The paper's (arXiv:1708.04552) is a single square.
Sample apply_cutout(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  const int width = sample.image.width, height = sample.image.height;
  Hidden all({width, height});
  for (int count = 1, part = 2; count <= 16; count *= 2, part *= 2) {
    for (int i = 0; i < count; ++i) {
      const int w = 1 + rng.below(std::max(1, width / part));
      const int h = 1 + rng.below(std::max(1, height / part));
      const int x = rng.below(width) - w / 2, y = rng.below(height) - h / 2;
      std::array<unsigned char, 3> color{};
      for (unsigned char& c : color) c = static_cast<unsigned char>(64 + rng.below(128));
      Hidden one({width, height});
      one.rectangle(x, y, w, h);
      one.fill(sample.image, color);
      all.rectangle(x, y, w, h);
    }
  }
  all.drop(sample.truths, o.max_hidden);
  return sample;
}

/// arXiv:1704.04232: cells of a random grid are hidden with probability one half.
Sample apply_hide(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  const int width = sample.image.width, height = sample.image.height;
  constexpr std::array<int, 4> kSides = {16, 32, 44, 56};  // of 224
  const int side =
      std::max(2, kSides[static_cast<std::size_t>(rng.below(4))] * std::max(width, height) / 224);
  Hidden hidden({width, height});
  for (int y = 0; y < height; y += side) {
    for (int x = 0; x < width; x += side) {
      if (rng.chance(0.5)) hidden.rectangle(x, y, side, side);
    }
  }
  hidden.fill(sample.image, grey(o));
  hidden.drop(sample.truths, o.max_hidden);
  return sample;
}

/// arXiv:2001.04086: a lattice of square holes, the kept edge is `ratio` of the period.
Sample apply_gridmask(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  const int width = sample.image.width, height = sample.image.height;
  const double unit = std::max(width, height) / 224.0;
  const int period = std::max(2, static_cast<int>((96 + rng.below(129)) * unit));
  const int hole = std::max(1, static_cast<int>((1 - o.gridmask_ratio) * period));
  const int dx = rng.below(period), dy = rng.below(period);
  Hidden hidden({width, height});
  for (int y = dy - period; y < height; y += period) {
    for (int x = dx - period; x < width; x += period) hidden.rectangle(x, y, hole, hole);
  }
  hidden.fill(sample.image, {0, 0, 0});
  hidden.drop(sample.truths, o.max_hidden);
  return sample;
}

}  // namespace

Augmentation erase_row() {
  return {"erase", "random erasing: one rectangle of noise", apply_erase};
}
Augmentation cutout_row() {
  return {"cutout", "CutOut: rectangles of many sizes", apply_cutout};
}
Augmentation hide_row() {
  return {"hide", "hide-and-seek: random cells of a grid", apply_hide};
}
Augmentation gridmask_row() {
  return {"gridmask", "GridMask: a lattice of holes", apply_gridmask};
}

}  // namespace syolo::data
