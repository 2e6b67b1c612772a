// activate_head against the values of Darknet's own head layers.

#include <gtest/gtest.h>

#include "syolo/base/error.h"
#include "syolo/graph/head.h"
#include "tests/support/boxes.h"

namespace syolo {
namespace {

const std::vector<Anchor> kAnchors = {{10, 14}, {23, 27},   {37, 58},
                                      {81, 82}, {135, 169}, {344, 319}};

HeadSpec yolo(int classes, int anchors) {
  HeadSpec spec;
  spec.classes = classes;
  spec.anchors.assign(kAnchors.begin(), kAnchors.begin() + anchors);
  return spec;
}

/// Every head layer of the file; the layer before it gives the input.
void expect_agreement(const std::string& name, const HeadSpec& spec, int heads = 1) {
  const auto oracle = test::boxes_json("oracles/darknet/layers/" + name + ".json");
  const auto& layers = oracle["layers"];
  int found = 0;
  for (std::size_t i = 1; i < layers.size(); ++i) {
    const std::string type = layers[i]["type"];
    if (type != "yolo" && type != "gaussian_yolo" && type != "region") continue;
    ++found;
    const auto src = layers[i - 1]["output"].get<std::vector<double>>();
    const auto want = layers[i]["output"].get<std::vector<double>>();
    std::vector<double> got(src.size());
    activate_head(spec, {1, layers[i]["c"], layers[i]["h"], layers[i]["w"]}, src.data(),
                  got.data());
    ASSERT_EQ(got.size(), want.size());
    // The files print seven digits.
    for (std::size_t k = 0; k < got.size(); ++k) {
      ASSERT_NEAR(got[k], want[k], 1e-6 * std::max(1.0, std::abs(want[k]))) << name << " at " << k;
    }
  }
  EXPECT_EQ(found, heads);
}

TEST(BoxesHead, ClassicAgreesWithDarknet) {
  expect_agreement("yolo-classic", yolo(3, 3));
}

TEST(BoxesHead, OneClassAgreesWithDarknet) {
  expect_agreement("yolo-one-class", yolo(1, 2));
}

TEST(BoxesHead, TwoHeadsAgreeWithDarknet) {
  expect_agreement("yolo-two-heads", yolo(3, 3), 2);
}

TEST(BoxesHead, ScaleXyAgreesWithDarknet) {
  HeadSpec spec = yolo(3, 3);
  spec.scale_xy = 1.2;
  expect_agreement("yolo-scale-x-y", spec);
}

TEST(BoxesHead, NewCoordsAgreeWithDarknet) {
  HeadSpec spec = yolo(3, 3);
  spec.form = DecodeForm::new_coords;
  spec.scale_xy = 2;
  expect_agreement("yolo-new-coords", spec);
}

TEST(BoxesHead, GaussianAgreesWithDarknet) {
  HeadSpec spec = yolo(3, 3);
  spec.form = DecodeForm::gaussian;
  expect_agreement("gaussian-yolo", spec);
}

TEST(BoxesHead, RegionAgreesWithDarknet) {
  HeadSpec spec = yolo(4, 3);
  spec.form = DecodeForm::region;
  spec.softmax = true;
  expect_agreement("region", spec);
}

TEST(BoxesHead, RegionWithoutSoftmaxKeepsClassesRaw) {
  HeadSpec spec = yolo(2, 1);
  spec.form = DecodeForm::region;
  const std::vector<double> src = {1, 2, 3, 4, 0, 5, -6};
  std::vector<double> got(src.size());
  activate_head(spec, {1, 7, 1, 1}, src.data(), got.data());
  EXPECT_EQ(got, (std::vector<double>{1, 2, 3, 4, 0.5, 5, -6}));
}

TEST(BoxesHead, GaussianScalesTheMeansOnly) {
  HeadSpec spec = yolo(1, 1);
  spec.form = DecodeForm::gaussian;
  spec.scale_xy = 2;
  // sigma(ln 3) = 3/4; x and y: 2 * 3/4 - 1/2 = 1.
  const std::vector<double> src(10, std::log(3.0));
  std::vector<double> got(src.size());
  activate_head(spec, {1, 10, 1, 1}, src.data(), got.data());
  const double raw = std::log(3.0);
  const std::vector<double> want = {1, 0.75, 1, 0.75, raw, 0.75, raw, 0.75, 0.75, 0.75};
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-15) << i;
}

TEST(BoxesHead, RefusesATensorOfOtherChannels) {
  std::vector<double> values(7), out(7);
  EXPECT_THROW(activate_head(yolo(3, 1), {1, 7, 1, 1}, values.data(), out.data()), Error);
}

}  // namespace
}  // namespace syolo
