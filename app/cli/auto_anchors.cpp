#include "app/cli/auto_anchors.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "app/cli/recipe_anchors.h"
#include "syolo/data/anchor_fit.h"
#include "syolo/graph/lower.h"
#include "syolo/graph/number_text.h"
#include "syolo/graph/rewrite.h"

namespace syolo::cli {
namespace {

constexpr int kGenerations = 1000;

float area(const Anchor& anchor) {
  return anchor.w * anchor.h;
}

/// The list that all heads share; none when they have several, or a trained convolution before
/// them.
std::optional<std::vector<Anchor>> shared_anchors(const Start& start, const Program& program) {
  std::optional<std::vector<Anchor>> all;
  for (const HeadNode& head : heads(program)) {
    const NodeId before = start.model.graph.node(head.node).src[0];
    const bool other = all && *all != head.spec->all_anchors;
    if (other || !start.random.contains(before)) return std::nullopt;
    all = head.spec->all_anchors;
  }
  return all;
}

bool are_enough(const std::vector<Anchor>& sizes, std::size_t count) {
  std::set<std::pair<float, float>> different;
  for (const Anchor& size : sizes) different.insert({size.w, size.h});
  return different.size() >= count;
}

}  // namespace

void improve_anchors(Start& start, const Dataset& data, const TrainOptions& options, Console& out) {
  const Program program = lower(start.model.graph);
  const std::optional<std::vector<Anchor>> own = shared_anchors(start, program);
  const auto sizes = box_sizes(data, options.input, start.model.graph.net().preprocess.fit);
  if (!own || own->empty() || !are_enough(sizes, own->size())) return;
  const double before = anchor_fit(sizes, *own, options.anchor_t).best_possible_recall;
  if (before >= kEnoughRecall) return;

  std::vector<Anchor> better = rounded_anchors(fitted_anchors(
      sizes, static_cast<int>(own->size()), options.anchor_t, kGenerations, options.seed));
  const double after = anchor_fit(sizes, better, options.anchor_t).best_possible_recall;
  if (after <= before) return;
  if (area(own->front()) > area(own->back())) std::ranges::reverse(better);
  std::map<NodeId, KeyValues> changes;
  for (const HeadNode& head : heads(program)) {
    changes[head.node] = {{"anchors", anchor_list(better)}};
  }
  start.model.graph = with_keys(start.model.graph, changes);
  out.note(format("anchors: others that find {:.1f} % of the boxes instead of {:.1f} %: {}",
                  100 * after, 100 * before, anchor_list(better)));
}

}  // namespace syolo::cli
