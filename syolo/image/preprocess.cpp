// Where the picture goes inside the network's input, and how it gets there.

#include "syolo/image/preprocess.h"

#include <algorithm>
#include <cmath>

#include "syolo/base/error.h"
#include "syolo/image/resize.h"

namespace syolo {
namespace {

// The picture's rectangle within the input.
struct Place {
  int left = 0, top = 0, width = 0, height = 0;
};

// Half to even, as the programs in Python round; independent of the rounding mode.
int round_half_even(double value) {
  const double below = std::floor(value), rest = value - below;
  const auto whole = static_cast<int>(below);
  if (rest > 0.5) return whole + 1;
  if (rest < 0.5) return whole;
  return whole + whole % 2;
}

// Darknet divides integers: the short side is cut, and an odd remainder goes to the far border.
Place darknet_letterbox(Size image, Size input) {
  const std::int64_t w = image.width, h = image.height, to_w = input.width, to_h = input.height;
  const bool wide = to_w * h < to_h * w;
  Place place;
  place.width = wide ? input.width : static_cast<int>(std::max<std::int64_t>(1, w * to_h / h));
  place.height = wide ? static_cast<int>(std::max<std::int64_t>(1, h * to_w / w)) : input.height;
  place.left = (input.width - place.width) / 2;
  place.top = (input.height - place.height) / 2;
  return place;
}

double letterbox_gain(Size image, Size input) {
  return std::min(static_cast<double>(input.width) / image.width,
                  static_cast<double>(input.height) / image.height);
}

// The PyTorch programs round the size, and the border at the near side down from one half.
Place pytorch_letterbox(Size image, Size input) {
  const double gain = letterbox_gain(image, input);
  Place place;
  place.width = std::clamp(round_half_even(image.width * gain), 1, input.width);
  place.height = std::clamp(round_half_even(image.height * gain), 1, input.height);
  place.left = round_half_even((input.width - place.width) / 2.0 - 0.1);
  place.top = round_half_even((input.height - place.height) / 2.0 - 0.1);
  return place;
}

Place place_of(Size image, const Preprocess& how, Size input) {
  if (how.fit == Fit::stretch) return {0, 0, input.width, input.height};
  return how.interpolation == Interpolation::aligned_corners ? darknet_letterbox(image, input)
                                                             : pytorch_letterbox(image, input);
}

void fill_border(const Place& place, float pad, Size input, float* plane) {
  const std::ptrdiff_t width = input.width;
  std::fill_n(plane, width * place.top, pad);
  for (int y = place.top; y < place.top + place.height; ++y) {
    float* row = plane + width * y;
    std::fill_n(row, place.left, pad);
    std::fill(row + place.left + place.width, row + width, pad);
  }
  std::fill(plane + width * (place.top + place.height), plane + width * input.height, pad);
}

void check_sizes(Size image, Size input) {
  require(image.width > 0 && image.height > 0, "expected a picture, found one of {}x{}",
          image.width, image.height);
  SYOLO_ASSERT(input.width > 0 && input.height > 0, "a network input has an area");
}

}  // namespace

// Both letterboxes are undone with the border's unrounded half, as their programs do: it keeps
// boxes equal to theirs and costs at most half a network pixel.
ImageMap image_map(Size image, const Preprocess& how, Size input) {
  check_sizes(image, input);
  const Place place = place_of(image, how, input);
  ImageMap map;
  map.image = image;
  map.sx = static_cast<double>(place.width) / image.width;
  map.sy = static_cast<double>(place.height) / image.height;
  if (how.fit == Fit::letterbox) {
    if (how.interpolation == Interpolation::half_pixel) {
      map.sx = map.sy = letterbox_gain(image, input);
    }
    map.tx = (input.width - place.width) / 2.0;
    map.ty = (input.height - place.height) / 2.0;
  }
  return map;
}

ImageMap preprocess(ImageView image, const Preprocess& how, Size input, std::span<float> dst) {
  const ImageMap map = image_map(image.size(), how, input);
  require(image.channels == how.channels && image.bits == how.bits,
          "expected a picture of {} channels with {} bits, found {} channels with {} bits",
          how.channels, how.bits, image.channels, image.bits);
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(input.width) * input.height;
  SYOLO_ASSERT(static_cast<std::ptrdiff_t>(dst.size()) == plane * how.channels,
               "the input's values fill the network's input exactly");
  const Place place = place_of(image.size(), how, input);
  for (int c = 0; c < how.channels; ++c) {
    fill_border(place, how.pad, input, dst.data() + plane * c);
  }
  const std::ptrdiff_t first = static_cast<std::ptrdiff_t>(input.width) * place.top + place.left;
  resize_to_planes(image, how.interpolation,
                   {dst.data() + first, place.width, place.height, input.width, plane});
  return map;
}

}  // namespace syolo
