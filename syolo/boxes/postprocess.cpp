#include "syolo/boxes/postprocess.h"

#include <algorithm>
#include <tuple>

#include "syolo/base/error.h"

namespace syolo {
namespace {

NmsMethod method_of(NmsKind kind) {
  switch (kind) {
    case NmsKind::greedy_diou:
      return NmsMethod::greedy_diou;
    case NmsKind::diou:
      return NmsMethod::diou;
    case NmsKind::iou:
    case NmsKind::corners:
      break;  // Darknet's cornersnms suppresses by plain IoU
  }
  return NmsMethod::iou;
}

}  // namespace

bool sooner(const Detection& a, const Detection& b) {
  if (a.score != b.score) return a.score > b.score;
  return std::tie(a.cls, a.box.x1, a.box.y1, a.box.x2, a.box.y2) <
         std::tie(b.cls, b.box.x1, b.box.y1, b.box.x2, b.box.y2);
}

NmsOptions resolved(NmsOptions options, std::span<const HeadSpec> specs) {
  if (options.method == NmsMethod::model && !specs.empty()) {
    options.method = method_of(specs.back().nms);
    options.beta = specs.back().beta_nms;
  }
  return options;
}

std::vector<Detection> postprocess(std::span<const HeadView> views, std::span<const HeadSpec> specs,
                                   Size input, const NmsOptions& options, const ImageMap& map,
                                   bool raw) {
  const NmsOptions nms = resolved(options, specs);
  check(nms);
  const std::vector<Candidate> survivors =
      suppress(decode(views, specs, input, {nms.confidence, nms.max_candidates, nms.classes}), nms);
  std::vector<Detection> result;
  result.reserve(survivors.size());
  for (const Candidate& candidate : survivors) {
    Detection found{map.to_image(candidate.box), candidate.cls, candidate.score};
    if (!raw) {
      found.box = clipped(found.box, map.image);
      if (!(found.box.width() > 0 && found.box.height() > 0)) continue;
    }
    result.push_back(found);
  }
  std::sort(result.begin(), result.end(), sooner);
  return result;
}

}  // namespace syolo
