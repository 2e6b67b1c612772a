// Non-maximum suppression. Bounded by counts, never by a clock; stable order.
#pragma once

#include <vector>

#include "syolo/boxes/decode.h"

namespace syolo {

enum class NmsMethod { model, iou, greedy_diou, diou, soft, weighted };

struct NmsOptions {
  float confidence = 0.25F;       // candidates at or below it are dropped
  float overlap = 0.45F;          // suppress when the measure is > this
  NmsMethod method = NmsMethod::model;  // model: what the last head of the file says
  double beta = 0.6;              // exponent of diou; `model` takes the head's
  bool agnostic = false;          // suppress across classes
  bool merge = false;             // the scaled-yolov4 merge: boxes averaged by score
  int max_candidates = 30'000;    // best kept before suppression
  int max_detections = 300;       // per image, best kept after it
  std::vector<int> classes;       // only these, empty = all
  double soft_sigma = 0.5;        // soft: gaussian; survivors below confidence are dropped
};

/// Candidates that survive, sorted by before(). O(k n) with the caps above.
std::vector<Candidate> suppress(std::vector<Candidate> candidates, const NmsOptions& options);

}  // namespace syolo
