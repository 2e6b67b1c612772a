// Weights of one network for another: by layers that both have.
#include "syolo/weights/transfer.h"

#include <gtest/gtest.h>

#include "syolo/graph/cfg.h"
#include "syolo/zoo/models.h"
#include "syolo/zoo/scaling.h"

namespace syolo::test {
namespace {

Graph chain(std::initializer_list<int> filters, const std::string& extra = "") {
  std::string cfg = "[net]\nwidth=32\nheight=32\nchannels=3\n";
  for (const int count : filters) {
    cfg +=
        "[convolutional]\nfilters=" + std::to_string(count) + "\nsize=3\npad=1\nactivation=leaky\n";
  }
  Findings findings;
  return read_cfg(cfg + extra, "chain.cfg", findings);
}

TEST(Transfer, CommonLayersEndWhereParametersOrKindsDiffer) {
  EXPECT_EQ(common_layers(chain({4, 8, 8}), chain({4, 8, 8})), 3);
  EXPECT_EQ(common_layers(chain({4, 8, 8}), chain({4, 8, 16, 8})), 2);
  EXPECT_EQ(common_layers(chain({4, 8}), chain({4, 8, 16, 8})), 2);
  EXPECT_EQ(common_layers(chain({4}), chain({5})), 0);
  EXPECT_EQ(common_layers(chain({4}, "[maxpool]\nsize=2\nstride=2\n"), chain({4}, "[avgpool]\n")),
            1);
}

TEST(Transfer, ClassesDifferInTheHeadsAlone) {
  const auto network = [](int classes) {
    Scaling scaling;
    scaling.classes = classes;
    return build(scaled(find_zoo_model("yolov4-tiny")->recipe(), scaling));
  };
  const Graph own = network(3), other = network(80);
  const int common = common_layers(own, other);
  EXPECT_EQ(own.node(common).section, "convolutional");
  EXPECT_EQ(own.node(common + 1).section, "yolo");
}

}  // namespace
}  // namespace syolo::test
