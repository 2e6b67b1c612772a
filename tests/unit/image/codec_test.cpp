// Pictures of every kind: verdicts of a table, equal pictures in unequal files, channels, depth,
// limits, and files that we write.

#include "syolo/image/codec.h"

#include <gtest/gtest.h>

#include "syolo/base/text.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/image/image_testing.h"

namespace syolo::test {
namespace {

Image decode(const FileBytes& bytes, int channels = 3, int bits = 8) {
  DecodeOptions options;
  options.channels = channels, options.bits = bits;
  return decode_image(bytes, "picture", options);
}
Image decode_file(const std::string& name, int channels = 3, int bits = 8) {
  return decode(read_image_file(name), channels, bits);
}

TEST(Codec, AnswersEveryStoredFileAsTheTableSays) {
  const std::string table = read_text(image_path("expect.tsv"), 1 << 20);
  const auto rows = lines(table);
  ASSERT_GT(rows.size(), 250U);
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto cells = split(rows[i], '\t');
    ASSERT_GE(cells.size(), 5U) << rows[i];
    const std::string name(cells[0]);
    SCOPED_TRACE(name);
    const FileBytes bytes = read_image_file(name);
    ImageInfo info;
    const std::string header = error_kind([&] { info = image_info(bytes, name); });
    if (cells[2] == "-") {
      EXPECT_EQ(header, cells[1]);
      EXPECT_EQ(error_kind([&] { decode_image(bytes, name); }), cells[1]);
      continue;
    }
    ASSERT_EQ(header, "ok");
    EXPECT_EQ(info.format, cells[2]);
    EXPECT_EQ(format("{}x{}", info.size.width, info.size.height), cells[3]);
    EXPECT_EQ(format("{}", info.orientation), cells[4]);
    Image image;
    EXPECT_EQ(error_kind([&] { image = decode_image(bytes, name); }), cells[1]);
    if (cells[1] == "ok") {
      EXPECT_EQ(image.size(), info.size);
    }
  }
}

TEST(Codec, NamesFileAndRemedyWhereItRefuses) {
  try {
    decode_image(read_image_file("foreign/tiny.tif"), "shelf/tiny.tif");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.where().file, "shelf/tiny.tif");
    EXPECT_NE(error.text().find("TIFF"), std::string::npos) << error.text();
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(Codec, GivesEqualPixelsForEqualPicturesInUnequalFiles) {
  const std::vector<std::vector<std::string>> groups = {
      {"pngsuite/basn0g01.png", "pngsuite/basi0g01.png"},
      {"pngsuite/basn0g02.png", "pngsuite/basi0g02.png"},
      {"pngsuite/basn0g08.png", "pngsuite/basi0g08.png"},
      {"pngsuite/basn0g16.png", "pngsuite/basi0g16.png", "pngsuite/oi1n0g16.png",
       "pngsuite/oi4n0g16.png", "pngsuite/oi9n0g16.png"},
      {"pngsuite/basn2c16.png", "pngsuite/basi2c16.png", "pngsuite/oi1n2c16.png",
       "pngsuite/oi2n2c16.png", "pngsuite/oi9n2c16.png"},
      {"pngsuite/basn3p01.png", "pngsuite/basi3p01.png"},
      {"pngsuite/basn3p04.png", "pngsuite/basi3p04.png"},
      {"pngsuite/basn3p08.png", "pngsuite/basi3p08.png"},
      {"pngsuite/basn4a16.png", "pngsuite/basi4a16.png", "pngsuite/bgai4a16.png"},
      {"pngsuite/basn6a08.png", "pngsuite/basi6a08.png"},
      {"pngsuite/s03n3p01.png", "pngsuite/s03i3p01.png"},
      {"pngsuite/s09n3p02.png", "pngsuite/s09i3p02.png"},
      {"pngsuite/s34n3p04.png", "pngsuite/s34i3p04.png"},
      {"pngsuite/s37n3p04.png", "pngsuite/s37i3p04.png"},
      {"pngsuite/z00n2c08.png", "pngsuite/z03n2c08.png", "pngsuite/z09n2c08.png"},
      {"bmp/pal8.bmp", "bmp/pal8topdown.bmp", "bmp/pal8os2.bmp", "bmp/pal8os2v2.bmp",
       "bmp/pal8v5.bmp", "bmp/pal8rle.bmp"},
      {"bmp/Info_8_Bit.bmp", "bmp/Info_A8_R8_G8_B8.bmp", "bmp/Info_A8_R8_G8_B8_Top_Down.bmp",
       "bmp/Info_X1_R5_G5_B5.bmp", "bmp/V3_R5_G6_B5_Top_Down.bmp"},
  };
  for (const auto& group : groups) {
    for (const int channels : {1, 3, 4}) {
      const Image first = decode_file(group[0], channels);
      for (const std::string& other : group) {
        EXPECT_EQ(decode_file(other, channels).pixels, first.pixels) << group[0] << " " << other;
      }
    }
  }
}

TEST(Codec, ReadsBmpBandsTopDownInRgbOrder) {
  const Image image = decode_file("bmp/Info_8_Bit.bmp");
  const std::array<std::array<int, 3>, 3> bands = {{{255, 0, 0}, {0, 255, 0}, {0, 0, 255}}};
  for (int y = 0; y < 6; ++y) {
    for (int c = 0; c < 3; ++c) {
      EXPECT_EQ(value_at(image, 3, y, c), bands[static_cast<std::size_t>(y / 2)][c]) << y;
    }
  }
}

TEST(Codec, TurnsAdobeCmykIntoLight) {
  const Image image = decode_file("jpeg/mozilla_jpg-cmyk-1.jpg");
  EXPECT_GT(value_at(image, 0, 0, 0), 200);  // the upper left corner is yellow
  EXPECT_GT(value_at(image, 0, 0, 1), 200);
  EXPECT_LT(value_at(image, 0, 0, 2), 60);
}

TEST(Codec, ReadsBmpAlphaFromItsField) {
  EXPECT_EQ(decode_file("bmp/V3_A4_R4_G4_B4.bmp").pixels, decode_file("bmp/Info_8_Bit.bmp").pixels);
  EXPECT_EQ(value_at(decode_file("bmp/V3_A4_R4_G4_B4.bmp", 4), 0, 0, 3), 0);
  EXPECT_EQ(value_at(decode_file("bmp/Info_8_Bit.bmp", 4), 0, 0, 3), 255);
}

TEST(Codec, ReadsTheFirstFrameOfAnAnimation) {
  // Two pixels; palette red and blue; a red frame, then a blue one.
  const std::string_view frame("\x2C\0\0\0\0\x02\0\x01\0\0\x02\x02", 12);
  std::string gif("GIF89a\x02\0\x01\0\x80\0\0\xFF\0\0\0\0\xFF", 19);
  gif.append(frame).append({"\x04\x0A\0", 3}).append(frame).append({"\x4C\x0A\0;", 4});
  const Image image = decode(bytes_of(gif));
  ASSERT_EQ(image.size(), (Size{2, 1}));
  for (int x = 0; x < 2; ++x) {
    EXPECT_EQ(value_at(image, x, 0, 0), 255);
    EXPECT_EQ(value_at(image, x, 0, 2), 0);
  }
}

// B029: grey, grey with alpha, RGB and RGBA against networks of 1, 3 and 4 channels.
TEST(Codec, GivesTheChannelsAskedForFromAnyFile) {
  const Image grey = random_image(9, 7, 1), rgb = random_image(9, 7, 3),
              rgba = random_image(9, 7, 4);
  const FileBytes two = read_image_file("pngsuite/basn4a16.png");
  EXPECT_EQ(image_info(two, "two").channels, 2);
  EXPECT_EQ(image_info(encode_png(rgba.view()), "four").channels, 4);
  for (const int channels : {1, 3, 4}) {
    EXPECT_EQ(decode(two, channels).channels, channels);
    const Image from_grey = decode(encode_png(grey.view()), channels);
    const Image from_rgb = decode(encode_png(rgb.view()), channels);
    const Image from_rgba = decode(encode_png(rgba.view()), channels);
    ASSERT_EQ(from_grey.channels, channels);
    for (int y = 0; y < 7; ++y) {
      for (int x = 0; x < 9; ++x) {
        const double luma = 0.299 * value_at(rgb, x, y, 0) + 0.587 * value_at(rgb, x, y, 1) +
                            0.114 * value_at(rgb, x, y, 2);
        if (channels == 1) {
          EXPECT_EQ(value_at(from_grey, x, y, 0), value_at(grey, x, y, 0));
          EXPECT_NEAR(value_at(from_rgb, x, y, 0), luma, 0.51);
          continue;
        }
        for (int c = 0; c < 3; ++c) {
          EXPECT_EQ(value_at(from_grey, x, y, c), value_at(grey, x, y, 0));
          EXPECT_EQ(value_at(from_rgb, x, y, c), value_at(rgb, x, y, c));
          EXPECT_EQ(value_at(from_rgba, x, y, c), value_at(rgba, x, y, c));
        }
        if (channels == 4) {
          EXPECT_EQ(value_at(from_rgb, x, y, 3), 255);
          EXPECT_EQ(value_at(from_rgba, x, y, 3), value_at(rgba, x, y, 3));
        }
      }
    }
  }
}

TEST(Codec, KeepsTransparencyOfPalettesWhereAlphaIsWanted) {
  EXPECT_EQ(image_info(read_image_file("pngsuite/tbbn3p08.png"), "p").channels, 4);
  const Image rgba = decode_file("pngsuite/tbbn3p08.png", 4);
  int clear = 0, solid = 0;
  for (int y = 0; y < rgba.height; ++y) {
    for (int x = 0; x < rgba.width; ++x) {
      clear += value_at(rgba, x, y, 3) == 0, solid += value_at(rgba, x, y, 3) == 255;
    }
  }
  EXPECT_GT(clear, 100);
  EXPECT_GT(solid, 100);
  EXPECT_EQ(clear + solid, rgba.width * rgba.height);
}

// B030: 16 bits stay 16 bits where wanted; a defined rounding elsewhere.
TEST(Codec, Keeps16BitsWhereWanted) {
  std::string pgm = "P5 256 1 65535\n";
  for (int x = 0; x < 256; ++x) {
    const int value = x * 257 / 2 + x;
    pgm += static_cast<char>(value >> 8), pgm += static_cast<char>(value & 255);
  }
  EXPECT_EQ(image_info(bytes_of(pgm), "ramp").bits, 16);
  const Image wide = decode(bytes_of(pgm), 1, 16), narrow = decode(bytes_of(pgm), 1, 8);
  for (int x = 0; x < 256; ++x) {
    EXPECT_EQ(value_at(wide, x, 0, 0), x * 257 / 2 + x);
    EXPECT_NEAR(value_at(narrow, x, 0, 0), value_at(wide, x, 0, 0) / 257.0, 0.5001);
  }
}

TEST(Codec, ReducesPngDepthByTheSameRounding) {
  for (const char* name : {"pngsuite/basn0g16.png", "pngsuite/basi2c16.png",
                           "pngsuite/basn6a08.png", "pngsuite/basn3p04.png"}) {
    const Image wide = decode_file(name, 3, 16), narrow = decode_file(name, 3, 8);
    EXPECT_EQ(wide.bits, 16);
    for (int y = 0; y < wide.height; ++y) {
      for (int x = 0; x < wide.width; ++x) {
        for (int c = 0; c < 3; ++c) {
          ASSERT_NEAR(value_at(narrow, x, y, c), value_at(wide, x, y, c) / 257.0, 0.5001) << name;
        }
      }
    }
  }
  EXPECT_EQ(image_info(read_image_file("pngsuite/basn0g16.png"), "p").bits, 16);
}

TEST(Codec, ReadsPlainAndRawPnmAlike) {
  const Image plain = decode(bytes_of("P3\n# two pixels\n2 1\n10\n10 0 5  0 10 0\n"));
  const Image raw = decode(bytes_of({"P6 2 1 10\n\x0a\0\x05\0\x0a\0", 16}));
  EXPECT_EQ(plain.pixels, raw.pixels);
  EXPECT_EQ(value_at(plain, 0, 0, 0), 255);
  EXPECT_EQ(value_at(plain, 0, 0, 2), 128);
  const Image bits = decode(bytes_of("P1 3 1 011"), 1),
              packed = decode(bytes_of("P4 3 1\n\x60"), 1);
  EXPECT_EQ(bits.pixels, packed.pixels);
  EXPECT_EQ(value_at(bits, 0, 0, 0), 255);
  EXPECT_EQ(value_at(bits, 1, 0, 0), 0);
}

TEST(Codec, DecodesJpegSmallerOnlyWhenAsked) {
  const FileBytes dog = read_image_file("photos/dog.jpg");
  EXPECT_EQ(decode(dog).size(), (Size{768, 576}));
  DecodeOptions options;
  options.at_least = {320, 320};  // half would be 384x288
  EXPECT_EQ(decode_image(dog, "dog", options).size(), (Size{768, 576}));
  options.at_least = {320, 288};
  EXPECT_EQ(decode_image(dog, "dog", options).size(), (Size{384, 288}));
  options.at_least = {1, 1};
  EXPECT_EQ(decode_image(dog, "dog", options).size(), (Size{96, 72}));
}

TEST(Codec, ChecksLimitsBeforePixels) {
  const FileBytes dog = read_image_file("photos/dog.jpg");
  Limits limits;
  limits.pixels = 768 * 576;
  EXPECT_EQ(error_kind([&] { decode_image(dog, "dog", {}, limits); }), "ok");
  limits.pixels = 768 * 576 - 1;
  EXPECT_EQ(error_kind([&] { image_info(dog, "dog", limits); }), "limit");
  EXPECT_EQ(error_kind([&] { decode_image(dog, "dog", {}, limits); }), "limit");
  limits = {};
  limits.side = 767;
  EXPECT_EQ(error_kind([&] { decode_image(dog, "dog", {}, limits); }), "limit");
}

TEST(Codec, LimitsTheScansOfProgressiveJpegs) {
  const FileBytes file = read_image_file("jpeg/mozilla_jpg-progressive.jpg");
  Limits limits;
  limits.jpeg_scans = 2;
  EXPECT_EQ(error_kind([&] { decode_image(file, "p", {}, limits); }), "limit");
  limits.jpeg_scans = 100;
  EXPECT_EQ(error_kind([&] { decode_image(file, "p", {}, limits); }), "ok");
}

TEST(Codec, RefusesFilesTooShortForTheirSize) {
  FileBytes png = encode_png(random_image(4, 4, 3).view());
  for (const std::size_t at : {17U, 21U}) {
    ASSERT_EQ(png[at + 2], std::byte{4});
    png[at + 1] = std::byte{0x3E};  // 15,876 pixels a side
  }
  EXPECT_EQ(error_kind([&] { image_info(png, "bomb"); }), "input");
  FileBytes jpeg = encode_jpeg(random_image(4, 4, 3).view());
  const std::string_view text(reinterpret_cast<const char*>(jpeg.data()), jpeg.size());
  const std::size_t frame = text.find("\xFF\xC0");
  ASSERT_NE(frame, std::string_view::npos);
  jpeg[frame + 5] = jpeg[frame + 7] = std::byte{0x3E};
  EXPECT_EQ(error_kind([&] { image_info(jpeg, "bomb"); }), "input");
}

TEST(Codec, WritesPngsThatReadBackEqual) {
  for (const int channels : {1, 3, 4}) {
    for (const Size size : {Size{1, 1}, Size{33, 5}, Size{64, 48}}) {
      const Image image = random_image(size.width, size.height, channels);
      EXPECT_EQ(decode(encode_png(image.view()), channels).pixels, image.pixels);
    }
  }
}

TEST(Codec, WritesJpegsWithoutChromaSubsampling) {
  Image image(32, 32, 3);
  for (int y = 0; y < 32; ++y) {
    for (int x = 0; x < 32; ++x) set_value(image, x, y, (x / 4 + y / 4) % 3, 200);
  }
  // Halved chroma would smear these 4-pixel fields of pure colours by tens of levels.
  EXPECT_LT(mean_difference(decode(encode_jpeg(image.view(), 95)), image), 4.0);
  const Image grey = decode_file("photos/dog.jpg", 1);
  const FileBytes jpeg = encode_jpeg(grey.view());
  EXPECT_EQ(image_info(jpeg, "grey").channels, 1);
  EXPECT_LT(mean_difference(decode(jpeg, 1), grey), 2.0);
}

TEST(Codec, WritesRowsOfABorrowedPart) {
  const Image image = random_image(20, 10, 3);
  ImageView part = image.view();
  part.data += 3 * 5, part.width = 8;
  const Image back = decode(encode_png(part));
  ASSERT_EQ(back.size(), (Size{8, 10}));
  EXPECT_EQ(value_at(back, 0, 9, 1), value_at(image, 5, 9, 1));
}

TEST(Codec, SavesBySuffixOnly) {
  const TempDir folder;
  const Image image = random_image(6, 5, 3);
  save_image(folder / "a.PNG", image.view());
  EXPECT_EQ(load_image(folder / "a.PNG").pixels, image.pixels);
  save_image(folder / "b.jpeg", image.view());
  EXPECT_EQ(load_image(folder / "b.jpeg").size(), image.size());
  EXPECT_EQ(error_kind([&] { save_image(folder / "c.gif", image.view()); }), "usage");
  EXPECT_FALSE(std::filesystem::exists(folder / "c.gif"));
  EXPECT_EQ(error_kind([&] { load_image(folder / "missing.png"); }), "io");
}

TEST(Codec, RefusesToWriteOtherForms) {
  EXPECT_EQ(error_kind([] { encode_png(random_image(2, 2, 3, 16).view()); }), "input");
  EXPECT_EQ(error_kind([] { encode_jpeg(Image(0, 0, 3).view()); }), "input");
  EXPECT_EQ(error_kind([] { encode_jpeg(Image(70'000, 1, 1).view()); }), "input");
}

// B044: names are data.
TEST(Codec, TakesAnyFileName) {
  const TempDir folder;
  const auto path = folder / "; touch PWNED ;$(touch PWNED).jpg";
  save_image(path, random_image(3, 3, 3).view());
  EXPECT_EQ(load_image(path).size(), (Size{3, 3}));
  EXPECT_FALSE(std::filesystem::exists(folder / "PWNED"));
  EXPECT_EQ(error_kind([&] { load_image(std::string(4000, 'x') + ".jpg"); }), "io");
}

}  // namespace
}  // namespace syolo::test
