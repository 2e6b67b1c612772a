// Pictures -> detections over one session. A classifier's detections are of the whole picture.
#pragma once

#include "syolo/boxes/postprocess.h"
#include "syolo/image/image.h"
#include "syolo/runtime/plan.h"

namespace syolo {

struct StageTimes {
  double preprocess_ms = 0, infer_ms = 0, postprocess_ms = 0;
};

class Detector {
 public:
  /// @throws Error(input) when the network neither has a detection head nor ends in [softmax]
  Detector(const std::shared_ptr<const Plan>& plan, NmsOptions options, bool raw_boxes = false);
  ~Detector();
  Detector(Detector&&) noexcept;
  /// @return of a classifier the five likeliest classes, as far as options.confidence and
  ///         options.classes let them pass, each with the picture as its box
  std::vector<Detection> operator()(ImageView image);
  bool classifies() const;
  const StageTimes& times() const;  // of the last call
  const Preprocess& preprocess() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace syolo
