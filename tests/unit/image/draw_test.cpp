// Frames and labels: where pixels change, that text can be read, that nothing leaves the picture.

#include "syolo/image/draw.h"

#include <gtest/gtest.h>

#include <cmath>

#include "syolo/image/font_impl.h"
#include "tests/unit/image/image_testing.h"

namespace syolo::test {
namespace {

Image grey_picture(int width, int height, int channels = 3, int bits = 8) {
  Image image(width, height, channels, bits);
  std::fill(image.pixels.begin(), image.pixels.end(), std::byte{128});
  return image;
}

bool has_color(const Image& image, int x, int y, Color color) {
  return value_at(image, x, y, 0) == color.r && value_at(image, x, y, 1) == color.g &&
         value_at(image, x, y, 2) == color.b;
}

double contrast(Color a, Color b) {  // WCAG 2
  const auto luminance = [](Color color) {
    const auto linear = [](unsigned char v) {
      const double s = v / 255.0;
      return s <= 0.03928 ? s / 12.92 : std::pow((s + 0.055) / 1.055, 2.4);
    };
    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b);
  };
  const double la = luminance(a), lb = luminance(b);
  return (std::max(la, lb) + 0.05) / (std::min(la, lb) + 0.05);
}

TEST(Draw, FramesLieInsideTheirBox) {
  Image image = grey_picture(40, 30);
  const Color red{255, 0, 0};
  draw_frame(image, {10, 5, 30, 25}, red, 2);
  for (int y = 0; y < 30; ++y) {
    for (int x = 0; x < 40; ++x) {
      const bool inside = x >= 10 && x < 30 && y >= 5 && y < 25;
      const bool hollow = x >= 12 && x < 28 && y >= 7 && y < 23;
      EXPECT_EQ(has_color(image, x, y, red), inside && !hollow) << x << "," << y;
    }
  }
}

TEST(Draw, CutsOffWhatLeavesThePicture) {
  for (const Box box : {Box{-20, -20, 400, 300}, Box{-9, 3, 4, 9}, Box{1e30F, 0, 2e30F, 5},
                        Box{-1e30F, -1e30F, 1e30F, 1e30F}, Box{NAN, 2, NAN, 8}, Box{5, 5, 5, 5}}) {
    Image image = grey_picture(30, 20);
    draw_frame(image, box, {1, 2, 3}, 3);
    draw_detection(image, box, 7, "label");
    EXPECT_EQ(image.pixels.size(), 30U * 20 * 3);
  }
}

TEST(Draw, MovesLabelsInside) {
  const Color color{250, 240, 20};
  for (const auto& [x, y] : {std::pair{-50.0F, -50.0F}, std::pair{1000.0F, 1000.0F},
                             std::pair{90.0F, 3.0F}, std::pair{20.0F, 60.0F}}) {
    Image image = grey_picture(100, 60);
    draw_label(image, x, y, "dog", color, 1);
    int background = 0, ink = 0;
    for (int row = 0; row < 60; ++row) {
      for (int column = 0; column < 100; ++column) {
        background += has_color(image, column, row, color);
        ink += has_color(image, column, row, {0, 0, 0});
      }
    }
    EXPECT_EQ(background + ink, 29 * 17) << x << "," << y;
    EXPECT_GT(ink, 60);
  }
}

TEST(Draw, SpellsTheFontsPixels) {
  Image image = grey_picture(40, 20);
  draw_label(image, 0, 17, "Q", {255, 255, 255}, 1);
  for (int y = 0; y < 16; ++y) {
    for (int x = 0; x < 8; ++x) {
      EXPECT_EQ(has_color(image, 3 + x, y, {0, 0, 0}), image::glyph_of(U'Q').pixel(x, y));
    }
  }
}

TEST(Draw, HasAnOwnPictureForEveryCharacter) {
  std::vector<char32_t> codes;
  for (char32_t code = 0x21; code < 0x7F; ++code) codes.push_back(code);
  for (char32_t code = 0xA1; code <= 0xFF; ++code) {
    if (code != 0xAD) codes.push_back(code);  // the soft hyphen looks like a hyphen
  }
  const auto same = [](char32_t a, char32_t b) {
    const image::Glyph &one = image::glyph_of(a), &other = image::glyph_of(b);
    return one.upper == other.upper && one.lower == other.lower;
  };
  for (std::size_t i = 0; i < codes.size(); ++i) {
    EXPECT_FALSE(same(codes[i], U' ')) << static_cast<unsigned>(codes[i]);
    EXPECT_FALSE(same(codes[i], 0x4E2D)) << static_cast<unsigned>(codes[i]);
    for (std::size_t k = 0; k < i; ++k) {
      EXPECT_FALSE(same(codes[i], codes[k]))
          << static_cast<unsigned>(codes[i]) << " " << static_cast<unsigned>(codes[k]);
    }
  }
}

TEST(Draw, PrintsUtf8AndMarksWhatItCannotPrint) {
  const auto drawn = [](std::string_view text) {
    Image image = grey_picture(120, 20);
    draw_label(image, 0, 17, text, {255, 255, 255}, 1);
    return image.pixels;
  };
  EXPECT_EQ(drawn("\xE4\xB8\xAD"), drawn("\xF0\x9F\x90\x95"));  // no glyph: one box each
  EXPECT_EQ(drawn("\xFF"), drawn("\xE4\xB8\xAD"));              // not UTF-8: a box
  EXPECT_EQ(drawn("\xC3\xE4"), drawn("\xFF\xFF"));
  EXPECT_NE(drawn("\xC3\xA4"), drawn("a"));
  EXPECT_EQ(drawn("a\n"), drawn("a\xFF"));
  drawn("");
  drawn(std::string(100'000, 'x'));
}

TEST(Draw, LeavesTextReadableOnEveryClassColor) {
  for (int cls = 0; cls < 1000; ++cls) {
    const Color color = class_color(cls);
    Image image = grey_picture(30, 20);
    draw_label(image, 0, 17, "H", color, 1);
    const Color ink = has_color(image, 3 + 2, 6, {0, 0, 0}) ? Color{0, 0, 0} : Color{255, 255, 255};
    ASSERT_TRUE(has_color(image, 3 + 2, 6, ink)) << cls;
    EXPECT_GE(contrast(color, ink), 4.5) << cls;  // WCAG AA
  }
}

TEST(Draw, KeepsNeighbouringClassesApart) {
  for (int cls = 0; cls < 500; ++cls) {
    for (int other = cls + 1; other < cls + 8; ++other) {
      const Color a = class_color(cls), b = class_color(other);
      const int distance = std::abs(a.r - b.r) + std::abs(a.g - b.g) + std::abs(a.b - b.b);
      EXPECT_GE(distance, 60) << cls << " " << other;
    }
  }
  class_color(-1);
  class_color(2'000'000'000);
}

TEST(Draw, WorksOnEveryKindOfPicture) {
  for (const int channels : {1, 3, 4}) {
    for (const int bits : {8, 16}) {
      Image image(60, 40, channels, bits);
      draw_frame(image, {5, 5, 55, 35}, {255, 255, 255}, 1);
      EXPECT_EQ(value_at(image, 5, 5, 0), bits == 8 ? 255 : 65535);
      EXPECT_EQ(value_at(image, 30, 20, 0), 0);
      if (channels == 4) {
        EXPECT_EQ(value_at(image, 5, 5, 3), bits == 8 ? 255 : 65535);
      }
    }
  }
}

TEST(Draw, ScalesWithThePicture) {
  const auto label_height = [](int side) {
    Image image = grey_picture(side, side);
    const float far = static_cast<float>(side);
    draw_detection(image, {0, far / 2, far / 2, far - 1}, 0, "x");
    int height = 0;
    for (int y = 0; y < side / 2; ++y) height += has_color(image, 1, y, class_color(0));
    return height;
  };
  EXPECT_NEAR(label_height(400), 17, 3);
  EXPECT_NEAR(label_height(2000), 2 * 17, 5);
  EXPECT_NEAR(label_height(4000), 4 * 17, 9);
}

}  // namespace
}  // namespace syolo::test
