// Detection heads: what [yolo], [Gaussian_yolo] and [region] say about decoding.
// Formulas: docs/decoding.md. Decoding itself lives in boxes/.
#pragma once

#include <vector>

#include "syolo/base/tensor.h"

namespace syolo {

struct Anchor {
  float w = 0, h = 0;  // network-input pixels; for region: cells
  bool operator==(const Anchor&) const = default;
};

/// classic: sigma(x), e^w; new_coords: 2 sigma(x) - .5 and (2 sigma(w))^2 with the sigma already
/// in the convolution before; gaussian: means and deviations; region: YOLOv2.
enum class DecodeForm { classic, new_coords, gaussian, region };

/// How one class's boxes suppress each other (boxes/nms.h); `iou` is Darknet's default.
enum class NmsKind { iou, greedy_diou, diou, corners };

/// What x,y of a Gaussian head mean.
enum class BoxPoint { center, left_top, right_bottom };

struct HeadSpec {
  DecodeForm form = DecodeForm::classic;
  int classes = 80;
  std::vector<Anchor> anchors;      // those of this head, in mask order
  std::vector<int> mask;            // their numbers in the file's list
  std::vector<Anchor> all_anchors;  // the file's list, kept for writing and training
  double scale_xy = 1;              // s: x = (i + s*sigma - (s-1)/2) / grid
  NmsKind nms = NmsKind::iou;
  double beta_nms = 0.6;  // exponent of diou
  BoxPoint point = BoxPoint::center;
  bool softmax = false;              // region: classes by softmax
  bool zero_low_objectness = false;  // region classfix=-1: objectness < .5 counts as 0
  bool operator==(const HeadSpec&) const = default;

  /// Planes of one anchor before the classes: 5, or 9 for gaussian.
  int coordinates() const { return form == DecodeForm::gaussian ? 9 : 5; }
  int entries() const { return coordinates() + classes; }
  int channels() const { return static_cast<int>(anchors.size()) * entries(); }
  int objectness() const { return coordinates() - 1; }  // plane of the objectness
};

/// Darknet's output of the head layer, boxes not decoded. `src` is one image's C,H,W values, where
/// every anchor owns entries() planes; `dst` has room for as many and must not overlap it.
/// The logistic acts on x, y, objectness and classes (gaussian: the deviations too), then
/// v -> s*v - (s-1)/2 on x and y; w and h stay raw; new_coords has the logistic already.
/// region: only objectness (logistic) and classes (softmax, if so) change, and `dst` is in
/// Darknet's order for it, H,W,C. Values: tests/data/oracles/darknet/layers.
void activate_head(const HeadSpec& spec, const Shape& shape, const double* src, double* dst);

}  // namespace syolo
