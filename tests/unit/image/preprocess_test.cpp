// Pictures as network input: both resize conventions, both letterboxes, the way back, and
// Darknet's own tensor.

#include "syolo/image/preprocess.h"

#include <gtest/gtest.h>

#include <cmath>

#include "syolo/image/resize.h"
#include "tests/unit/image/image_testing.h"

namespace syolo::test {
namespace {

constexpr auto kAligned = Interpolation::aligned_corners;
constexpr auto kHalf = Interpolation::half_pixel;

std::vector<float> resized(const Image& image, Interpolation interpolation, Size to) {
  std::vector<float> values(static_cast<std::size_t>(to.width) * to.height * image.channels, -1.0F);
  resize_to_planes(image.view(), interpolation,
                   {values.data(), to.width, to.height, to.width,
                    static_cast<std::ptrdiff_t>(to.width) * to.height});
  return values;
}

// The definition of both conventions, in double and without caches.
double resized_value(const Image& image, Interpolation interpolation, Size to, int x, int y,
                     int c) {
  const auto source = [&](int at, int src, int dst) {
    if (interpolation == kHalf) {
      return std::clamp((at + 0.5) * src / dst - 0.5, 0.0, static_cast<double>(src - 1));
    }
    return dst > 1 ? static_cast<double>(at) * (src - 1) / (dst - 1) : 0.0;
  };
  const double sx = source(x, image.width, to.width), sy = source(y, image.height, to.height);
  const int ix = static_cast<int>(sx), iy = static_cast<int>(sy);
  const int jx = std::min(ix + 1, image.width - 1), jy = std::min(iy + 1, image.height - 1);
  const double fx = sx - ix, fy = sy - iy, top = image.bits == 8 ? 255 : 65535;
  const auto value = [&](int px, int py) { return value_at(image, px, py, c) / top; };
  return (1 - fy) * ((1 - fx) * value(ix, iy) + fx * value(jx, iy)) +
         fy * ((1 - fx) * value(ix, jy) + fx * value(jx, jy));
}

TEST(Resize, FollowsItsDefinition) {
  const std::vector<Size> sizes = {{1, 1}, {2, 1}, {1, 5}, {3, 7}, {17, 4}, {64, 33}, {101, 50}};
  for (const Size from : sizes) {
    for (const Size to : sizes) {
      for (const int bits : {8, 16}) {
        const int channels = 1 + (from.width + to.width) % 4;
        const Image image = random_image(from.width, from.height, channels, bits);
        for (const auto interpolation : {kAligned, kHalf}) {
          const auto got = resized(image, interpolation, to);
          std::size_t at = 0;
          for (int c = 0; c < channels; ++c) {
            for (int y = 0; y < to.height; ++y) {
              for (int x = 0; x < to.width; ++x, ++at) {
                // Positions up to 101 have 2^-17 of rounding in float, times a step of 1.
                const double want = resized_value(image, interpolation, to, x, y, c);
                ASSERT_NEAR(got[at], want, 3e-5)
                    << from.width << "x" << from.height << " to " << to.width << "x" << to.height;
              }
            }
          }
        }
      }
    }
  }
}

TEST(Resize, CopiesWhenNothingChanges) {
  const Image image = random_image(31, 9, 3);
  for (const auto interpolation : {kAligned, kHalf}) {
    const auto got = resized(image, interpolation, image.size());
    std::size_t at = 0;
    for (int c = 0; c < 3; ++c) {
      for (int y = 0; y < 9; ++y) {
        for (int x = 0; x < 31; ++x, ++at) {
          ASSERT_EQ(got[at], static_cast<float>(value_at(image, x, y, c) / 255.0));
        }
      }
    }
  }
}

// 332/319 in float times 319 falls just below 332: Darknet's last row is then nearly black.
TEST(Resize, KeepsTheLastRowWhereRoundingFallsShort) {
  ASSERT_LT(319.0F * (332.0F / 319.0F), 332.0F);
  Image image(333, 333, 1);
  std::fill(image.pixels.begin(), image.pixels.end(), std::byte{255});
  for (const float value : resized(image, kAligned, {320, 320})) ASSERT_NEAR(value, 1.0F, 1e-6);
  for (int i = 0; i < 333; ++i) set_value(image, i, 332, 0, 51), set_value(image, 332, i, 0, 102);
  const auto got = resized(image, kAligned, {320, 320});
  EXPECT_FLOAT_EQ(got[319 * 320 + 5], 0.2F);
  EXPECT_FLOAT_EQ(got[319], 0.4F);
}

TEST(Resize, ReadsRowsOfABorrowedPart) {
  const Image image = random_image(20, 10, 3);
  ImageView part = image.view();
  part.data += 3 * 6, part.width = 9, part.height = 8;
  std::vector<float> got(3 * 9 * 8);
  resize_to_planes(part, kAligned, {got.data(), 9, 8, 9, 72});
  EXPECT_EQ(got[72 + 7 * 9 + 8], static_cast<float>(value_at(image, 14, 7, 1) / 255.0));
}

TEST(Preprocess, EqualsDarknetsTensorOfTheDog) {
  const auto oracle = MappedFile::open(
      Path(SYOLO_TEST_DATA) / "oracles/darknet/detections" / "yolo-fastest-1.1-xl-dog.input.f32",
      1 << 24);
  constexpr std::size_t kCount = 3 * 320 * 320;
  ASSERT_EQ(oracle->bytes().size(), kCount * sizeof(float));
  std::vector<float> want(kCount), got(kCount);
  std::memcpy(want.data(), oracle->bytes().data(), oracle->bytes().size());
  const Image dog = load_image(image_path("photos/dog.jpg"));
  preprocess(dog.view(), {}, {320, 320}, got);
  double sum = 0, most = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    const double difference = std::abs(got[i] - want[i]);
    sum += difference, most = std::max(most, difference);
  }
  // Darknet's own JPEG decoder is up to three levels off; the resize itself adds nothing.
  EXPECT_LT(most, 3.0 / 255);
  EXPECT_LT(sum / kCount, 0.1 / 255);
}

struct Moments {
  double weight = 0, x = 0, y = 0;
};
Moments white_of(std::span<const float> plane, Size size, float background) {
  Moments sum;
  for (int y = 0; y < size.height; ++y) {
    for (int x = 0; x < size.width; ++x) {
      const float value = plane[static_cast<std::size_t>(y) * size.width + x];
      if (value <= background) continue;
      sum.weight += value, sum.x += value * (x + 0.5), sum.y += value * (y + 0.5);
    }
  }
  return {sum.weight, sum.x / sum.weight, sum.y / sum.weight};
}

// B025: where the network sees the square is where the map says, both ways, in every mode.
TEST(Preprocess, PutsASquareWhereTheMapSays) {
  Image image(64, 32, 3);
  for (int y = 12; y < 20; ++y) {
    for (int x = 40; x < 48; ++x) {
      for (int c = 0; c < 3; ++c) set_value(image, x, y, c, 255);
    }
  }
  for (const Size input :
       {Size{96, 96}, Size{64, 64}, Size{416, 416}, Size{320, 256}, Size{32, 64}}) {
    for (const Fit fit : {Fit::stretch, Fit::letterbox}) {
      for (const auto interpolation : {kAligned, kHalf}) {
        SCOPED_TRACE(testing::Message()
                     << input.width << "x" << input.height << " " << static_cast<int>(fit)
                     << static_cast<int>(interpolation));
        Preprocess how;
        how.fit = fit, how.interpolation = interpolation, how.pad = 0.0F;
        std::vector<float> values(static_cast<std::size_t>(input.width) * input.height * 3);
        const ImageMap map = preprocess(image.view(), how, input, values);
        const auto plane = std::span(values).first(values.size() / 3);
        const Moments seen = white_of(plane, input, 0.0F);
        const Box square = map.to_net({40, 12, 48, 20});
        // Half a pixel of the picture, as the network sees it.
        EXPECT_NEAR(seen.x, (square.x1 + square.x2) / 2, 0.5 * std::max(1.0, map.sx));
        EXPECT_NEAR(seen.y, (square.y1 + square.y2) / 2, 0.5 * std::max(1.0, map.sy));
        const auto px = static_cast<float>(seen.x), py = static_cast<float>(seen.y);
        const Box back = map.to_image({px, py, px, py});
        EXPECT_NEAR(back.x1, 44, 0.5 * std::max(1.0, 1 / map.sx));
        EXPECT_NEAR(back.y1, 16, 0.5 * std::max(1.0, 1 / map.sy));
      }
    }
  }
}

TEST(Preprocess, MapsBackWhatItMapsThere) {
  for (const Size image : {Size{768, 576}, Size{333, 500}, Size{1, 1}, Size{5000, 3}}) {
    for (const Fit fit : {Fit::stretch, Fit::letterbox}) {
      for (const auto interpolation : {kAligned, kHalf}) {
        Preprocess how;
        how.fit = fit, how.interpolation = interpolation;
        const ImageMap map = image_map(image, how, {416, 352});
        EXPECT_EQ(map.image, image);
        const Box box{0.25F, 0.5F, 0.75F * static_cast<float>(image.width),
                      static_cast<float>(image.height)};
        const Box there = map.to_net(box), back = map.to_image(there);
        EXPECT_GE(there.x1, 0);
        EXPECT_LE(there.y2, 352.5);
        EXPECT_NEAR(back.x1, box.x1, 2e-3 * image.width / 416 + 1e-3);
        EXPECT_NEAR(back.y1, box.y1, 2e-3 * image.height / 352 + 1e-3);
        EXPECT_NEAR(back.x2, box.x2, 2e-3 * image.width / 416 + 1e-3);
        EXPECT_NEAR(back.y2, box.y2, 2e-3 * image.height / 352 + 1e-3);
      }
    }
  }
}

// Sizes by hand: 416*333/500 = 277.056, and the PyTorch programs' 333*0.832 = 277.056 as well;
// 768x575 in 416: 311.458 and 311.458.
TEST(Preprocess, LetterboxesOddSizesAsEachProgramDoes) {
  Preprocess how;
  how.fit = Fit::letterbox, how.pad = 0.25F;
  struct Case {
    Interpolation interpolation;
    Size image;
    int first_row, rows;
    double sy, ty;
  };
  const std::vector<Case> cases = {
      {kAligned, {500, 333}, 69, 277, 277.0 / 333, 69.5},
      {kHalf, {500, 333}, 69, 277, 0.832, 69.5},
      {kAligned, {1000, 667}, 69, 277, 277.0 / 667, 69.5},  // 277.47
      {kHalf, {1000, 668}, 69, 278, 0.416, 69.0},           // 277.89: rounded, not cut
      {kAligned, {1000, 668}, 69, 277, 277.0 / 668, 69.5},
      {kAligned, {500, 1}, 207, 1, 1.0, 207.5},  // 0.8 rows: one at least
  };
  for (const Case& is : cases) {
    SCOPED_TRACE(testing::Message() << is.image.width << "x" << is.image.height);
    how.interpolation = is.interpolation;
    Image white(is.image.width, is.image.height, 3);
    std::fill(white.pixels.begin(), white.pixels.end(), std::byte{255});
    std::vector<float> values(3 * 416 * 416, -1.0F);
    const ImageMap map = preprocess(white.view(), how, {416, 416}, values);
    for (int plane = 0; plane < 3; ++plane) {
      int rows = 0, first = -1;
      for (int y = 0; y < 416; ++y) {
        const float value = values[static_cast<std::size_t>((plane * 416 + y) * 416 + 200)];
        ASSERT_TRUE(value == 0.25F || std::abs(value - 1) < 1e-6F) << value;
        if (value == 0.25F) continue;
        if (rows++ == 0) first = y;
      }
      EXPECT_EQ(rows, is.rows);
      EXPECT_EQ(first, is.first_row);
    }
    EXPECT_DOUBLE_EQ(map.ty, is.ty);
    EXPECT_DOUBLE_EQ(map.sy, is.sy);
    EXPECT_DOUBLE_EQ(map.tx, 0);
  }
}

TEST(Preprocess, FillsEveryValueOnce) {
  for (const Size size : {Size{1, 1}, Size{7, 90}, Size{90, 7}}) {
    for (const Fit fit : {Fit::stretch, Fit::letterbox}) {
      for (const int channels : {1, 3, 4}) {
        for (const int bits : {8, 16}) {
          Preprocess how;
          how.fit = fit, how.channels = channels, how.bits = bits;
          const Image image = random_image(size.width, size.height, channels, bits);
          std::vector<float> values(static_cast<std::size_t>(33) * 47 * channels, -1.0F);
          preprocess(image.view(), how, {33, 47}, values);
          for (const float value : values) ASSERT_TRUE(value >= 0 && value <= 1) << value;
        }
      }
    }
  }
}

TEST(Preprocess, RefusesPicturesDecodedForAnotherNetwork) {
  std::vector<float> values(3 * 32 * 32);
  const auto run = [&](int channels, int bits) {
    return error_kind([&] {
      preprocess(Image(8, 8, channels, bits).view(), {}, {32, 32}, values);
    });
  };
  EXPECT_EQ(run(3, 8), "ok");
  EXPECT_EQ(run(1, 8), "input");
  EXPECT_EQ(run(4, 8), "input");
  EXPECT_EQ(run(3, 16), "input");
  EXPECT_EQ(error_kind([&] { preprocess({}, {}, {32, 32}, values); }), "input");
}

}  // namespace
}  // namespace syolo::test
