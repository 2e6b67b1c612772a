// Geometric: flips, rotation, scale, shear, translation, perspective, letterbox.

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "syolo/data/augment/augment_impl.h"

namespace syolo {
namespace data {
namespace {

void flip_horizontally(Sample& sample) {
  for (int y = 0; y < sample.image.height; ++y) {
    for (int a = 0, b = sample.image.width - 1; a < b; ++a, --b) {
      unsigned char* left = pixel_of(sample.image, a, y);
      std::swap_ranges(left, left + 3, pixel_of(sample.image, b, y));
    }
  }
  for (Truth& truth : sample.truths) {
    truth.box.x = sample.image.width - truth.box.x - truth.box.w;
  }
}

void flip_vertically(Sample& sample) {
  for (int a = 0, b = sample.image.height - 1; a < b; ++a, --b) {
    unsigned char* row = row_of(sample.image, a);
    std::swap_ranges(row, row + std::ptrdiff_t{3} * sample.image.width, row_of(sample.image, b));
  }
  for (Truth& truth : sample.truths) {
    truth.box.y = sample.image.height - truth.box.y - truth.box.h;
  }
}

Sample apply_flip(Sample sample, const AugmentOptions& options, Rng& rng, const Pick&) {
  if (rng.chance(options.flipud)) flip_vertically(sample);
  if (rng.chance(options.fliplr)) flip_horizontally(sample);
  return sample;
}

Sample apply_affine(Sample sample, const AugmentOptions& options, Rng& rng, const Pick&) {
  const Size size = sample.image.size();
  return random_perspective(std::move(sample), size, options, rng);
}

// The row of the table fixes the type.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Sample apply_letterbox(Sample sample, const AugmentOptions& options, Rng&, const Pick&) {
  return letterboxed(sample, options.input, options.pad);
}

}  // namespace

Sample random_perspective(Sample sample, Size size, const AugmentOptions& o, Rng& rng) {
  constexpr double kDegree = std::numbers::pi / 180;
  const double w = sample.image.width, h = sample.image.height;
  const Matrix centre = {1, 0, -w / 2, 0, 1, -h / 2, 0, 0, 1};
  Matrix p = kIdentity;
  p[6] = rng.uniform(-o.perspective, o.perspective);
  p[7] = rng.uniform(-o.perspective, o.perspective);
  const double angle = rng.uniform(-o.degrees, o.degrees) * kDegree;
  const double s = rng.uniform(1 - o.scale, 1 + o.scale);
  const double c = s * std::cos(angle), n = s * std::sin(angle);
  const Matrix turn = {c, n, 0, -n, c, 0, 0, 0, 1};
  const double shear_x = std::tan(rng.uniform(-o.shear, o.shear) * kDegree);
  const double shear_y = std::tan(rng.uniform(-o.shear, o.shear) * kDegree);
  const Matrix shear = {1, shear_x, 0, shear_y, 1, 0, 0, 0, 1};
  const double tx = rng.uniform(0.5 - o.translate, 0.5 + o.translate) * size.width;
  const double ty = rng.uniform(0.5 - o.translate, 0.5 + o.translate) * size.height;
  const Matrix shift = {1, 0, tx, 0, 1, ty, 0, 0, 1};
  const Matrix m = product(shift, product(shear, product(turn, product(p, centre))));
  const auto pad = static_cast<unsigned char>(o.pad);
  Image moved = warped(sample.image, inverse(m), size, Border::fill, {pad, pad, pad});
  give_back(std::exchange(sample.image, std::move(moved)));
  move_boxes(sample.truths, m, size, s * s, o);
  return sample;
}

Augmentation flip_row() {
  return {"flip", "upside down (flipud), left to right (fliplr)", apply_flip};
}
Augmentation affine_row() {
  return {"affine", "degrees, scale, shear, translate, perspective", apply_affine};
}
Augmentation letterbox_row() {
  return {"letterbox", "resized to fit the input, the rest grey", apply_letterbox, true};
}

}  // namespace data

Sample letterboxed(const Sample& sample, Size input, int pad) {
  const double scale = std::min(static_cast<double>(input.width) / sample.image.width,
                                static_cast<double>(input.height) / sample.image.height);
  const Size inner = {
      std::clamp(static_cast<int>(std::lround(sample.image.width * scale)), 1, input.width),
      std::clamp(static_cast<int>(std::lround(sample.image.height * scale)), 1, input.height)};
  const int left = static_cast<int>(std::lround((input.width - inner.width) / 2.0 - 0.1));
  const int top = static_cast<int>(std::lround((input.height - inner.height) / 2.0 - 0.1));
  const auto grey = static_cast<unsigned char>(pad);
  Sample result{data::filled(input, {grey, grey, grey}), sample.truths, sample.classes};
  data::paste(data::resized(sample.image, inner), 0, 0, inner.width, inner.height, result.image,
              left, top);
  const double sx = static_cast<double>(inner.width) / sample.image.width;
  const double sy = static_cast<double>(inner.height) / sample.image.height;
  for (Truth& truth : result.truths) {
    const BoxXywh& box = truth.box;
    data::set_box(truth, {box.x * sx + left, box.y * sy + top, box.w * sx, box.h * sy});
  }
  return result;
}

}  // namespace syolo
