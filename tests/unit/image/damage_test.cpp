// Damaged files: cut at every byte, mutated at random. Whatever stands in them, the answer is an
// Error or a picture, and never part of one (B031).

#include <gtest/gtest.h>

#include <cstdlib>

#include "tests/unit/image/image_testing.h"

namespace syolo::test {
namespace {

// Any upright picture within the limits, or an Error of the right kind; anything else fails.
std::vector<std::byte> decoded_or_empty(std::span<const std::byte> bytes) {
  Limits limits;
  limits.pixels = 1'000'000, limits.side = 20'000, limits.jpeg_scans = 20;
  try {
    return decode_image(bytes, "damaged", {}, limits).pixels;
  } catch (const Error& error) {
    EXPECT_TRUE(error.kind() == ErrorKind::input || error.kind() == ErrorKind::unsupported ||
                error.kind() == ErrorKind::limit)
        << error.text();
    EXPECT_FALSE(error.text().empty());
    return {};
  }
}

std::vector<FileBytes> small_files() {
  std::vector<FileBytes> files;
  const Image picture = random_image(5, 4, 3);
  files.push_back(encode_png(picture.view()));
  files.push_back(encode_jpeg(picture.view(), 50));
  for (const char* name :
       {"bmp/Info_8_Bit.bmp", "bmp/Info_A8_R8_G8_B8.bmp", "gif/sample_1.gif",
        "gif/any-disposal.gif", "webp/panic.webp", "webp/2-color.webp", "pngsuite/s05i3p02.png",
        "pngsuite/basn3p04.png", "jpeg/mozilla_jpg-size-2x2.jpg", "jpeg/progressive-missing-dc.jpg",
        "jpeg/non-interleaved-mcu.jpg"}) {
    files.push_back(read_image_file(name));
  }
  files.push_back(bytes_of("P6 2 2 255\nabcdefghijkl"));
  files.push_back(bytes_of("P2 3 2 9 1 2 3 4 5 6\n"));
  return files;
}

TEST(Damage, CutAnywhereGivesAnErrorOrTheWholePicture) {
  for (const FileBytes& file : small_files()) {
    const auto whole = decoded_or_empty(file);
    ASSERT_FALSE(whole.empty());
    int errors = 0;
    for (std::size_t n = 0; n < file.size(); ++n) {
      const auto part = decoded_or_empty(std::span(file).first(n));
      errors += part.empty();
      EXPECT_TRUE(part.empty() || part == whole) << "cut at " << n << " of " << file.size();
    }
    EXPECT_GT(errors, static_cast<int>(file.size() / 4));
  }
}

TEST(Damage, MutatedHeadersNeverDoHarm) {
  std::uint64_t sample = 0;
  for (const FileBytes& file : small_files()) {
    for (int round = 0; round < 300; ++round) {
      Rng rng(3, Stream::test, 0, ++sample);
      FileBytes mutant = file;
      const int header = std::min<int>(static_cast<int>(file.size()), 64);
      for (int changes = 1 + rng.below(4); changes > 0; --changes) {
        const int reach = rng.chance(0.7) ? header : static_cast<int>(file.size());
        mutant[static_cast<std::size_t>(rng.below(reach))] = static_cast<std::byte>(rng.below(256));
      }
      if (rng.chance(0.2)) mutant.resize(static_cast<std::size_t>(rng.below(header)));
      decoded_or_empty(mutant);
    }
  }
}

TEST(Damage, CutPhotographsAreErrors) {
  for (const char* name : {"photos/person.jpg", "orientation/hopper_6.jpg",
                           "orientation/hopper_6.webp", "pngsuite/z09n2c08.png"}) {
    const FileBytes file = read_image_file(name);
    for (const double part : {0.3, 0.6, 0.9, 0.99}) {
      const auto n = static_cast<std::size_t>(static_cast<double>(file.size()) * part);
      EXPECT_EQ(error_kind([&] { decode_image(std::span(file).first(n), name); }), "input")
          << name << " " << part;
    }
  }
}

TEST(Damage, AJpegWithoutItsEndMarkIsWhole) {
  FileBytes file = read_image_file("jpeg/mozilla_jpg-size-17x17.jpg");
  const Image whole = decode_image(file, "whole");
  ASSERT_EQ(file.back(), std::byte{0xD9});
  file.resize(file.size() - 2);
  EXPECT_EQ(decode_image(file, "cut").pixels, whole.pixels);
}

TEST(Damage, ABmpMayCarryAnySize) {
  FileBytes file = read_image_file("bmp/Info_8_Bit.bmp");
  for (const std::size_t at : {18U, 22U}) {
    for (const int high : {0x00, 0x7F, 0x80, 0xFF}) {
      FileBytes mutant = file;
      mutant[at + 3] = static_cast<std::byte>(high);
      mutant[at + 2] = std::byte{1};
      decoded_or_empty(mutant);
    }
  }
}

}  // namespace
}  // namespace syolo::test
