// The augmentations, and the recipes that apply them.

#include <algorithm>
#include <array>

#include "syolo/data/augment/augment_impl.h"

namespace syolo {

std::span<const Augmentation> augmentations() {
  static const std::array rows = {data::hsv_row(),        data::darknet_color_row(),
                                  data::brightness_row(), data::contrast_row(),
                                  data::flip_row(),       data::affine_row(),
                                  data::crop_row(),       data::letterbox_row(),
                                  data::erase_row(),      data::cutout_row(),
                                  data::noise_row(),      data::blur_row(),
                                  data::jpeg_row(),       data::randconv_row(),
                                  data::fourier_row(),    data::copy_paste_row(),
                                  data::hide_row(),       data::gridmask_row(),
                                  data::mixup_row(),      data::cutmix_row(),
                                  data::mosaic_row(),     data::darknet_mosaic_row(),
                                  data::mosaic9_row()};
  return rows;
}

const Augmentation* find_augmentation(std::string_view name) {
  for (const Augmentation& row : augmentations()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

namespace {

using Load = std::function<Sample(std::size_t)>;

Sample scaled_yolov4(Sample sample, const AugmentOptions& o, Rng& rng, const Pick& other) {
  // A second mosaic is what MixUp blends with, as published.
  const auto whole = [&](Sample first) {
    if (rng.chance(o.mosaic)) {
      const bool nine = rng.chance(o.mosaic9);
      return (nine ? data::mosaic9_row() : data::mosaic_row())
          .apply(std::move(first), o, rng, other);
    }
    return data::random_perspective(letterboxed(first, o.input, o.pad), o.input, o, rng);
  };
  sample = whole(std::move(sample));
  if (rng.chance(o.mixup)) {
    sample =
        data::mixup_row().apply(std::move(sample), o, rng, [&](Rng& r) { return whole(other(r)); });
  }
  sample = data::hsv_row().apply(std::move(sample), o, rng, other);
  return data::flip_row().apply(std::move(sample), o, rng, other);
}

/// Mixing is left out for half of the samples; Darknet decides so for a loader's share of a batch.
Sample darknet(Sample sample, const AugmentOptions& o, Rng& rng, const Pick& other) {
  const auto alone = [&](Sample one) {
    one = data::darknet_color(data::darknet_crop(std::move(one), o, rng, -1).sample, o, rng);
    return data::darknet_texture(std::move(one), o, rng);
  };
  const bool mixes = rng.chance(0.5);
  if (mixes && rng.chance(o.mosaic)) {
    return data::darknet_mosaic_row().apply(std::move(sample), o, rng, other);
  }
  sample = alone(std::move(sample));
  if (mixes && rng.chance(o.mixup)) {
    sample =
        data::mixup_row().apply(std::move(sample), o, rng, [&](Rng& r) { return alone(other(r)); });
  }
  return sample;
}

constexpr double kMostShift = 0.1;  // a picture that is its class must be seen

}  // namespace

Sample classification_sample(std::size_t index, std::size_t count, const Load& load,
                             const AugmentOptions& o, Rng& rng) {
  AugmentOptions one = o;
  one.mosaic = one.mixup = 0;
  one.translate = std::min(one.translate, kMostShift);
  const auto moved = [&](Sample sample, Rng& r) {
    return scaled_yolov4(std::move(sample), one, r, {});
  };
  const Pick other = [&](Rng& r) {
    return moved(load(static_cast<std::size_t>(r.below(static_cast<int>(count)))), r);
  };
  Sample sample = moved(load(index), rng);
  if (o.mosaic_classes > 0 && rng.chance(o.mosaic_classes)) {
    sample = data::class_mosaic(sample, rng, other);
  }
  const std::array<std::pair<double, Augmentation>, 8> rest = {
      {{o.brightness, data::brightness_row()},
       {o.contrast, data::contrast_row()},
       {o.randconv, data::randconv_row()},
       {o.fourier, data::fourier_row()},
       {o.mixup, data::mixup_row()},
       {o.cutmix, data::cutmix_row()},
       {o.erase, data::erase_row()},
       {o.cutout, data::cutout_row()}}};
  for (const auto& [chance, row] : rest) {
    if (rng.chance(chance)) sample = row.apply(std::move(sample), o, rng, other);
  }
  return sample;
}

Sample training_sample(std::size_t index, std::size_t count, const Load& load,
                       const AugmentOptions& o, Rng& rng) {
  const Pick other = [&](Rng& r) {
    return load(static_cast<std::size_t>(r.below(static_cast<int>(count))));
  };
  Sample sample = load(index);
  sample = o.recipe == AugmentRecipe::darknet ? darknet(std::move(sample), o, rng, other)
                                              : scaled_yolov4(std::move(sample), o, rng, other);
  const std::array<std::pair<double, Augmentation>, 13> rest = {
      {{o.copy_paste, data::copy_paste_row()},
       {o.brightness, data::brightness_row()},
       {o.contrast, data::contrast_row()},
       {o.randconv, data::randconv_row()},
       {o.fourier, data::fourier_row()},
       {o.blur, data::blur_row()},
       {o.noise, data::noise_row()},
       {o.jpeg, data::jpeg_row()},
       {o.cutmix, data::cutmix_row()},
       {o.erase, data::erase_row()},
       {o.cutout, data::cutout_row()},
       {o.hide, data::hide_row()},
       {o.gridmask, data::gridmask_row()}}};
  for (const auto& [chance, row] : rest) {
    if (rng.chance(chance)) sample = row.apply(std::move(sample), o, rng, other);
  }
  return sample;
}

}  // namespace syolo
