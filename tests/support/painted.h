// Pictures whose boxes can be found again by their colour, wherever an augmentation moved them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <optional>

#include "syolo/data/augment.h"

namespace syolo::test {

inline const unsigned char* pixel(const Image& image, int x, int y) {
  return reinterpret_cast<const unsigned char*>(image.pixels.data()) +
         3 * (static_cast<std::ptrdiff_t>(y) * image.width + x);
}
inline unsigned char* pixel(Image& image, int x, int y) {
  return const_cast<unsigned char*>(pixel(std::as_const(image), x, y));
}

/// A dark ground with one solid red, green or blue box of each class 0, 1, 2, apart from each
/// other.
inline Sample painted(Size size, std::uint64_t seed) {
  Rng rng(seed, Stream::test, 2);
  Sample sample{Image(size.width, size.height, 3), {}};
  std::fill(sample.image.pixels.begin(), sample.image.pixels.end(), std::byte{20});
  const int third = size.width / 3;
  for (int cls = 0; cls < 3; ++cls) {
    const int w = third / 3 + rng.below(third / 3),
              h = size.height / 4 + rng.below(size.height / 3);
    const int x = cls * third + rng.below(third - w), y = rng.below(size.height - h);
    for (int row = y; row < y + h; ++row) {
      for (int column = x; column < x + w; ++column) pixel(sample.image, column, row)[cls] = 250;
    }
    Truth truth;
    truth.box = {static_cast<double>(x), static_cast<double>(y), static_cast<double>(w),
                 static_cast<double>(h)};
    truth.area = truth.box.w * truth.box.h;
    truth.cls = cls;
    truth.id = cls + 1;
    sample.truths.push_back(truth);
  }
  return sample;
}

/// The bounds of the pixels in which the class's colour prevails.
inline std::optional<BoxXywh> bounds_of(const Image& image, int cls) {
  int x1 = image.width, y1 = image.height, x2 = -1, y2 = -1;
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      const unsigned char* p = pixel(image, x, y);
      const int others = std::max(p[(cls + 1) % 3], p[(cls + 2) % 3]);
      if (p[cls] - others < 115) continue;
      x1 = std::min(x1, x), x2 = std::max(x2, x), y1 = std::min(y1, y), y2 = std::max(y2, y);
    }
  }
  if (x2 < 0) return std::nullopt;
  return BoxXywh{static_cast<double>(x1), static_cast<double>(y1), static_cast<double>(x2 + 1 - x1),
                 static_cast<double>(y2 + 1 - y1)};
}

inline bool near(const BoxXywh& a, const BoxXywh& b, double pixels) {
  return std::abs(a.x - b.x) <= pixels && std::abs(a.y - b.y) <= pixels &&
         std::abs(a.x + a.w - b.x - b.w) <= pixels && std::abs(a.y + a.h - b.y - b.h) <= pixels;
}

}  // namespace syolo::test
