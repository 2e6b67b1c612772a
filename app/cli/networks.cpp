#include "app/cli/networks.h"

#include <algorithm>

#include "app/cli/setup.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"

namespace syolo::cli {

NetworkFacts network_facts(const std::string& cfg, Console& out) {
  ModelArgs args;
  args.model = cfg;
  const auto [name, graph, file] = load_graph(args, out);
  Shape input = graph.net().input;
  input.n = 1;
  const Program program = lower(graph, input);
  NetworkFacts facts;
  facts.cfg = file.empty() ? write_cfg(graph) : read_text(file, Limits{}.text_bytes);
  facts.input = {input.w, input.h};
  facts.fit = graph.net().preprocess.fit;
  for (const auto& [node, spec] : heads(program)) {
    const int cells = graph.nodes()[static_cast<std::size_t>(node)].shape.w;
    facts.heads.push_back({input.w / std::max(1, cells), spec->mask, spec->anchors});
    facts.all_anchors = spec->all_anchors;
  }
  if (facts.heads.empty()) {
    throw Error(ErrorKind::input, "expected a network with detection heads, found none",
                {.file = cfg, .item = "--cfg"});
  }
  return facts;
}

int NetworkFacts::finest_stride() const {
  int finest = heads.front().stride;
  for (const HeadFacts& head : heads) finest = std::min(finest, head.stride);
  return finest;
}

std::vector<Anchor> NetworkFacts::used_anchors() const {
  std::vector<Anchor> anchors;
  for (const HeadFacts& head : heads) {
    for (const Anchor& anchor : head.anchors) {
      if (std::find(anchors.begin(), anchors.end(), anchor) == anchors.end()) {
        anchors.push_back(anchor);
      }
    }
  }
  std::sort(anchors.begin(), anchors.end(),
            [](const Anchor& a, const Anchor& b) { return double{a.w} * a.h < double{b.w} * b.h; });
  return anchors;
}

}  // namespace syolo::cli
