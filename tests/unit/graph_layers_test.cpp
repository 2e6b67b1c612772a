// What sections mean: shapes worked out by hand, and programs as text.
#include <gtest/gtest.h>

#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "tests/support/weights_testing.h"

namespace syolo::test {
namespace {

std::string net(int width, int height, int channels) {
  return format("[net]\nwidth={}\nheight={}\nchannels={}\n", width, height, channels);
}

/// Shape of the last layer of a network of these sections.
Shape shape_of(const std::string& text) {
  const Graph graph = graph_of(text);
  return graph.nodes().back().shape;
}

TEST(ConvShape, IsDarknets) {
  const auto shape = [](const std::string& keys) {
    return shape_of(net(19, 20, 4) + "[convolutional]\nfilters=8\n" + keys);
  };
  EXPECT_EQ(shape("size=3\npad=1\n"), (Shape{1, 8, 20, 19}));
  EXPECT_EQ(shape("size=3\npad=1\nstride=2\n"), (Shape{1, 8, 10, 10}));
  EXPECT_EQ(shape("size=3\n"), (Shape{1, 8, 18, 17}));
  EXPECT_EQ(shape("size=1\nstride=3\n"), (Shape{1, 8, 7, 7}));
  EXPECT_EQ(shape("size=3\npad=1\nstride_x=2\nstride_y=4\n"), (Shape{1, 8, 5, 10}));
  EXPECT_EQ(shape("size=5\npadding=3\n"), (Shape{1, 8, 22, 21}));
  EXPECT_EQ(shape("size=5\npad=1\npadding=7\n"), (Shape{1, 8, 20, 19}));  // pad wins
  EXPECT_EQ(shape("size=3\npad=1\ndilation=4\n"), (Shape{1, 8, 20, 19}));
  EXPECT_EQ(shape("size=1\ndilation=4\n"), (Shape{1, 8, 20, 19}));  // no meaning at size 1
  EXPECT_EQ(shape("size=3\npad=1\nstride=2\nantialiasing=1\n"), (Shape{1, 8, 10, 10}));
  EXPECT_EQ(shape("size=3\npad=1\nstride=2\nantialiasing=2\n"), (Shape{1, 8, 10, 9}));
}

TEST(PoolShape, IsDarknets) {
  const auto shape = [](const std::string& keys) {
    return shape_of(net(19, 20, 6) + "[maxpool]\n" + keys);
  };
  EXPECT_EQ(shape("size=2\nstride=2\n"), (Shape{1, 6, 10, 10}));  // rounded up
  EXPECT_EQ(shape("stride=2\n"), (Shape{1, 6, 10, 10}));          // size = stride
  EXPECT_EQ(shape("size=2\nstride=1\n"), (Shape{1, 6, 20, 19}));
  EXPECT_EQ(shape("size=13\nstride=1\n"), (Shape{1, 6, 20, 19}));
  EXPECT_EQ(shape("size=3\nstride=2\npadding=0\n"), (Shape{1, 6, 9, 9}));
  EXPECT_EQ(shape("maxpool_depth=1\nout_channels=2\n"), (Shape{1, 2, 20, 19}));
  EXPECT_EQ(shape_of(net(19, 20, 6) + "[avgpool]\n"), (Shape{1, 6, 1, 1}));
  EXPECT_EQ(shape_of(net(19, 20, 6) + "[local_avgpool]\nsize=2\nstride=2\n"),
            (Shape{1, 6, 10, 10}));
}

TEST(ReorderingShape, IsDarknets) {
  EXPECT_EQ(shape_of(net(12, 8, 8) + "[reorg]\nstride=2\n"), (Shape{1, 32, 4, 6}));
  EXPECT_EQ(shape_of(net(12, 8, 3) + "[reorg3d]\nstride=4\n"), (Shape{1, 48, 2, 3}));
  EXPECT_EQ(shape_of(net(12, 8, 8) + "[reorg]\nstride=2\nreverse=1\n"), (Shape{1, 2, 16, 24}));
  EXPECT_EQ(shape_of(net(12, 8, 8) + "[upsample]\n"), (Shape{1, 8, 16, 24}));
  EXPECT_EQ(shape_of(net(12, 8, 8) + "[upsample]\nstride=-2\n"), (Shape{1, 8, 4, 6}));
  // Of 12x8: a cell of the last block would lie outside.
  for (const char* bad :
       {"[reorg]\nstride=5\n", "[reorg3d]\nstride=5\n", "[upsample]\nstride=-8\n"}) {
    EXPECT_EQ(error_of([&] { graph_of(net(12, 8, 25) + bad); }).kind(), ErrorKind::input);
  }
  EXPECT_EQ(error_of([&] { graph_of(net(12, 8, 3) + "[reorg]\nstride=2\n"); }).kind(),
            ErrorKind::input);
}

TEST(JoinShape, FollowsItsSources) {
  const std::string two = net(12, 8, 3) + "[conv]\nfilters=6\n[conv]\nfilters=4\n";
  EXPECT_EQ(shape_of(two + "[route]\nlayers=-1,-2\n"), (Shape{1, 10, 8, 12}));
  EXPECT_EQ(shape_of(two + "[route]\nlayers=-1,-2\ngroups=2\ngroup_id=1\n"), (Shape{1, 5, 8, 12}));
  EXPECT_EQ(shape_of(two + "[shortcut]\nfrom=-2\n"), (Shape{1, 4, 8, 12}));
  EXPECT_EQ(shape_of(two + "[sam]\nfrom=-1\n"), (Shape{1, 4, 8, 12}));
  EXPECT_EQ(shape_of(two + "[avgpool]\n[scale_channels]\nfrom=1\n"), (Shape{1, 4, 8, 12}));
  EXPECT_EQ(shape_of(two + "[conv]\n[scale_channels]\nfrom=1\nscale_wh=1\n"), (Shape{1, 4, 8, 12}));
  const std::string half = two + "[maxpool]\nsize=2\nstride=2\n";
  for (const char* bad : {"[route]\nlayers=-1,0\n", "[shortcut]\nfrom=0\n", "[sam]\nfrom=0\n",
                          "[scale_channels]\nfrom=0\n"}) {
    EXPECT_EQ(error_of([&] { graph_of(half + bad); }).kind(), ErrorKind::input) << bad;
  }
  EXPECT_EQ(error_of([&] { graph_of(two + "[sam]\nfrom=0\n"); }).kind(), ErrorKind::input);
}

TEST(Lowered, IsOneInstructionPerOperation) {
  const Graph graph = graph_of(
      net(8, 8, 3) +
      "[convolutional]\nbatch_normalize=1\nfilters=8\nsize=3\nstride=2\npad=1\nactivation=mish\n"
      "[convolutional]\nfilters=8\nsize=3\npad=1\ngroups=2\nactivation=linear\n"
      "[shortcut]\nfrom=-2\nactivation=leaky\n"
      "[route]\nlayers=-1,0\ngroups=2\ngroup_id=1\n"
      "[maxpool]\nsize=5\nstride=1\n"
      "[dropout]\n"
      "[upsample]\nstride=2\n"
      "[convolutional]\nfilters=6\nsize=1\nactivation=linear\n"
      "[yolo]\nmask=1\nnum=2\nclasses=1\nanchors=1,2, 3.5,4\nscale_x_y=1.05\n");
  EXPECT_EQ(to_text(lower(graph)),
            "-1: %0 = input -> 3x8x8\n"
            "0: %1 = conv 3x3/2 filters=8 pad=1 params=0 %0 -> 8x4x4\n"
            "0: %2 = batch_norm 1e-05 params=0 %1 -> 8x4x4\n"
            "0: %3 = activate mish %2 -> 8x4x4\n"
            "1: %4 = conv 3x3/1 filters=8 pad=1 params=1 groups=2 bias %3 -> 8x4x4\n"
            "2: %5 = add %4 %3 -> 8x4x4\n"
            "2: %6 = activate leaky %5 -> 8x4x4\n"
            "3: %7 = slice 4+4 %6 -> 4x4x4\n"
            "3: %8 = slice 4+4 %3 -> 4x4x4\n"
            "3: %9 = concat %7 %8 -> 8x4x4\n"
            "4: %10 = pool max 5x5/1 pad=2 %9 -> 8x4x4\n"
            "5: %11 = drop %10 -> 8x4x4\n"
            "6: %12 = upsample 2 scale=1 %11 -> 8x8x8\n"
            "7: %13 = conv 1x1/1 filters=6 pad=0 params=7 bias %12 -> 6x8x8\n"
            "8: %14 = head classic classes=1 scale_xy=1.05 anchors=3.5x4 %13 -> 6x8x8\n");
}

TEST(Lowered, TakesSharedWeightsFromTheirOwner) {
  const Graph graph = graph_of(net(8, 8, 4) +
                               "[convolutional]\nbatch_normalize=1\nfilters=4\nactivation=linear\n"
                               "[convolutional]\nbatch_normalize=1\nfilters=4\nactivation=relu\n"
                               "share_index=-1\n");
  EXPECT_TRUE(graph.params(1).empty());
  EXPECT_EQ(graph.params(0).size(), 5U);
  EXPECT_EQ(to_text(lower(graph)),
            "-1: %0 = input -> 4x8x8\n"
            "0: %1 = conv 1x1/1 filters=4 pad=0 params=0 %0 -> 4x8x8\n"
            "0: %2 = batch_norm 1e-05 params=0 %1 -> 4x8x8\n"
            "1: %3 = conv 1x1/1 filters=4 pad=0 params=0 %2 -> 4x8x8\n"
            "1: %4 = batch_norm 1e-05 params=0 %3 -> 4x8x8\n"
            "1: %5 = activate relu %4 -> 4x8x8\n");
}

TEST(Lowered, HasAnyInputSizeThatFits) {
  const Graph graph = graph_of(net(8, 8, 3) + "[maxpool]\nstride=2\n[connected]\noutput=4\n");
  EXPECT_EQ(lower(graph, {1, 3, 4, 6}).shape(2), (Shape{1, 4, 1, 1}));
}

// Parameters lie in a .weights file in this order: bias, scale, mean, variance, kernel.
TEST(Params, StandInTheOrderOfTheFile) {
  const auto roles = [](const std::string& text) {
    const Graph graph = graph_of(text);
    std::string list;
    for (const ParamSpec& param : graph.params(static_cast<NodeId>(graph.nodes().size()) - 1)) {
      list += format("{} {}x{} ", name_of(param.role), param.shape.n, to_text(param.shape));
    }
    return list;
  };
  const std::string in = net(8, 8, 4);
  EXPECT_EQ(roles(in + "[conv]\nbatch_normalize=1\nfilters=6\nsize=3\ngroups=2\n"),
            "bias 1x6x1x1 scale 1x6x1x1 mean 1x6x1x1 variance 1x6x1x1 kernel 6x6x2x3x3 ");
  EXPECT_EQ(roles(in + "[conv]\nfilters=6\nsize=3\n"), "bias 1x6x1x1 kernel 6x6x4x3x3 ");
  EXPECT_EQ(roles(in + "[connected]\nbatch_normalize=1\noutput=2\n"),
            "bias 1x2x1x1 kernel 2x2x4x8x8 scale 1x2x1x1 mean 1x2x1x1 variance 1x2x1x1 ");
  EXPECT_EQ(roles(in + "[batchnorm]\n"),
            "bias 1x4x1x1 scale 1x4x1x1 mean 1x4x1x1 variance 1x4x1x1 ");
  EXPECT_EQ(roles(in + "[conv]\nfilters=4\n[shortcut]\nfrom=0\nweights_type=per_channel\n"
                       "weights_normalization=relu\n"),
            "weights 1x2x1x4 ");
  EXPECT_EQ(roles(in + "[maxpool]\n"), "");
}

TEST(Fingerprint, TellsStructuresApartAndIgnoresHints) {
  const std::string body = "[conv]\nfilters=4\n[conv]\nfilters=4\n";
  const std::string a = fingerprint(graph_of(net(8, 8, 3) + body + "[route]\nlayers=0,1\n"));
  EXPECT_EQ(fingerprint(graph_of(net(8, 8, 3) + "batch=64\n" + body + "[route]\nlayers=-2,-1\n")),
            a);
  EXPECT_NE(fingerprint(graph_of(net(8, 8, 3) + body + "[route]\nlayers=1,0\n")), a);
  EXPECT_NE(fingerprint(graph_of(net(8, 8, 4) + body + "[route]\nlayers=0,1\n")), a);
}

TEST(ClassCount, ComesFromTheHeadsOrTheSoftmax) {
  EXPECT_EQ(class_count(graph_of(head_cfg(7))), 7);
  EXPECT_EQ(class_count(graph_of(net(8, 8, 3) + "[conv]\nfilters=9\n[avgpool]\n[softmax]\n")), 9);
  EXPECT_EQ(class_count(graph_of(net(8, 8, 3) + "[conv]\nfilters=9\n")), 0);
}

}  // namespace
}  // namespace syolo::test
