// Mixing two pictures: MixUp and CutMix, in the forms for detection.

#include <algorithm>
#include <cmath>

#include "syolo/data/augment/augment_impl.h"

namespace syolo::data {
namespace {

/// arXiv:1710.09412 as the Scaled-YOLOv4 trainer has it: pixels blended, boxes of both, unweighted.
Sample apply_mixup(Sample sample, const AugmentOptions& o, Rng& rng, const Pick& other) {
  const Sample second = letterboxed(other(rng), sample.image.size(), o.pad);
  const double share = beta(sample.classes.empty() ? o.mixup_alpha : o.mixup_classes, rng);
  unsigned char* a = row_of(sample.image, 0);
  const unsigned char* b = row_of(second.image, 0);
  for (std::size_t i = 0; i < sample.image.pixels.size(); ++i) {
    a[i] = static_cast<unsigned char>(share * a[i] + (1 - share) * b[i]);
  }
  sample.truths.insert(sample.truths.end(), second.truths.begin(), second.truths.end());
  sample.classes = blended(std::move(sample.classes), second.classes, share);
  return sample;
}

/// arXiv:1905.04899: a window of the second picture replaces that of the first.
Sample apply_cutmix(Sample sample, const AugmentOptions& o, Rng& rng, const Pick& other) {
  const int width = sample.image.width, height = sample.image.height;
  const Sample second = letterboxed(other(rng), {width, height}, o.pad);
  const double side = std::sqrt(1 - rng.uniform());  // Beta(1, 1)
  const int w = static_cast<int>(width * side), h = static_cast<int>(height * side);
  const int cx = rng.below(width), cy = rng.below(height);
  const int x1 = std::clamp(cx - w / 2, 0, width), x2 = std::clamp(cx - w / 2 + w, x1, width);
  const int y1 = std::clamp(cy - h / 2, 0, height), y2 = std::clamp(cy - h / 2 + h, y1, height);
  if (x2 == x1 || y2 == y1) return sample;
  paste(second.image, x1, y1, x2 - x1, y2 - y1, sample.image, x1, y1);
  Hidden hidden({width, height});
  hidden.rectangle(x1, y1, x2 - x1, y2 - y1);
  hidden.drop(sample.truths, o.max_hidden);
  const double window = static_cast<double>(x2 - x1) * (y2 - y1) / (1.0 * width * height);
  sample.classes = blended(std::move(sample.classes), second.classes, 1 - window);
  for (Truth truth : second.truths) {
    const BoxXywh before = truth.box;
    BoxXywh inside = clipped({before.x - x1, before.y - y1, before.w, before.h}, x2 - x1, y2 - y1);
    inside.x += x1, inside.y += y1;
    set_box(truth, inside);
    if (keeps(before, inside, 1, o)) sample.truths.push_back(truth);
  }
  return sample;
}

/// Boxes of another picture at random places, as large as they are there after letterboxing: the
/// simple copy-paste of arXiv:2012.07177 without masks.
Sample apply_copy_paste(Sample sample, const AugmentOptions& o, Rng& rng, const Pick& other) {
  const Size size = sample.image.size();
  const Sample second = letterboxed(other(rng), size, o.pad);
  const auto count = static_cast<int>(second.truths.size());
  if (count == 0 || o.copy_paste_most < 1) return sample;
  const int times = 1 + rng.below(o.copy_paste_most);
  for (int i = 0; i < times; ++i) {
    Truth truth = second.truths[static_cast<std::size_t>(rng.below(count))];
    const BoxXywh from = clipped(truth.box, size.width, size.height);
    const int x = static_cast<int>(from.x), y = static_cast<int>(from.y);
    const int w = static_cast<int>(from.x + from.w) - x, h = static_cast<int>(from.y + from.h) - y;
    if (w <= o.min_side || h <= o.min_side) continue;
    const int to_x = rng.below(size.width - w + 1), to_y = rng.below(size.height - h + 1);
    paste(second.image, x, y, w, h, sample.image, to_x, to_y);
    Hidden hidden(size);
    hidden.rectangle(to_x, to_y, w, h);
    hidden.drop(sample.truths, o.max_hidden);
    set_box(truth, {static_cast<double>(to_x), static_cast<double>(to_y), static_cast<double>(w),
                    static_cast<double>(h)});
    sample.truths.push_back(truth);
  }
  return sample;
}

}  // namespace

std::vector<ClassShare> blended(std::vector<ClassShare> first, std::span<const ClassShare> second,
                                double share) {
  for (ClassShare& one : first) one.share *= share;
  for (const ClassShare& more : second) {
    const auto same = std::find_if(first.begin(), first.end(),
                                   [&](const ClassShare& one) { return one.cls == more.cls; });
    if (same != first.end()) {
      same->share += (1 - share) * more.share;
    } else {
      first.push_back({more.cls, (1 - share) * more.share});
    }
  }
  return first;
}

Augmentation mixup_row() {
  return {"mixup", "MixUp: two pictures blended, Beta(8, 8)", apply_mixup};
}
Augmentation cutmix_row() {
  return {"cutmix", "CutMix: a window of another picture", apply_cutmix};
}

Augmentation copy_paste_row() {
  return {"copy-paste", "boxes of another picture at random places", apply_copy_paste};
}

}  // namespace syolo::data
