// What the commands over datasets ask of a network: input, preprocessing, heads.
#pragma once

#include <string>
#include <vector>

#include "app/cli/console.h"
#include "syolo/base/geometry.h"
#include "syolo/graph/head.h"
#include "syolo/graph/net.h"

namespace syolo::cli {

struct HeadFacts {
  int stride = 0;
  std::vector<int> mask;
  std::vector<Anchor> anchors;
};
struct NetworkFacts {
  std::string cfg;  // the text: the file's, or written from the graph
  Size input;
  Fit fit = Fit::stretch;
  std::vector<Anchor> all_anchors;  // the file's list
  std::vector<HeadFacts> heads;     // in file order
  int finest_stride() const;
  std::vector<Anchor> used_anchors() const;
};
/// @param cfg  a MODEL argument: a file, or a name of the zoo
/// @throws Error as the cfg reader, Error(input) for a network without heads
NetworkFacts network_facts(const std::string& cfg, Console& out);

}  // namespace syolo::cli
