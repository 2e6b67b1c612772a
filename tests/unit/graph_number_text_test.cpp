// Floats in a cfg are as short as they can be and come back as they were.
#include <gtest/gtest.h>

#include "syolo/base/rng.h"
#include "syolo/base/text.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/number_text.h"

namespace syolo::test {
namespace {

TEST(NumberText, IsShortAndReadBackEqual) {
  EXPECT_EQ(shortest(26.2F), "26.2");
  EXPECT_EQ(shortest(10), "10");
  EXPECT_EQ(shortest(0.1F), "0.1");
  Rng rng(5, Stream::test);
  for (int i = 0; i < 10'000; ++i) {
    const auto value = static_cast<float>(1536 * rng.uniform());
    const std::string text = shortest(value);
    EXPECT_LE(text.size(), 13U) << text;
    EXPECT_EQ(static_cast<float>(parse_real(text).value()), value) << text;
  }
}

TEST(NumberText, ListsAnchorsAsCfgsDo) {
  const std::vector<Anchor> anchors = {{10, 13}, {16.3F, 30.7F}};
  EXPECT_EQ(anchor_list(anchors), "10,13, 16.3,30.7");
  EXPECT_EQ(anchor_list({}), "");
}

TEST(NumberText, EveryFloatOfACfgStaysShort) {
  const std::string text =
      "[net]\nwidth=32\nheight=32\nletter_box=1\nletter_box_pad=0.447\n"
      "[convolutional]\nfilters=6\nsize=1\nactivation=linear\nepsilon=0.0003\n"
      "[yolo]\nmask=0\nanchors=26.2,11.7\nnum=1\nclasses=1\nscale_x_y=1.05\n";
  Findings findings;
  const Graph graph = read_cfg(text, "a.cfg", findings);
  const std::string written = write_cfg(graph);
  EXPECT_NE(written.find("anchors=26.2,11.7\n"), std::string::npos) << written;
  EXPECT_NE(written.find("letter_box_pad=0.447\n"), std::string::npos) << written;
  EXPECT_NE(written.find("scale_x_y=1.05\n"), std::string::npos) << written;
  EXPECT_TRUE(read_cfg(written, "b.cfg", findings) == graph);
}

}  // namespace
}  // namespace syolo::test
