// Anchors by k-means on IoU.

#include <gtest/gtest.h>

#include "syolo/base/error.h"
#include "syolo/boxes/anchors.h"
#include "tests/support/boxes.h"

namespace syolo {
namespace {

TEST(BoxesAnchors, FindsSeparateClusters) {
  Rng rng = test::test_rng(1);
  const Anchor centres[] = {{10, 12}, {40, 20}, {35, 90}, {200, 180}};
  std::vector<Anchor> sizes;
  for (const Anchor& c : centres) {
    for (int i = 0; i < 200; ++i) {
      sizes.push_back({c.w * test::between(rng, 0.95, 1.05), c.h * test::between(rng, 0.95, 1.05)});
    }
  }
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto anchors = kmeans_anchors(sizes, 4, seed);
    ASSERT_EQ(anchors.size(), 4U);
    for (std::size_t i = 0; i < 4; ++i) {  // the centres stand by area
      EXPECT_NEAR(anchors[i].w / centres[i].w, 1, 0.02) << seed;
      EXPECT_NEAR(anchors[i].h / centres[i].h, 1, 0.02) << seed;
    }
    EXPECT_GT(mean_best_iou(sizes, anchors), 0.94);
  }
}

TEST(BoxesAnchors, SameSeedSameAnchorsSortedByArea) {
  Rng rng = test::test_rng(2);
  std::vector<Anchor> sizes;
  for (int i = 0; i < 3000; ++i) {
    sizes.push_back({test::between(rng, 4, 300), test::between(rng, 4, 300)});
  }
  const auto anchors = kmeans_anchors(sizes, 9, 5);
  EXPECT_EQ(kmeans_anchors(sizes, 9, 5), anchors);
  for (std::size_t i = 1; i < anchors.size(); ++i) {
    EXPECT_LE(anchors[i - 1].w * anchors[i - 1].h, anchors[i].w * anchors[i].h);
  }
  // Better than nine sizes picked blindly.
  EXPECT_GT(mean_best_iou(sizes, anchors),
            mean_best_iou(sizes, std::vector<Anchor>(sizes.begin(), sizes.begin() + 9)));
}

TEST(BoxesAnchors, AsManyAnchorsAsSizesAreTheSizes) {
  const std::vector<Anchor> sizes = {{3, 9}, {2, 2}, {50, 1}, {2, 2}, {3, 9}};
  EXPECT_EQ(kmeans_anchors(sizes, 3, 0), (std::vector<Anchor>{{2, 2}, {3, 9}, {50, 1}}));
}

TEST(BoxesAnchors, OneAnchorIsTheMean) {
  const std::vector<Anchor> sizes = {{2, 6}, {4, 2}};
  // The first centre is a size itself; the mean (3, 4) fits better: (8/12 + 6/14) / 2 and
  // (4/16 + 1) / 2.
  const auto anchors = kmeans_anchors(sizes, 1, 3);
  const double found = mean_best_iou(sizes, anchors);
  EXPECT_NEAR(found, std::max((8.0 / 16 + 6.0 / 14) / 2, (4.0 / 16 + 1) / 2), 1e-6);
}

TEST(BoxesAnchors, MeanBestIouByHand) {
  const std::vector<Anchor> sizes = {{4, 4}, {8, 2}}, anchors = {{4, 4}, {100, 100}};
  EXPECT_DOUBLE_EQ(mean_best_iou(sizes, anchors), (1 + 8.0 / 24) / 2);
  EXPECT_EQ(mean_best_iou({}, anchors), 0);
  EXPECT_EQ(mean_best_iou(sizes, {}), 0);
}

TEST(BoxesAnchors, RefusesWhatCannotBe) {
  const std::vector<Anchor> sizes = {{4, 4}, {4, 4}, {8, 2}};
  EXPECT_THROW(kmeans_anchors(sizes, 3, 0), Error);
  EXPECT_THROW(kmeans_anchors(sizes, 0, 0), Error);
  EXPECT_THROW(kmeans_anchors({}, 1, 0), Error);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Anchor bad : {Anchor{0, 4}, Anchor{4, -1}, Anchor{nan, 4}, Anchor{4, HUGE_VALF}}) {
    const std::vector<Anchor> with = {{4, 4}, bad};
    EXPECT_THROW(kmeans_anchors(with, 1, 0), Error);
  }
}

}  // namespace
}  // namespace syolo
