// A picture cut into windows covers it, and what perfect detectors see in them is joined to what
// is there.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "syolo/base/error.h"
#include "syolo/boxes/iou.h"
#include "syolo/boxes/seams.h"

namespace syolo {
namespace {

Detection at(float x1, float y1, float x2, float y2, float score = 0.9F, int cls = 0) {
  return {{x1, y1, x2, y2}, cls, score};
}

bool same(const Detection& a, const Detection& b) {
  return a.box == b.box && a.cls == b.cls && a.score == b.score;
}

TEST(BoxesSeams, APictureNotLargerThanATileIsOneWindow) {
  const std::vector<Window> whole = {{0, 0, 400, 300}};
  EXPECT_EQ(windows({400, 300}, {400, 300}, 0.2), whole);
  EXPECT_EQ(windows({400, 300}, {1000, 1000}, 0.2), whole);
  EXPECT_EQ(windows({1, 1}, {1, 1}, 0.9), (std::vector<Window>{{0, 0, 1, 1}}));
}

TEST(BoxesSeams, WindowsCoverThePictureAndShareTheOverlap) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    const auto upto = [&](int most) { return 1 + static_cast<int>(random() % most); };
    const Size image{upto(3000), upto(3000)}, tile{100 + upto(700), 100 + upto(700)};
    const double overlap = static_cast<double>(random() % 71) / 100;
    const std::vector<Window> cut = windows(image, tile, overlap);
    const int width = std::min(tile.width, image.width);
    int right = 0, rows = 0;
    for (const Window& w : cut) {
      ASSERT_EQ(w.width, width);
      ASSERT_EQ(w.height, std::min(tile.height, image.height));
      if (w.x == 0) {
        ASSERT_TRUE(rows == 0 || right == image.width) << "a row ends at the border";
        ++rows;
      } else {
        ASSERT_GE(right - w.x, std::min(overlap * width, width - 1.0)) << "shared pixels";
      }
      right = w.x + w.width;
    }
    EXPECT_EQ(right, image.width);
    EXPECT_EQ(cut.back().y + cut.back().height, image.height);
  }
}

TEST(BoxesSeams, TooManyOrImpossibleTilesAreRefused) {
  EXPECT_THROW(windows({60'000, 60'000}, {32, 32}, 0.2), Error);
  EXPECT_THROW(windows({2'000'000'000, 1}, {1, 1}, 0), Error);
  EXPECT_THROW(windows({100, 100}, {0, 10}, 0.2), Error);
  EXPECT_THROW(windows({100, 100}, {10, 10}, 0.95), Error);
}

const Size kImage{700, 400};
const Window kWhole{0, 0, 700, 400}, kLeft{0, 0, 400, 400}, kRight{300, 0, 400, 400};

TEST(BoxesSeams, WhatOneWindowFoundStaysAsItIs) {
  const std::vector<Detection> found = {at(0, 0, 50, 50, 0.9F), at(2, 2, 52, 52, 0.8F, 1),
                                        at(5, 5, 60, 60, 0.7F)};
  const std::vector<Detection> result = joined({{kWhole, found}}, kImage, {});
  ASSERT_EQ(result.size(), found.size());
  for (std::size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(same(result[i], found[i])) << i;
}

TEST(BoxesSeams, PartsBecomeTheWholeObject) {
  const auto result =
      joined({{kLeft, {at(250, 100, 400, 200, 0.6F)}}, {kRight, {at(300, 102, 480, 198, 0.8F)}}},
             kImage, {});
  ASSERT_EQ(result.size(), 1U);
  EXPECT_TRUE(same(result[0], at(250, 100, 480, 200, 0.8F)));
}

TEST(BoxesSeams, APartOfAWholeObjectIsDropped) {
  const auto result =
      joined({{kWhole, {at(200, 100, 480, 200, 0.3F)}}, {kRight, {at(300, 102, 482, 198, 0.8F)}}},
             kImage, {});
  ASSERT_EQ(result.size(), 1U);
  EXPECT_TRUE(same(result[0], at(200, 100, 480, 200, 0.3F)));
}

TEST(BoxesSeams, ClassesAreJoinedApartUnlessAgnostic) {
  const std::vector<WindowDetections> found = {{kLeft, {at(320, 100, 360, 140, 0.6F, 1)}},
                                               {kRight, {at(321, 100, 361, 140, 0.8F, 2)}}};
  EXPECT_EQ(joined(found, kImage, {}).size(), 2U);
  NmsOptions agnostic;
  agnostic.agnostic = true;
  ASSERT_EQ(joined(found, kImage, agnostic).size(), 1U);
  EXPECT_EQ(joined(found, kImage, agnostic)[0].cls, 2);
}

TEST(BoxesSeams, NeighboursInOneWindowAreTwoObjects) {
  // One behind the other at the seam; each window sees both.
  const auto result =
      joined({{kLeft, {at(250, 100, 399, 200, 0.9F), at(310, 90, 399, 190, 0.8F)}},
              {kRight, {at(301, 100, 430, 200, 0.9F), at(310, 90, 470, 190, 0.8F)}}},
             kImage, {});
  EXPECT_EQ(result.size(), 2U);
}

TEST(BoxesSeams, AtMostMaxDetectionsTheBest) {
  NmsOptions options;
  options.max_detections = 2;
  const auto result = joined({{kLeft, {at(0, 0, 9, 9, 0.3F), at(20, 0, 29, 9, 0.9F)}},
                              {kRight, {at(600, 0, 630, 40, 0.5F)}}},
                             kImage, options);
  ASSERT_EQ(result.size(), 2U);
  EXPECT_EQ(result[0].score, 0.9F);
  EXPECT_EQ(result[1].score, 0.5F);
}

/// Objects of two classes that keep a distance from each other.
std::vector<Detection> objects(std::mt19937& random, Size image, int least, int largest) {
  std::vector<Detection> found;
  const auto upto = [&](int most) { return static_cast<float>(random() % most); };
  for (int i = 0; i < 400; ++i) {
    const auto smallest = static_cast<float>(least);
    const float w = smallest + upto(largest - least), h = smallest + upto(largest - least);
    if (w >= static_cast<float>(image.width) || h >= static_cast<float>(image.height)) continue;
    const float x = upto(image.width - static_cast<int>(w));
    const float y = upto(image.height - static_cast<int>(h));
    const Detection next = at(x, y, x + w, y + h, 0.5F + 0.001F * static_cast<float>(i), i % 2);
    const bool free = std::none_of(found.begin(), found.end(), [&](const Detection& other) {
      return next.box.x1 < other.box.x2 + 12 && other.box.x1 < next.box.x2 + 12 &&
             next.box.y1 < other.box.y2 + 12 && other.box.y1 < next.box.y2 + 12;
    });
    if (free) found.push_back(next);
  }
  std::sort(found.begin(), found.end(), sooner);
  return found;
}

/// What a detector sees of the objects in a window: at least `share` of each side of an object,
/// its edges off by at most `jitter`.
std::vector<Detection> seen(const std::vector<Detection>& all, const Window& w, float share,
                            float jitter, std::mt19937& random) {
  const auto x = static_cast<float>(w.x), y = static_cast<float>(w.y);
  const float right = x + static_cast<float>(w.width), bottom = y + static_cast<float>(w.height);
  std::uniform_real_distribution<float> off(-jitter, jitter);
  std::vector<Detection> found;
  for (Detection d : all) {
    const Box whole = d.box;
    Box& box = d.box;
    box = {std::max(box.x1, x), std::max(box.y1, y), std::min(box.x2, right),
           std::min(box.y2, bottom)};
    if (!(box.width() > share * whole.width() && box.height() > share * whole.height())) continue;
    if (!(box.width() > 0 && box.height() > 0)) continue;
    if (jitter > 0) {
      box = {std::max(x, box.x1 + off(random)), std::max(y, box.y1 + off(random)),
             std::min(right, box.x2 + off(random)), std::min(bottom, box.y2 + off(random))};
    }
    found.push_back(d);
  }
  return found;
}

TEST(BoxesSeams, CutPictureEqualsWholePicture) {
  std::mt19937 random(7);
  for (int round = 0; round < 100; ++round) {
    const Size image{400 + static_cast<int>(random() % 1500),
                     300 + static_cast<int>(random() % 900)};
    const std::vector<Detection> truth = objects(random, image, 8, round % 2 == 0 ? 80 : 700);
    std::vector<WindowDetections> found;
    for (const Window& w : windows(image, {320, 256}, 0.2)) {
      found.push_back({w, seen(truth, w, 0, 0, random)});
    }
    std::shuffle(found.begin(), found.end(), random);
    NmsOptions options;
    options.max_detections = 30'000;
    const std::vector<Detection> result = joined(found, image, options);
    ASSERT_EQ(result.size(), truth.size()) << round;
    for (std::size_t i = 0; i < truth.size(); ++i) EXPECT_TRUE(same(result[i], truth[i])) << i;
  }
}

// At least 12 pixels of a side are seen, each edge within one: two views agree by 11/13 * 22/26.
TEST(BoxesSeams, UncertainEdgesAreJoinedToo) {
  std::mt19937 random(8);
  for (int round = 0; round < 100; ++round) {
    const Size image{1200, 800};
    const std::vector<Detection> truth = objects(random, image, 24, 60);
    std::vector<WindowDetections> found = {
        {{0, 0, image.width, image.height}, seen(truth, {0, 0, 1200, 800}, 0.5F, 1, random)}};
    // Small objects are missed in the whole picture.
    std::erase_if(found[0].detections,
                  [](const Detection& d) { return d.box.width() * d.box.height() < 900; });
    for (const Window& w : windows(image, {320, 320}, 0.25)) {
      found.push_back({w, seen(truth, w, 0.5F, 1, random)});
    }
    std::vector<Detection> result = joined(found, image, {});
    for (const Detection& object : truth) {
      const auto is_it = [&](const Detection& d) {
        return d.cls == object.cls && iou(d.box, object.box) > 0.3;
      };
      EXPECT_EQ(std::count_if(result.begin(), result.end(), is_it), 1)
          << round << ": " << object.box.x1 << " " << object.box.y1 << " " << object.box.x2 << " "
          << object.box.y2;
    }
    EXPECT_EQ(result.size(), truth.size());
  }
}

}  // namespace
}  // namespace syolo
