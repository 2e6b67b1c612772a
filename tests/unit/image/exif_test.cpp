// EXIF orientation: every reader gives the upright picture, sizes and pixels agree (B027).

#include <gtest/gtest.h>

#include "syolo/image/codec_impl.h"
#include "tests/unit/image/image_testing.h"

namespace syolo::test {
namespace {

// The picture as a camera held in this orientation stores it: the value of EXIF names the side
// of the scene where stored row 0 and stored column 0 lie.
Image stored_for(const Image& upright, int orientation) {
  const bool turned = orientation >= 5;
  const int w = upright.width, h = upright.height;
  Image stored(turned ? h : w, turned ? w : h, upright.channels);
  const bool row0_is_bottom_or_right =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool col0_is_right_or_bottom =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  for (int row = 0; row < stored.height; ++row) {
    for (int col = 0; col < stored.width; ++col) {
      const int across = row0_is_bottom_or_right ? stored.height - 1 - row : row;
      const int along = col0_is_right_or_bottom ? stored.width - 1 - col : col;
      const int x = turned ? across : along, y = turned ? along : across;
      for (int c = 0; c < upright.channels; ++c) {
        set_value(stored, col, row, c, value_at(upright, x, y, c));
      }
    }
  }
  return stored;
}

TEST(Exif, TurnsAllEightPngsIntoTheSamePixels) {
  const Image scene = random_image(13, 7, 3);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    SCOPED_TRACE(orientation);
    const FileBytes plain = encode_png(stored_for(scene, orientation).view());
    const FileBytes png = png_with_chunk(plain, "eXIf", exif_block(orientation));
    const ImageInfo info = image_info(png, "scene.png");
    EXPECT_EQ(info.orientation, orientation);
    EXPECT_EQ(info.size, scene.size());
    for (const int channels : {1, 3, 4}) {
      DecodeOptions options;
      options.channels = channels;
      const Image got = decode_image(png, "scene.png", options);
      EXPECT_EQ(got.pixels, decode_image(encode_png(scene.view()), "1", options).pixels);
      options.bits = 16;
      EXPECT_EQ(decode_image(png, "scene.png", options).pixels,
                decode_image(encode_png(scene.view()), "1", options).pixels);
    }
  }
}

TEST(Exif, TurnsJpegsAsItTurnsTheirPixels) {
  const FileBytes plain = encode_jpeg(random_image(40, 24, 3).view());
  const Image stored = decode_image(plain, "plain.jpg");
  for (int orientation = 1; orientation <= 8; ++orientation) {
    SCOPED_TRACE(orientation);
    const FileBytes jpeg = jpeg_with_exif(plain, orientation);
    const Image upright = decode_image(jpeg, "turned.jpg");
    EXPECT_EQ(image_info(jpeg, "turned.jpg").size, upright.size());
    EXPECT_EQ(stored_for(upright, orientation).pixels, stored.pixels);
    DecodeOptions ignoring;
    ignoring.ignore_exif = true;
    EXPECT_EQ(decode_image(jpeg, "turned.jpg", ignoring).pixels, stored.pixels);
    EXPECT_EQ(image_info(jpeg, "turned.jpg", {}, true).size, stored.size());
  }
}

TEST(Exif, TurnsInterlacedPictures) {
  const FileBytes plain = read_image_file("pngsuite/s33i3p04.png");
  const Image stored = decode_image(plain, "plain");
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const FileBytes png = png_with_chunk(plain, "eXIf", exif_block(orientation));
    const Image upright = decode_image(png, "turned");
    EXPECT_EQ(stored_for(upright, orientation).pixels, stored.pixels) << orientation;
  }
}

TEST(Exif, ShowsRealFilesOfOneSceneAlike) {
  const Image jpeg = load_image(image_path("orientation/hopper_1.jpg"));
  const Image webp = load_image(image_path("orientation/hopper_1.webp"));
  // Coded again at another quality: 2 to 5 levels apart; any wrong turn is above 60.
  for (const char* name : {"2.jpg", "3.jpg", "5.jpg", "6.jpg", "7.jpg", "8.jpg"}) {
    const Image other = load_image(image_path("orientation/hopper_" + std::string(name)));
    EXPECT_LT(mean_difference(other, jpeg), 8) << name;
  }
  for (const char* name : {"2.webp", "3.webp", "4.webp", "5.webp", "6.webp", "8.webp"}) {
    const Image other = load_image(image_path("orientation/hopper_" + std::string(name)));
    EXPECT_LT(mean_difference(other, webp), 8) << name;
  }
  EXPECT_LT(mean_difference(webp, jpeg), 8);
}

TEST(Exif, ShrinksTurnedJpegsByTheirUprightSize) {
  const FileBytes jpeg = jpeg_with_exif(encode_jpeg(random_image(64, 32, 3).view()), 6);
  DecodeOptions options;
  options.at_least = {16, 32};
  EXPECT_EQ(decode_image(jpeg, "j", options).size(), (Size{16, 32}));
}

TEST(Exif, IgnoresBlocksThatSayNothing) {
  const auto orientation = [](std::string_view block) {
    return image::exif_orientation(bytes_of(block));
  };
  EXPECT_EQ(image::exif_orientation(exif_block(6)), 6);
  EXPECT_EQ(image::exif_orientation(exif_block(0)), 1);
  EXPECT_EQ(image::exif_orientation(exif_block(9)), 1);
  EXPECT_EQ(orientation(""), 1);
  EXPECT_EQ(orientation("Exif"), 1);
  EXPECT_EQ(orientation({"II*\0\xFF\xFF\xFF\xFF", 8}), 1);
  EXPECT_EQ(orientation({"II*\0\x08\0\0\0\xFF\xFF", 10}), 1);
  EXPECT_EQ(orientation({"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0", 22}), 8);
  const FileBytes block = exif_block(6);
  for (std::size_t n = 0; n < 20; ++n) {
    EXPECT_EQ(image::exif_orientation(std::span(block).first(n)), 1) << n;
  }
}

}  // namespace
}  // namespace syolo::test
