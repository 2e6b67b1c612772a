// The law of each augmentation: what it does to pixels and to boxes, for many seeds.

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "syolo/data/augment/augment_impl.h"
#include "syolo/image/codec.h"
#include "tests/support/painted.h"

namespace syolo {
namespace {

using test::painted;
using test::pixel;

constexpr int kSeeds = 60;
constexpr Size kSize = {96, 64};

Rng rng_of(int seed) {
  return {static_cast<std::uint64_t>(seed), Stream::augment};
}

/// Applies one row to painted pictures; the other pictures of mixes are painted as well.
Sample apply(std::string_view name, Sample sample, const AugmentOptions& options, int seed) {
  const Augmentation* row = find_augmentation(name);
  EXPECT_NE(row, nullptr) << name;
  Rng rng = rng_of(seed);
  const Pick other = [](Rng& r) {
    return painted({80, 80}, 1000 + static_cast<std::uint64_t>(r.below(5)));
  };
  return row->apply(std::move(sample), options, rng, other);
}

Sample picture(int seed) {
  return painted(kSize, static_cast<std::uint64_t>(seed));
}

AugmentOptions all_at_zero() {
  AugmentOptions o;
  o.input = kSize;
  o.hsv_h = o.hsv_s = o.hsv_v = o.hue = 0;
  o.saturation = o.exposure = o.resize = 1;
  o.degrees = o.translate = o.scale = o.shear = o.perspective = o.flipud = o.fliplr = o.jitter = 0;
  o.mosaic = o.mixup = 0;
  o.brightness_levels = o.contrast_range = o.noise_sigma = o.blur_sigma = o.randconv_mix = 0;
  o.copy_paste_most = 0;
  o.flip = false;
  return o;
}

AugmentOptions strong() {
  AugmentOptions o;
  o.input = kSize;
  o.degrees = 30, o.shear = 10, o.perspective = 0.0005, o.flipud = 0.5;
  return o;
}

bool same(const Sample& a, const Sample& b) {
  return a.image.size() == b.image.size() && a.image.pixels == b.image.pixels &&
         a.truths == b.truths;
}

class EveryRow : public testing::TestWithParam<std::string> {};

TEST_P(EveryRow, DependsOnTheSeedAlone) {
  bool differs = false;
  for (int seed = 0; seed < 12; ++seed) {
    const Sample once = apply(GetParam(), picture(1), strong(), seed);
    EXPECT_TRUE(same(once, apply(GetParam(), picture(1), strong(), seed))) << seed;
    differs = differs || !same(once, apply(GetParam(), picture(1), strong(), seed + 1));
  }
  EXPECT_EQ(differs, GetParam() != "letterbox") << "letterbox alone knows no chance";
}

TEST_P(EveryRow, KeepsBoxesInsideAndClassesAlone) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    const Sample out = apply(GetParam(), picture(seed), strong(), seed);
    EXPECT_EQ(out.image.size(), kSize);
    for (const Truth& truth : out.truths) {
      EXPECT_GE(std::min(truth.box.x, truth.box.y), -1e-9);
      EXPECT_LE(truth.box.x + truth.box.w, kSize.width + 1e-9);
      EXPECT_LE(truth.box.y + truth.box.h, kSize.height + 1e-9);
      EXPECT_GT(std::min(truth.box.w, truth.box.h), strong().min_side);
      EXPECT_EQ(truth.id, truth.cls + 1) << "a box keeps its class";
    }
  }
}

TEST_P(EveryRow, SurvivesPicturesOfOnePixelAndWithoutBoxes) {
  for (const Size size : {Size{1, 1}, Size{1, 40}, Size{33, 2}}) {
    for (int seed = 0; seed < 10; ++seed) {
      Sample small{Image(size.width, size.height, 3), {}};
      EXPECT_FALSE(apply(GetParam(), small, strong(), seed).image.pixels.empty());
    }
  }
}

std::vector<std::string> row_names() {
  std::vector<std::string> names;
  for (const Augmentation& row : augmentations()) names.emplace_back(row.name);
  return names;
}
std::string test_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}
INSTANTIATE_TEST_SUITE_P(Augmentations, EveryRow, testing::ValuesIn(row_names()),
                         [](const auto& row) { return test_name(row.param); });

TEST(Augmentation, RowsThatGiveTheInputDoSoForAnyPicture) {
  for (const Augmentation& row : augmentations()) {
    AugmentOptions o = strong();
    o.input = {64, 32};
    const Size size = apply(row.name, picture(1), o, 1).image.size();
    EXPECT_EQ(size, row.to_input ? o.input : kSize) << row.name;
  }
}

TEST(Augmentation, ChangesNothingAtStrengthZero) {
  for (const std::string_view name :
       {"hsv", "exposure", "flip", "affine", "crop", "letterbox", "noise", "blur", "randconv",
        "copy-paste", "brightness", "contrast"}) {
    for (int seed = 0; seed < 10; ++seed) {
      EXPECT_TRUE(same(apply(name, picture(seed), all_at_zero(), seed), picture(seed))) << name;
    }
  }
}

TEST(Augmentation, BoxesFollowWhatIsInThemExactly) {
  for (const std::string_view name : {"flip", "affine", "crop", "letterbox"}) {
    int compared = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
      AugmentOptions o = strong();
      o.perspective = seed % 2 == 0 ? 0 : o.perspective;
      const Sample out = apply(name, picture(seed), o, seed);
      for (const Truth& truth : out.truths) {
        const auto seen = test::bounds_of(out.image, truth.cls);
        ASSERT_TRUE(seen) << name << ' ' << seed << ": a box where nothing is left";
        EXPECT_TRUE(truth.box.x <= seen->x + 1.5 && truth.box.y <= seen->y + 1.5 &&
                    truth.box.x + truth.box.w >= seen->x + seen->w - 1.5 &&
                    truth.box.y + truth.box.h >= seen->y + seen->h - 1.5)
            << name << ' ' << seed << ": something looks out of its box";
        // A clipped turned box may be larger than what is still seen in it.
        const bool whole = truth.box.x > 0 && truth.box.y > 0 &&
                           truth.box.x + truth.box.w < kSize.width &&
                           truth.box.y + truth.box.h < kSize.height;
        if (!whole) continue;
        ++compared;
        EXPECT_TRUE(test::near(truth.box, *seen, 2.5)) << name << ' ' << seed;
      }
    }
    EXPECT_GT(compared, kSeeds / 2) << name;
  }
}

TEST(Augmentation, WhatAPerspectiveTurnsBehindTheViewerIsGone) {
  AugmentOptions o = all_at_zero();
  o.perspective = 0.03;
  int gone = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const Sample out = apply("affine", picture(seed), o, seed);
    gone += 3 - static_cast<int>(out.truths.size());
    for (const Truth& truth : out.truths) {
      const auto seen = test::bounds_of(out.image, truth.cls);
      ASSERT_TRUE(seen) << seed << ": a box where nothing is left";
      EXPECT_TRUE(truth.box.x <= seen->x + 1.5 && truth.box.y <= seen->y + 1.5 &&
                  truth.box.x + truth.box.w >= seen->x + seen->w - 1.5 &&
                  truth.box.y + truth.box.h >= seen->y + seen->h - 1.5)
          << seed << ": something looks out of its box";
    }
  }
  EXPECT_GT(gone, 0);
}

TEST(Augmentation, GeometryDropsBoxesByTheThreePublishedRules) {
  AugmentOptions o;
  const BoxXywh before = {0, 0, 10, 10};
  EXPECT_TRUE(data::keeps(before, {0, 0, 5, 5}, 1, o));
  EXPECT_FALSE(data::keeps(before, {0, 0, 2, 10}, 1, o)) << "a side of min_side";
  EXPECT_FALSE(data::keeps(before, {0, 0, 4, 5}, 1, o)) << "min_visible of the area";
  EXPECT_TRUE(data::keeps(before, {0, 0, 4, 5}, 0.25, o)) << "all of it, half as large";
  EXPECT_FALSE(data::keeps({0, 0, 80, 3}, {0, 0, 80, 3}, 1, o)) << "max_aspect";
}

TEST(Augmentation, FlipTwiceIsThePicture) {
  AugmentOptions o = all_at_zero();
  for (int which = 1; which < 4; ++which) {
    o.flipud = which & 1, o.fliplr = which >> 1;
    const Sample once = apply("flip", picture(3), o, 1);
    EXPECT_FALSE(same(once, picture(3)));
    EXPECT_TRUE(same(apply("flip", once, o, 2), picture(3)));
  }
}

TEST(Augmentation, ColourChangesLeaveBoxesAndGreyPicturesGrey) {
  for (const std::string_view name : {"hsv", "exposure", "brightness", "contrast"}) {
    for (int seed = 0; seed < kSeeds; ++seed) {
      EXPECT_EQ(apply(name, picture(seed), strong(), seed).truths, picture(seed).truths);
      Sample grey{Image(16, 16, 3), {}};
      for (int i = 0; i < 256; ++i) {
        std::fill_n(pixel(grey.image, i % 16, i / 16), 3, static_cast<unsigned char>(i));
      }
      const Sample out = apply(name, grey, strong(), seed);
      for (int i = 0; i < 256; ++i) {
        const unsigned char* p = pixel(out.image, i % 16, i / 16);
        EXPECT_TRUE(p[0] == p[1] && p[1] == p[2]);
        const int last = std::max(0, i - 1);
        EXPECT_GE(p[0], pixel(out.image, last % 16, last / 16)[0]) << "in order";
      }
    }
  }
}

/// Levels after a row from a picture of all levels low..high, grey; counted from `low`.
std::vector<int> levels_after(std::string_view name, int low, int high, const AugmentOptions& o,
                              int seed) {
  Sample ramp{Image(high - low + 1, 1, 3), {}};
  for (int i = low; i <= high; ++i) {
    std::fill_n(pixel(ramp.image, i - low, 0), 3, static_cast<unsigned char>(i));
  }
  const Sample out = apply(name, std::move(ramp), o, seed);
  std::vector<int> levels;
  for (int x = 0; x < out.image.width; ++x) levels.push_back(pixel(out.image, x, 0)[0]);
  return levels;
}

TEST(Augmentation, BrightnessShiftsAllLevelsAlikeAndStopsAtTheEnds) {
  AugmentOptions o = strong();
  int least = 0, greatest = 0;
  for (int seed = 0; seed < 4 * kSeeds; ++seed) {
    const std::vector<int> levels = levels_after("brightness", 0, 255, o, seed);
    const int shift = levels[128] - 128;
    for (int i = 0; i < 256; ++i) {
      EXPECT_EQ(levels[static_cast<std::size_t>(i)], std::clamp(i + shift, 0, 255));
    }
    least = std::min(least, shift), greatest = std::max(greatest, shift);
  }
  EXPECT_GE(least, -o.brightness_levels);
  EXPECT_LE(greatest, o.brightness_levels);
  EXPECT_TRUE(least < -o.brightness_levels / 2 && greatest > o.brightness_levels / 2);
}

TEST(Augmentation, ContrastStretchesAboutTheMeanWhichStays) {
  AugmentOptions o = strong();
  double least = 1, greatest = 1;
  for (int seed = 0; seed < 4 * kSeeds; ++seed) {
    const std::vector<int> levels = levels_after("contrast", 60, 180, o, seed);  // mean 120
    EXPECT_EQ(levels[60], 120);
    const double factor = (levels.back() - levels.front()) / 120.0;
    for (int i = 0; i <= 120; ++i) {  // the factor read off the ends is off by 1/120 at most
      EXPECT_NEAR(levels[static_cast<std::size_t>(i)], 120 + factor * (i - 60), 1.01);
    }
    least = std::min(least, factor), greatest = std::max(greatest, factor);
  }
  EXPECT_GE(least, 1 - o.contrast_range - 0.01);
  EXPECT_LE(greatest, 1 + o.contrast_range + 0.01);
  EXPECT_TRUE(least < 0.75 && greatest > 1.25);
}

TEST(Augmentation, LetterboxKeepsTheAspectAndPadsGrey) {
  AugmentOptions o = strong();
  o.input = {128, 128};
  const Sample out = apply("letterbox", picture(1), o, 0);
  EXPECT_EQ(out.image.size(), (Size{128, 128}));
  for (const int y : {0, 20, 107, 127}) EXPECT_EQ(pixel(out.image, 64, y)[1], o.pad) << y;
  EXPECT_NE(pixel(out.image, 64, 22)[1], o.pad);
  const Truth& a = picture(1).truths[0];
  EXPECT_NEAR(out.truths[0].box.w / out.truths[0].box.h, a.box.w / a.box.h, 0.02);
}

// What hides --------------------------------------------------------------------------------------

/// Where a picture of one colour was changed.
std::vector<char> changed(std::string_view name, const AugmentOptions& o, int seed, Sample& out,
                          unsigned char ground) {
  Sample plain = picture(seed);
  std::fill(plain.image.pixels.begin(), plain.image.pixels.end(), std::byte{ground});
  out = apply(name, plain, o, seed);
  std::vector<char> mask;
  for (int y = 0; y < out.image.height; ++y) {
    for (int x = 0; x < out.image.width; ++x) {
      const unsigned char* p = pixel(out.image, x, y);
      mask.push_back(p[0] != ground || p[1] != ground || p[2] != ground);
    }
  }
  return mask;
}

double hidden_share(const std::vector<char>& mask, const BoxXywh& box) {
  double count = 0;
  for (int y = static_cast<int>(box.y); y < static_cast<int>(box.y + box.h); ++y) {
    for (int x = static_cast<int>(box.x); x < static_cast<int>(box.x + box.w); ++x) {
      count += mask[static_cast<std::size_t>(y * kSize.width + x)];
    }
  }
  return count / (box.w * box.h);
}

double mean(const std::vector<char>& mask) {
  return std::accumulate(mask.begin(), mask.end(), 0.0) / static_cast<double>(mask.size());
}

TEST(Augmentation, BoxesGoWhenMoreThanMaxHiddenOfThemIsGone) {
  for (const std::string_view name : {"cutout", "hide", "gridmask", "erase"}) {
    int gone = 0, kept = 0;
    for (int seed = 0; seed < kSeeds; ++seed) {
      const AugmentOptions o = strong();
      Sample out;
      const auto mask = changed(name, o, seed, out, 7);
      for (const Truth& truth : picture(seed).truths) {
        const double share = hidden_share(mask, truth.box);
        if (std::abs(share - o.max_hidden) < 0.02) continue;  // noise may equal the ground
        const bool there =
            std::find(out.truths.begin(), out.truths.end(), truth) != out.truths.end();
        EXPECT_EQ(there, share < o.max_hidden) << name << ' ' << seed << ' ' << share;
        ++(there ? kept : gone);
      }
    }
    EXPECT_GT(gone, 0) << name;
    EXPECT_GT(kept, 0) << name;
  }
}

TEST(Augmentation, EraseFillsOneRectangleOfTheGivenArea) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    const AugmentOptions o = strong();
    Sample out;
    const auto mask = changed("erase", o, seed, out, 7);
    int x1 = kSize.width, y1 = kSize.height, x2 = 0, y2 = 0;
    for (int i = 0; i < static_cast<int>(mask.size()); ++i) {
      if (mask[static_cast<std::size_t>(i)] == 0) continue;
      x1 = std::min(x1, i % kSize.width), x2 = std::max(x2, i % kSize.width + 1);
      y1 = std::min(y1, i / kSize.width), y2 = std::max(y2, i / kSize.width + 1);
    }
    const double area = (x2 - x1) * (y2 - y1), all = kSize.width * kSize.height;
    EXPECT_GT(area / all, 0.75 * o.erase_area_low);
    EXPECT_LE(area / all, o.erase_area_high);
    EXPECT_GT(mean(mask) * all / area, 0.99) << "noise fills it";
  }
}

TEST(Augmentation, HideCoversHalfAndGridMaskItsShare) {
  double hide = 0, grid = 0;
  Sample out;
  AugmentOptions o = strong();
  for (int seed = 0; seed < 4 * kSeeds; ++seed) {
    hide += mean(changed("hide", o, seed, out, 7)) / (4 * kSeeds);
    grid += mean(changed("gridmask", o, seed, out, 7)) / (4 * kSeeds);
  }
  EXPECT_NEAR(hide, 0.5, 0.05);
  EXPECT_NEAR(grid, (1 - o.gridmask_ratio) * (1 - o.gridmask_ratio), 0.03);
}

// Textures ----------------------------------------------------------------------------------------

TEST(Augmentation, TexturesChangePixelsAloneAndKeepFlatPicturesFlat) {
  for (const std::string_view name : {"noise", "blur", "jpeg", "randconv"}) {
    for (int seed = 0; seed < 20; ++seed) {
      EXPECT_EQ(apply(name, picture(seed), strong(), seed).truths, picture(seed).truths) << name;
      if (name == "noise") continue;
      Sample flat{Image(24, 16, 3), {}};
      std::fill(flat.image.pixels.begin(), flat.image.pixels.end(), std::byte{90});
      const Sample out = apply(name, flat, strong(), seed);
      for (int i = 0; i < 24 * 16; ++i) {
        for (int c = 0; c < 3; ++c) {
          EXPECT_EQ(pixel(out.image, i % 24, i / 24)[c], pixel(out.image, 0, 0)[c]) << name;
        }
      }
    }
  }
}

TEST(Augmentation, NoiseHasMeanZeroAndAtMostItsDeviation) {
  AugmentOptions o = strong();
  double greatest = 0;
  for (int seed = 0; seed < 30; ++seed) {
    Sample flat{Image(100, 100, 3), {}};
    std::fill(flat.image.pixels.begin(), flat.image.pixels.end(), std::byte{128});
    const Sample out = apply("noise", flat, o, seed);
    double sum = 0, squares = 0;
    for (const std::byte value : out.image.pixels) {
      const double difference = std::to_integer<int>(value) - 128.0;
      sum += difference, squares += difference * difference;
    }
    const auto n = static_cast<double>(out.image.pixels.size());
    const double deviation = std::sqrt(squares / n);
    EXPECT_LT(std::abs(sum / n), 5 * o.noise_sigma / std::sqrt(n));
    EXPECT_LT(deviation, o.noise_sigma * 1.05);
    greatest = std::max(greatest, deviation);
  }
  EXPECT_GT(greatest, o.noise_sigma / 2);
}

TEST(Augmentation, BlurKeepsTheMeanAndNeverLeavesTheRange) {
  for (int seed = 0; seed < 30; ++seed) {
    const Sample in = picture(seed), out = apply("blur", in, strong(), seed);
    double before = 0, after = 0;
    for (const std::byte value : in.image.pixels) before += std::to_integer<int>(value);
    for (const std::byte value : out.image.pixels) after += std::to_integer<int>(value);
    EXPECT_NEAR(after / before, 1, 0.1);
    const auto [low, high] = std::minmax_element(out.image.pixels.begin(), out.image.pixels.end());
    EXPECT_GE(*low, std::byte{0});
    EXPECT_LE(*high, std::byte{250});
  }
}

TEST(Augmentation, JpegIsWhatTheCodecGivesAtAQualityOfTheRange) {
  AugmentOptions o = strong();
  o.jpeg_low = o.jpeg_high = 35;
  const Image expected = decode_image(encode_jpeg(picture(2).image.view(), 35), "expected");
  EXPECT_EQ(apply("jpeg", picture(2), o, 1).image.pixels, expected.pixels);
}

TEST(Augmentation, FourierLeavesAPictureInItsOwnStyle) {
  for (int seed = 0; seed < 20; ++seed) {
    AugmentOptions o = strong();
    o.fourier_low = 0, o.fourier_high = 0.4;
    o.style = [seed](Rng&) { return picture(seed).image; };
    EXPECT_TRUE(same(apply("fourier", picture(seed), o, seed), picture(seed)));
    o.style = {};
    EXPECT_EQ(apply("fourier", picture(seed), o, seed).truths, picture(seed).truths);
  }
}

// What mixes --------------------------------------------------------------------------------------

TEST(Augmentation, MixUpBlendsPixelsAndKeepsTheBoxesOfBoth) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    const AugmentOptions o = strong();
    const Sample out = apply("mixup", picture(seed), o, seed);
    Rng rng = rng_of(seed);
    const Sample second = letterboxed(
        painted({80, 80}, 1000 + static_cast<std::uint64_t>(rng.below(5))), kSize, o.pad);
    const Sample first = picture(seed);
    EXPECT_EQ(out.truths.size(), first.truths.size() + second.truths.size());
    for (std::size_t i = 0; i < out.image.pixels.size(); ++i) {
      const auto [low, high] = std::minmax(first.image.pixels[i], second.image.pixels[i]);
      EXPECT_GE(static_cast<int>(out.image.pixels[i]) + 1, static_cast<int>(low));
      EXPECT_LE(out.image.pixels[i], high);
    }
  }
}

TEST(Augmentation, CutMixTakesOneWindowOfTheOtherPicture) {
  int windows = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    const AugmentOptions o = strong();
    Sample white{Image(kSize.width, kSize.height, 3), {}};
    std::fill(white.image.pixels.begin(), white.image.pixels.end(), std::byte{255});
    const Sample out = apply("cutmix", white, o, seed);
    int x1 = kSize.width, y1 = kSize.height, x2 = 0, y2 = 0, count = 0;
    for (int y = 0; y < kSize.height; ++y) {
      for (int x = 0; x < kSize.width; ++x) {
        if (pixel(out.image, x, y)[0] == 255 && pixel(out.image, x, y)[1] == 255) continue;
        x1 = std::min(x1, x), x2 = std::max(x2, x + 1), y1 = std::min(y1, y),
        y2 = std::max(y2, y + 1), ++count;
      }
    }
    if (count == 0) continue;
    ++windows;
    EXPECT_EQ(count, (x2 - x1) * (y2 - y1)) << "one rectangle";
    for (const Truth& truth : out.truths) {
      EXPECT_GE(truth.box.x, x1);
      EXPECT_LE(truth.box.x + truth.box.w, x2);
      EXPECT_GE(truth.box.y, y1);
      EXPECT_LE(truth.box.y + truth.box.h, y2);
    }
  }
  EXPECT_GT(windows, kSeeds / 2);
}

TEST(Augmentation, MixesOfClassesAreSharedByWhatIsSeen) {
  for (int seed = 0; seed < kSeeds; ++seed) {
    Sample black{Image(kSize.width, kSize.height, 3), {}, {{3}}};
    const Pick white = [](Rng&) {
      Sample other{Image(kSize.width, kSize.height, 3), {}, {{7}}};
      std::fill(other.image.pixels.begin(), other.image.pixels.end(), std::byte{255});
      return other;
    };
    for (const std::string_view name : {"cutmix", "mixup", "mosaic of classes"}) {
      Rng rng = rng_of(seed);
      const Augmentation* row = find_augmentation(name);
      const Sample out = row == nullptr ? data::class_mosaic(black, rng, white)
                                        : row->apply(black, strong(), rng, white);
      double seen = 0;
      for (const std::byte value : out.image.pixels) seen += std::to_integer<int>(value) / 255.0;
      seen /= static_cast<double>(out.image.pixels.size());
      double three = 0, seven = 0;
      for (const ClassShare& one : out.classes) (one.cls == 3 ? three : seven) += one.share;
      EXPECT_NEAR(three + seven, 1, 1e-12);
      EXPECT_NEAR(seven, seen, name == "mixup" ? 1.0 / 255 : 1e-9) << name;
    }
  }
  EXPECT_EQ(data::blended({{3, 1}}, std::vector<ClassShare>{{3, 0.5}, {4, 0.5}}, 0.5),
            (std::vector<ClassShare>{{3, 0.75}, {4, 0.25}}));
}

TEST(Augmentation, CopyPasteShowsEveryPastedBoxWhereItsLabelSays) {
  int pasted = 0;
  for (int seed = 0; seed < kSeeds; ++seed) {
    Sample empty{Image(kSize.width, kSize.height, 3), {}};
    AugmentOptions o = strong();
    o.copy_paste_most = 1;
    const Sample out = apply("copy-paste", empty, o, seed);
    for (const Truth& truth : out.truths) {
      const auto seen = test::bounds_of(out.image, truth.cls);
      ASSERT_TRUE(seen);
      EXPECT_TRUE(test::near(truth.box, *seen, 1)) << seed;
      ++pasted;
    }
  }
  EXPECT_GT(pasted, kSeeds / 2);
}

TEST(Augmentation, MosaicsShowFourPicturesWithTheirBoxes) {
  for (const std::string_view name : {"mosaic", "mosaic-darknet", "mosaic-9"}) {
    for (const MosaicCentre centre : {MosaicCentre::fixed, MosaicCentre::random}) {
      std::size_t boxes = 0, painted_boxes = 0;
      for (int seed = 0; seed < kSeeds; ++seed) {
        AugmentOptions o = all_at_zero();
        o.mosaic_centre = centre;
        o.scale = name == "mosaic-darknet" ? 0 : 0.5;  // its canvas is twice the input
        const Sample out = apply(name, picture(seed), o, seed);
        boxes += out.truths.size();
        for (const Truth& truth : out.truths) {
          const int x = static_cast<int>(truth.box.x + truth.box.w / 2);
          const int y = static_cast<int>(truth.box.y + truth.box.h / 2);
          const unsigned char* p = pixel(out.image, x, y);
          painted_boxes += p[truth.cls] > 200 ? 1 : 0;
        }
      }
      EXPECT_GT(boxes, static_cast<std::size_t>(3 * kSeeds)) << name;
      // Darknet's boxes may reach into the neighbour's tile.
      EXPECT_GE(painted_boxes, name == "mosaic-darknet" ? boxes * 8 / 10 : boxes) << name;
    }
  }
}

TEST(Recipes, GiveTheInputsSizeAndTheSameSampleForTheSamePlace) {
  const auto load = [](std::size_t i) { return painted({120, 90}, i); };
  for (const AugmentRecipe recipe : {AugmentRecipe::scaled_yolov4, AugmentRecipe::darknet}) {
    AugmentOptions o = strong();
    o.recipe = recipe;
    o.mixup = o.mosaic9 = 0.5, o.cutmix = o.erase = o.cutout = o.hide = o.gridmask = 0.3;
    o.brightness = o.contrast = o.noise = o.blur = o.jpeg = o.randconv = o.fourier = o.copy_paste =
        0.3;
    for (int seed = 0; seed < 30; ++seed) {
      Rng a = rng_of(seed), b = rng_of(seed);
      const Sample one = training_sample(2, 10, load, o, a);
      EXPECT_EQ(one.image.size(), kSize);
      EXPECT_TRUE(same(one, training_sample(2, 10, load, o, b)));
    }
  }
}

}  // namespace
}  // namespace syolo
