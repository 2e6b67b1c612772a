// What the augmentations share: warping, which boxes stay, hidden areas, random distributions.
#pragma once

#include <array>

#include "syolo/data/augment.h"

namespace syolo::data {

/// Rows of a 3x3 matrix over points (x, y, 1); pixel i covers [i, i + 1).
using Matrix = std::array<double, 9>;
inline constexpr Matrix kIdentity = {1, 0, 0, 0, 1, 0, 0, 0, 1};
Matrix product(const Matrix& a, const Matrix& b);  // b acts first
Matrix inverse(const Matrix& m);

enum class Border { fill, repeat };
/// Bilinear; every target pixel's centre is looked up at `to_source`.
Image warped(const Image& image, const Matrix& to_source, Size size, Border border,
             std::array<unsigned char, 3> fill = {114, 114, 114});
Image resized(const Image& image, Size size);
/// The long side becomes `side`, as the trainers load pictures.
Sample resized_to(Sample sample, int side);

Image filled(Size size, std::array<unsigned char, 3> color);
void give_back(Image canvas);  // its memory serves the next filled() of this thread
/// Copies the part of `src` at (sx, sy) of this size to (dx, dy); both must hold it.
void paste(const Image& src, int sx, int sy, int width, int height, Image& dst, int dx, int dy);
inline unsigned char* row_of(Image& image, int y) {
  return reinterpret_cast<unsigned char*>(image.pixels.data()) +
         static_cast<std::ptrdiff_t>(y) * image.width * image.channels;
}
inline const unsigned char* row_of(const Image& image, int y) {
  return reinterpret_cast<const unsigned char*>(image.pixels.data()) +
         static_cast<std::ptrdiff_t>(y) * image.width * image.channels;
}
inline unsigned char* pixel_of(Image& image, int x, int y) {
  return row_of(image, y) + std::ptrdiff_t{3} * x;
}
inline const unsigned char* pixel_of(const Image& image, int x, int y) {
  return row_of(image, y) + std::ptrdiff_t{3} * x;
}

BoxXywh clipped(const BoxXywh& box, double width, double height);
/// The published rule: sides above min_side, enough of the area still there, not too thin.
/// @param scale  area factor of the geometry
bool keeps(const BoxXywh& before, const BoxXywh& after, double scale,
           const AugmentOptions& options);
/// Moves all boxes by the matrix (corners, then their hull), clips to `size` and drops what is
/// gone.
void move_boxes(std::vector<Truth>& truths, const Matrix& forward, Size size, double scale,
                const AugmentOptions& options);
void set_box(Truth& truth, const BoxXywh& box);  // and its area, in proportion

/// Pixels that something hides; drops boxes hidden by more than max_hidden.
class Hidden {
 public:
  explicit Hidden(Size size) :
      size_(size),
      mask_(static_cast<std::size_t>(size.width) * static_cast<std::size_t>(size.height)) {}
  void rectangle(int x, int y, int width, int height);  // clipped
  void set(int x, int y) { mask_[at(x, y)] = 1; }
  bool is(int x, int y) const { return mask_[at(x, y)] != 0; }
  double share(const BoxXywh& box) const;
  void drop(std::vector<Truth>& truths, double most) const;
  void fill(Image& image, std::array<unsigned char, 3> color) const;

 private:
  std::size_t at(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(size_.width) +
           static_cast<std::size_t>(x);
  }
  Size size_;
  std::vector<unsigned char> mask_;
};

/// `image` with the amplitudes of the frequencies |u|, |v| <= half taken from `style`, of the same
/// size; phases and all other frequencies stay. arXiv:2004.05498.
Image with_style(const Image& image, const Image& style, int half);
/// Shares of classes after `share` of the first picture and 1 - share of the second.
std::vector<ClassShare> blended(std::vector<ClassShare> first, std::span<const ClassShare> second,
                                double share);

double beta(double alpha, Rng& rng);  // of Beta(alpha, alpha)
std::array<unsigned char, 3> mean_color(const Image& image);

/// Rotation, scale, shear, translation and perspective from a canvas to `size`.
Sample random_perspective(Sample sample, Size size, const AugmentOptions& options, Rng& rng);
/// Darknet's jitter, resize and flip, to options.input; `left`... are its margins in input pixels.
struct Cropped {
  Sample sample;
  int left = 0, top = 0, right = 0, bottom = 0;  // padding, 0 or more
};
Cropped darknet_crop(Sample sample, const AugmentOptions& options, Rng& rng, int tile);
/// Multiplies saturation and value, shifts hue (in 1/180 of a half turn), on 8-bit HSV.
void change_hsv(Image& image, double hue_factor, int hue_shift, double saturation, double value);
Sample darknet_color(Sample sample, const AugmentOptions& options, Rng& rng);
/// Darknet's blur of all or of what is beside boxes, and its noise.
Sample darknet_texture(Sample sample, const AugmentOptions& options, Rng& rng);
/// Four pictures around a random centre, the middle of each; shares of classes by area.
Sample class_mosaic(const Sample& sample, Rng& rng, const Pick& other);

Augmentation hsv_row();
Augmentation darknet_color_row();
Augmentation brightness_row();
Augmentation contrast_row();
Augmentation flip_row();
Augmentation affine_row();
Augmentation crop_row();
Augmentation letterbox_row();
Augmentation erase_row();
Augmentation cutout_row();
Augmentation hide_row();
Augmentation gridmask_row();
Augmentation noise_row();
Augmentation blur_row();
Augmentation jpeg_row();
Augmentation randconv_row();
Augmentation fourier_row();
Augmentation mixup_row();
Augmentation cutmix_row();
Augmentation copy_paste_row();
Augmentation mosaic_row();
Augmentation mosaic9_row();
Augmentation darknet_mosaic_row();

}  // namespace syolo::data
