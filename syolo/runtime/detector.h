// Pictures -> detections over one session.
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
  /// @throws Error(input) when the network has no detection head
  Detector(const std::shared_ptr<const Plan>& plan, NmsOptions options, bool raw_boxes = false);
  ~Detector();
  Detector(Detector&&) noexcept;
  std::vector<Detection> operator()(ImageView image);
  const StageTimes& times() const;  // of the last call
  const Preprocess& preprocess() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace syolo
