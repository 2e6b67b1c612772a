// Non-maximum suppression. Bounded by counts, never by a clock; stable order.
#pragma once

#include <vector>

#include "syolo/boxes/decode.h"

namespace syolo {

/// Candidates are taken in the order of before(); a measure > overlap suppresses (strictly).
/// - iou: greedy, by IoU (Darknet's default). `model` counts as this where no head is known.
/// - greedy_diou: greedy, by IoU - (d^2/c^2)^0.6 (Darknet's greedynms)
/// - diou: greedy, by IoU - (d^2/c^2)^beta (Darknet's diounms)
/// - soft: scores of the others fall by e^(-IoU^2/soft_sigma) with each box kept
/// - weighted: greedy by IoU - d^2/c^2; a kept box becomes the mean of itself (weight: score) and
///   of every candidate whose measure with it is > 0.8 (weight: score * measure)
enum class NmsMethod { model, iou, greedy_diou, diou, soft, weighted };

struct NmsOptions {
  float confidence = 0.25F;             // candidates at or below it are dropped
  float overlap = 0.45F;                // suppress when the measure is > this
  NmsMethod method = NmsMethod::model;  // model: what the last head of the file says
  double beta = 0.6;                    // exponent of diou; `model` takes the head's
  bool agnostic = false;                // suppress across classes
  bool merge = false;                   // the scaled-yolov4 merge: boxes averaged by score
  int max_candidates = 30'000;          // best kept before suppression
  int max_detections = 300;             // per image, best kept after it
  std::vector<int> classes;             // only these, empty = all
  double soft_sigma = 0.5;              // soft: gaussian; survivors below confidence are dropped
};

/// @throws Error(usage) naming the first option out of its range, or merge with soft or weighted
void check(const NmsOptions& options);

/// Candidates that survive, sorted by before(); independent of the order given. Those without
/// a finite box and score are dropped. O(k n) with the caps above.
///
/// merge (iou, greedy_diou, diou): with 2 to 2999 candidates every survivor's box becomes the
/// mean, weighted by score, of all candidates of its class (any class if agnostic) with
/// IoU > overlap, and survivors without such a companion are dropped.
std::vector<Candidate> suppress(std::vector<Candidate> candidates, const NmsOptions& options);

}  // namespace syolo
