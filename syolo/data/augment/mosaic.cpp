// Mosaic of four pictures, in the two published forms: those of the trainers of Scaled-YOLOv4
// (arXiv:2011.08036) and Darknet (arXiv:2004.10934).

#include <algorithm>
#include <cmath>

#include "syolo/data/augment/augment_impl.h"

namespace syolo::data {
namespace {

/// Puts the whole picture at (x, y) of the canvas, cut off at its border, with its boxes.
void put_picture(const Sample& tile, int x, int y, const AugmentOptions& o, Sample& canvas) {
  const int w = tile.image.width, h = tile.image.height;
  const int x1 = std::max(0, x), x2 = std::min(canvas.image.width, x + w);
  const int y1 = std::max(0, y), y2 = std::min(canvas.image.height, y + h);
  if (x2 <= x1 || y2 <= y1) return;
  paste(tile.image, x1 - x, y1 - y, x2 - x1, y2 - y1, canvas.image, x1, y1);
  for (Truth truth : tile.truths) {
    const BoxXywh& b = truth.box;
    const BoxXywh moved = {b.x + x, b.y + y, b.w, b.h};
    const BoxXywh inside = clipped(moved, canvas.image.width, canvas.image.height);
    set_box(truth, inside);
    if (keeps(moved, inside, 1, o)) canvas.truths.push_back(truth);
  }
}

/// With its corner at the centre (cx, cy) of the canvas; tiles in reading order.
void put_tile(const Sample& tile, int number, int cx, int cy, const AugmentOptions& o,
              Sample& canvas) {
  const bool right = number % 2 == 1, below = number / 2 == 1;
  put_picture(tile, right ? cx : cx - tile.image.width, below ? cy : cy - tile.image.height, o,
              canvas);
}

/// A canvas of twice the input, warped down to the input.
Sample apply_mosaic(Sample sample, const AugmentOptions& o, Rng& rng, const Pick& other) {
  const int w = o.input.width, h = o.input.height, side = std::max(w, h);
  int cx = w, cy = h;
  if (o.mosaic_centre == MosaicCentre::random) {
    cy = static_cast<int>(rng.uniform(h / 2.0, 1.5 * h));
    cx = static_cast<int>(rng.uniform(w / 2.0, 1.5 * w));
  }
  const auto pad = static_cast<unsigned char>(o.pad);
  Sample canvas{filled({2 * w, 2 * h}, {pad, pad, pad}), {}};
  put_tile(resized_to(std::move(sample), side), 0, cx, cy, o, canvas);
  for (int tile = 1; tile < 4; ++tile) {
    put_tile(resized_to(other(rng), side), tile, cx, cy, o, canvas);
  }
  return random_perspective(std::move(canvas), o.input, o, rng);
}

/// Nine pictures in three rows, each in the middle of a cell of the input's size; a window of twice
/// the input somewhere on them, warped down to the input.
// The row of the table fixes the type.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Sample apply_mosaic9(Sample sample, const AugmentOptions& o, Rng& rng, const Pick& other) {
  const int w = o.input.width, h = o.input.height;
  const auto pad = static_cast<unsigned char>(o.pad);
  const int left = rng.below(w + 1), top = rng.below(h + 1);
  Sample canvas{filled({2 * w, 2 * h}, {pad, pad, pad}), {}};
  for (int i = 0; i < 9; ++i) {
    // The sample itself has the middle, which every window shows.
    const Sample tile = letterboxed(i == 4 ? sample : other(rng), o.input, o.pad);
    put_picture(tile, i % 3 * w - left, i / 3 * h - top, o, canvas);
  }
  return random_perspective(std::move(canvas), o.input, o, rng);
}

// Darknet ----------------------------------------------------------------------------------------

struct Margins {
  int left = 0, right = 0, top = 0, bottom = 0;  // cut off; negative: padding
};

/// Jitter of each edge, a common resize of opposite corners, and the letterbox.
Margins draw_margins(Size size, const AugmentOptions& o, Rng& rng) {
  const int jw = static_cast<int>(size.width * o.jitter),
            jh = static_cast<int>(size.height * o.jitter);
  const auto edge = [&](int most) { return static_cast<int>(rng.uniform(-most, most)); };
  Margins m;
  m.left = edge(jw), m.right = edge(jw), m.top = edge(jh), m.bottom = edge(jh);
  const double down = std::min(o.resize, 1 / o.resize), up = std::max(o.resize, 1 / o.resize);
  const double low = (1 - 1 / down) / 2, high = (1 - 1 / up) / 2;
  const double first = rng.uniform(), second = rng.uniform();
  const double a = low + first * (high - low), b = low + second * (high - low);
  m.left += static_cast<int>(size.width * a), m.top += static_cast<int>(size.height * a);
  m.right += static_cast<int>(size.width * b), m.bottom += static_cast<int>(size.height * b);
  if (!o.letterbox) return m;
  const double width = static_cast<double>(size.height) * o.input.width / o.input.height,
               height = static_cast<double>(size.width) * o.input.height / o.input.width;
  const int x = static_cast<int>(std::max(0.0, width - size.width) / 2),
            y = static_cast<int>(std::max(0.0, height - size.height) / 2);
  m.left -= x, m.right -= x, m.top -= y, m.bottom -= y;
  return m;
}

/// Half of the time a mosaic's picture keeps its outer edges: all margin moves to the cut.
void move_margins(Margins& m, int tile, bool flip) {
  const bool right = (tile % 2 == 1) != flip, below = tile / 2 == 1;
  const int across = m.left + m.right, down = m.top + m.bottom;
  m.left = right ? across : 0, m.right = right ? 0 : across;
  m.top = below ? down : 0, m.bottom = below ? 0 : down;
}

}  // namespace

Cropped darknet_crop(Sample sample, const AugmentOptions& o, Rng& rng, int tile) {
  const Size size = sample.image.size();
  const bool flip = o.flip && rng.chance(0.5);
  Margins m = draw_margins(size, o, rng);
  if (tile >= 0 && rng.chance(0.5)) move_margins(m, tile, flip);
  int w = size.width - m.left - m.right, h = size.height - m.top - m.bottom;
  if (w <= 0 || h <= 0 || m.left >= size.width || m.top >= size.height) {
    m = {}, w = size.width, h = size.height;
  }
  const double sx = static_cast<double>(o.input.width) / w,
               sy = static_cast<double>(o.input.height) / h;
  Matrix forward = {sx, 0, -m.left * sx, 0, sy, -m.top * sy, 0, 0, 1};
  if (flip)
    forward = product({-1, 0, static_cast<double>(o.input.width), 0, 1, 0, 0, 0, 1}, forward);
  Cropped result;
  result.sample.image =
      warped(sample.image, inverse(forward), o.input, Border::fill, mean_color(sample.image));
  result.sample.truths = std::move(sample.truths);
  move_boxes(result.sample.truths, forward, o.input, sx * sy, o);
  const auto padding = [](int margin, double scale) {
    return std::max(0, static_cast<int>(-margin * scale));
  };
  result.left = padding(m.left, sx), result.right = padding(m.right, sx);
  result.top = padding(m.top, sy), result.bottom = padding(m.bottom, sy);
  if (flip) std::swap(result.left, result.right);
  return result;
}

namespace {

/// Cuts tile `number` of the target out of a whole augmented picture, without scaling.
void put_darknet_tile(const Cropped& cropped, int number, int cx, int cy, const AugmentOptions& o,
                      Sample& target) {
  const int w = o.input.width, h = o.input.height;
  const bool right = number % 2 == 1, below = number / 2 == 1;
  // Padding is pushed out of the tile where there is room for it.
  const int from_x = right ? std::min(cx, cropped.left) : w - cx - std::min(w - cx, cropped.right);
  const int from_y = below ? std::min(cy, cropped.top) : h - cy - std::min(h - cy, cropped.bottom);
  const int x = right ? cx : 0, y = below ? cy : 0;
  const int tile_w = right ? w - cx : cx, tile_h = below ? h - cy : cy;
  if (tile_w <= 0 || tile_h <= 0) return;
  paste(cropped.sample.image, from_x, from_y, tile_w, tile_h, target.image, x, y);
  for (Truth truth : cropped.sample.truths) {
    const BoxXywh before = truth.box;
    BoxXywh inside =
        clipped({before.x - from_x, before.y - from_y, before.w, before.h}, tile_w, tile_h);
    inside.x += x, inside.y += y;
    if (!keeps(before, inside, 1, o)) continue;
    if (!o.mosaic_bound) {  // as published: a box may reach into the neighbour's tile
      inside = clipped({before.x - from_x + x, before.y - from_y + y, before.w, before.h}, w, h);
    }
    set_box(truth, inside);
    target.truths.push_back(truth);
  }
}

/// Where the four pictures meet.
int random_cut(int side, Rng& rng) {
  const int low = static_cast<int>(0.2 * side), high = static_cast<int>(0.8 * side);
  return low + rng.below(high - low + 1);
}

Sample apply_darknet_mosaic(Sample sample, const AugmentOptions& o, Rng& rng, const Pick& other) {
  const int w = o.input.width, h = o.input.height;
  const int cx = random_cut(w, rng), cy = random_cut(h, rng);
  Sample target{Image(w, h, 3), {}};
  const auto put = [&](Sample picture, int tile) {
    Cropped cropped = darknet_crop(std::move(picture), o, rng, tile);
    cropped.sample = darknet_color(std::move(cropped.sample), o, rng);
    cropped.sample = darknet_texture(std::move(cropped.sample), o, rng);
    put_darknet_tile(cropped, tile, cx, cy, o, target);
  };
  put(std::move(sample), 0);
  for (int tile = 1; tile < 4; ++tile) put(other(rng), tile);
  return target;
}

Sample apply_crop(Sample sample, const AugmentOptions& o, Rng& rng, const Pick&) {
  return darknet_crop(std::move(sample), o, rng, -1).sample;
}

}  // namespace

Sample class_mosaic(const Sample& sample, Rng& rng, const Pick& other) {
  const int w = sample.image.width, h = sample.image.height;
  const int cx = random_cut(w, rng), cy = random_cut(h, rng);
  Sample target{Image(w, h, 3), {}};
  double seen = 0;  // share of the target
  const auto put = [&](const Sample& picture, int tile) {
    const bool right = tile % 2 == 1, below = tile / 2 == 1;
    const int tile_w = right ? w - cx : cx, tile_h = below ? h - cy : cy;
    if (tile_w <= 0 || tile_h <= 0) return;
    paste(picture.image, (w - tile_w) / 2, (h - tile_h) / 2, tile_w, tile_h, target.image,
          right ? cx : 0, below ? cy : 0);
    const double area = static_cast<double>(tile_w) * tile_h / (static_cast<double>(w) * h);
    target.classes = blended(std::move(target.classes), picture.classes, seen / (seen + area));
    seen += area;
  };
  put(sample, 0);
  for (int tile = 1; tile < 4; ++tile) put(other(rng), tile);
  return target;
}

Augmentation mosaic_row() {
  return {"mosaic", "four pictures on a canvas twice the input, warped (Scaled-YOLOv4)",
          apply_mosaic, true};
}
Augmentation mosaic9_row() {
  return {"mosaic-9", "nine pictures, a window of four cells, warped", apply_mosaic9, true};
}
Augmentation darknet_mosaic_row() {
  return {"mosaic-darknet", "four cropped pictures, cut at a random centre (Darknet)",
          apply_darknet_mosaic, true};
}
Augmentation crop_row() {
  return {"crop", "jitter, resize and flip to the input (Darknet)", apply_crop, true};
}

}  // namespace syolo::data
