// Augmentations: a picture with its boxes in, another out. Everything random comes from the Rng
// that is passed, so that a sample depends on (seed, epoch, index) alone. Rows: augment/rows.cpp.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "syolo/base/limits.h"
#include "syolo/base/rng.h"
#include "syolo/data/dataset.h"
#include "syolo/image/image.h"

namespace syolo {

/// How much of a picture is of a class: what a classifier learns from mixed pictures.
struct ClassShare {
  int cls = 0;
  double share = 1;
  bool operator==(const ClassShare&) const = default;
};

/// An 8-bit RGB picture, its boxes in its pixels, and for classification what it shows.
struct Sample {
  Image image;
  std::vector<Truth> truths;
  std::vector<ClassShare> classes = {};  // shares sum to 1; empty in detection
};

/// Another sample of the dataset, at random.
using Pick = std::function<Sample(Rng& rng)>;

/// A picture whose style another one takes, at random.
using Style = std::function<Image(Rng& rng)>;

enum class AugmentRecipe { scaled_yolov4, darknet };
enum class MosaicCentre { fixed, random };  // of the two published forms

/// Names and defaults as published; probabilities say how often the recipe applies a row.
struct AugmentOptions {
  AugmentRecipe recipe = AugmentRecipe::scaled_yolov4;
  Size input = {640, 640};
  int pad = 114;  // grey beside pictures
  // Scaled-YOLOv4 (arXiv:2011.08036, its training files)
  double hsv_h = 0.015, hsv_s = 0.7, hsv_v = 0.4;
  double degrees = 0, translate = 0.5, scale = 0.5, shear = 0, perspective = 0;
  double flipud = 0, fliplr = 0.5;
  double mosaic = 1, mixup = 0;  // probabilities
  double mosaic9 = 0;            // of nine pictures where a mosaic is made
  MosaicCentre mosaic_centre = MosaicCentre::fixed;
  double mixup_alpha = 8;
  // YOLOv4 (arXiv:2004.10934) as Darknet has it
  double jitter = 0.3, resize = 1.5, hue = 0.1, saturation = 1.5, exposure = 1.5;
  bool flip = true, mosaic_bound = false, letterbox = false;
  double darknet_blur = 0, darknet_noise = 0;  // its blur and gaussian_noise
  // Probabilities of what hides parts of a picture: 1708.04896, 1708.04552, 1704.04232, 2001.04086
  double erase = 0, cutout = 0, hide = 0, gridmask = 0, cutmix = 0;
  double erase_area_low = 0.02, erase_area_high = 0.4, erase_aspect = 0.3;
  double gridmask_ratio = 0.6;
  // Probabilities of photometric distortion and its greatest strength, as SSD has them (1512.02325)
  double brightness = 0, contrast = 0;
  double brightness_levels = 32, contrast_range = 0.5;
  // Probabilities of other textures (random convolution: 2007.13003) and of pasted boxes
  double noise = 0, blur = 0, jpeg = 0, randconv = 0, copy_paste = 0;
  double noise_sigma = 12, blur_sigma = 2;         // greatest, in levels and pixels
  int jpeg_low = 20, jpeg_high = 90;               // quality
  double randconv_mix = 1;                         // greatest share of the convolved picture
  double fourier = 0;                              // probability (2004.05498)
  double fourier_low = 0.01, fourier_high = 0.09;  // half side of the square of frequencies, beta
  Style style = {};            // for fourier; empty: another picture of the dataset
  double mixup_classes = 0.2;  // alpha of MixUp in classification
  double mosaic_classes = 0;   // probability of a mosaic in classification
  int copy_paste_most = 5;     // boxes
  // Which boxes stay after geometry, and after something hides them
  double min_side = 2, min_visible = 0.2, max_aspect = 20, max_hidden = 0.6;
};

struct Augmentation {
  std::string_view name, what;
  /// Always acts; the picture's size may change.
  Sample (*apply)(Sample sample, const AugmentOptions& options, Rng& rng, const Pick& other);
  bool to_input = false;  // gives options.input, whatever the picture's size
};
std::span<const Augmentation> augmentations();
const Augmentation* find_augmentation(std::string_view name);  // null if unknown

/// One training sample of size options.input: the whole recipe.
/// @param load  decodes a picture of the dataset; `index` below `count`
Sample training_sample(std::size_t index, std::size_t count,
                       const std::function<Sample(std::size_t index)>& load,
                       const AugmentOptions& options, Rng& rng);
/// One sample for classification: moved and coloured like the Scaled-YOLOv4 recipe without mosaic,
/// mixed by the probabilities `mosaic_classes`, `mixup` and `cutmix`, shares of classes by what is
/// seen.
Sample classification_sample(std::size_t index, std::size_t count,
                             const std::function<Sample(std::size_t index)>& load,
                             const AugmentOptions& options, Rng& rng);
/// The pictures of a folder as styles; what cannot be read is passed over.
/// @throws Error(io, input) when it holds none; the style throws when none can be read
Style style_pictures(const std::filesystem::path& folder, const Limits& limits = {});
/// Resized to fit, the rest grey: what evaluation sees.
Sample letterboxed(const Sample& sample, Size input, int pad);

}  // namespace syolo
