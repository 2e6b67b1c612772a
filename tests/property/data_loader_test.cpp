// Batches depend on (seed, epoch, number) alone; bad pictures are replaced and counted.

#include "syolo/data/loader.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/faulty_dataset.h"

namespace syolo {
namespace {

using test::TempDir;

/// `count` small pictures, each with one box; those in `bad` are no pictures.
class Pictures {
 public:
  explicit Pictures(int count, const std::vector<int>& bad = {}) {
    data.names = {"thing"};
    data.class_ids = {0};
    for (int i = 0; i < count; ++i) {
      const bool broken = std::find(bad.begin(), bad.end(), i) != bad.end();
      const Image image = test::scene(static_cast<std::uint64_t>(i), 40 + i, 30);
      Item item;
      item.image = dir_.write(format("{}.png", i),
                              broken ? "no picture" : test::text_of(encode_png(image.view())));
      item.size = image.size();
      item.truths.push_back({.box = {5, 5, 20, 15}, .area = 300, .id = i + 1});
      data.items.push_back(std::move(item));
    }
  }
  Dataset data;

 private:
  TempDir dir_;
};

LoaderOptions options(int threads) {
  LoaderOptions o;
  o.batch = 4, o.threads = threads, o.seed = 3;
  o.augmentation.input = {64, 64};
  return o;
}

bool same(const Batch& a, const Batch& b) {
  return a.at == b.at && a.size == b.size && a.items == b.items && a.pixels == b.pixels &&
         a.truths == b.truths && a.replaced == b.replaced;
}

std::vector<Batch> batches(const Dataset& data, const LoaderOptions& o, int count) {
  Loader loader(data, o);
  std::vector<Batch> result;
  for (int i = 0; i < count; ++i) result.push_back(loader.next());
  return result;
}

void expect_same(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(same(a[i], b[i])) << "batch " << i;
}

/// The forms of batches: each must keep every promise.
std::vector<LoaderOptions> forms() {
  std::vector<LoaderOptions> result;
  for (const AugmentRecipe recipe : {AugmentRecipe::scaled_yolov4, AugmentRecipe::darknet}) {
    for (const bool rect : {false, true}) {
      LoaderOptions o = options(1);
      o.augmentation.recipe = recipe;
      o.rect = rect;
      o.multi_scale = 32;
      result.push_back(o);
    }
  }
  return result;
}

TEST(Loader, GivesTheSameBytesWithOneTwoAndEightThreads) {
  const Pictures set(11, {4, 9});
  for (LoaderOptions o : forms()) {
    const auto one = batches(set.data, o, 8);
    for (const int threads : {2, 8}) {
      o.threads = threads;
      expect_same(batches(set.data, o, 8), one);
    }
  }
}

TEST(Loader, DoesNotDependOnTheCacheNorOnHowFarItWorksAhead) {
  const Pictures set(9);
  const auto plain = batches(set.data, options(2), 7);
  for (const std::int64_t cache : {std::int64_t{20'000}, std::int64_t{1} << 30}) {
    for (const int ahead : {1, 8}) {
      LoaderOptions o = options(2);
      o.cache_bytes = cache, o.ahead = ahead;
      expect_same(batches(set.data, o, 7), plain);
    }
  }
}

std::vector<Path> files_in(const Path& folder) {
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

TEST(Loader, KeepsDecodedPicturesAsFilesUpToTheRoomGiven) {
  const Pictures set(9, {3});
  const auto plain = batches(set.data, options(2), 7);
  const TempDir dir;
  LoaderOptions o = options(2);
  o.cache_folder = dir / "pixels";
  expect_same(batches(set.data, o, 7), plain);
  const std::vector<Path> files = files_in(dir / "pixels");
  EXPECT_EQ(files.size(), 8U) << "one per picture, and no temporary file";
  // What was cut off, changed or replaced is decoded again, and mended.
  std::filesystem::resize_file(files[0], 40);
  std::filesystem::resize_file(files[1], 0);
  for (const std::size_t i : {2U, 3U}) {
    std::string text = read_text(files[i], 1 << 20);
    text[i == 2 ? 10 : text.size() - 1] ^= 1;
    write_file_atomic(files[i], text);
  }
  expect_same(batches(set.data, o, 7), plain);
  EXPECT_EQ(files_in(dir / "pixels"), files);
  EXPECT_GT(std::filesystem::file_size(files[0]), 3000U);
  // From files alone: the pictures themselves are not decoded.
  o.cache_folder = dir / "small";
  o.cache_folder_bytes = 12'000;
  for (int run = 0; run < 2; ++run) {
    expect_same(batches(set.data, o, 7), plain);
    std::uintmax_t bytes = 0;
    for (const Path& file : files_in(dir / "small")) bytes += std::filesystem::file_size(file);
    EXPECT_GT(bytes, 3000U);
    EXPECT_LE(bytes, 12'000U);
  }
}

TEST(Loader, TakesPicturesFromFilesUntilTheyChange) {
  const Pictures set(1);
  const TempDir dir;
  LoaderOptions o = options(1);
  o.augment = false;
  o.cache_folder = dir / "pixels";
  const Batch first = batches(set.data, o, 1)[0];
  // Same name, size and time: taken from the file.
  const Path picture = set.data.items[0].image;
  const auto time = std::filesystem::last_write_time(picture);
  const std::string bytes = read_text(picture, 1 << 20);
  write_file_atomic(picture, std::string(bytes.size(), 'x'));
  std::filesystem::last_write_time(picture, time);
  EXPECT_TRUE(same(batches(set.data, o, 1)[0], first));
  std::filesystem::last_write_time(picture, time + std::chrono::seconds(2));
  EXPECT_THROW(batches(set.data, o, 1), Error);
}

TEST(Loader, NeedsNoFolderThatCanBeWritten) {
  const Pictures set(3);
  const TempDir dir;
  LoaderOptions o = options(1);
  o.cache_folder = dir.write("file", "no folder");
  EXPECT_THROW(Loader(set.data, o), Error);
  o.cache_folder = dir / "pixels";
  Loader loader(set.data, o);
  std::filesystem::remove_all(dir / "pixels");  // as good as a full disk
  EXPECT_TRUE(same(loader.next(), batches(set.data, options(1), 1)[0]));
}

TEST(Loader, RanksMakeThePartsOfEveryBatch) {
  const Pictures set(10);  // batches of 4, 4 and 2
  LoaderOptions o = options(2);
  const auto whole = batches(set.data, o, 6);
  for (const int ranks : {2, 3}) {
    std::vector<std::vector<Batch>> parts;
    for (int rank = 0; rank < ranks; ++rank) {
      o.rank = rank, o.ranks = ranks;
      parts.push_back(batches(set.data, o, 6));
    }
    for (std::size_t i = 0; i < whole.size(); ++i) {
      Batch joined = parts[0][i];
      EXPECT_EQ(joined.of_all, whole[i].items.size());
      EXPECT_EQ(joined.shared, whole[i].items.size() < static_cast<std::size_t>(ranks));
      for (std::size_t rank = 1; rank < parts.size() && !joined.shared; ++rank) {
        const Batch& part = parts[rank][i];
        EXPECT_EQ(part.first, joined.items.size());
        joined.items.insert(joined.items.end(), part.items.begin(), part.items.end());
        joined.pixels.insert(joined.pixels.end(), part.pixels.begin(), part.pixels.end());
        joined.truths.insert(joined.truths.end(), part.truths.begin(), part.truths.end());
      }
      EXPECT_TRUE(same(joined, whole[i])) << ranks << " ranks, batch " << i;
    }
  }
}

TEST(Loader, DrawsPicturesByTheirWeightsAndEachTimeAnew) {
  const Pictures set(8);
  std::vector<double> weights(8, 1);
  weights[2] = 0, weights[5] = 9;
  const auto epochs = [&](Cursor at, int count) {
    Loader loader(set.data, options(2));
    loader.next();  // others are ahead
    loader.seek(at);
    loader.set_weights(weights);
    std::vector<Batch> result;
    for (int i = 0; i < count; ++i) result.push_back(loader.next());
    return result;
  };
  const std::vector<Batch> got = epochs({0, 0}, 100);
  std::vector<int> drawn(8);
  std::set<std::vector<std::uint8_t>> pictures;
  for (const Batch& batch : got) {
    for (std::size_t i = 0; i < 4; ++i) {
      ++drawn[batch.items[i]];
      const auto first = batch.pixels.begin() + static_cast<std::ptrdiff_t>(i * 3 * 64 * 64);
      pictures.insert({first, first + 3 * 64 * 64});
    }
  }
  EXPECT_EQ(drawn[2], 0);
  EXPECT_NEAR(drawn[5], 400 * 9 / 15.0, 40);
  EXPECT_NEAR(drawn[0], 400 / 15.0, 20);
  EXPECT_EQ(pictures.size(), 400U) << "a picture that comes again is changed anew";
  const std::vector<Batch> later = epochs({3, 1}, 5);
  for (std::size_t i = 0; i < later.size(); ++i) EXPECT_TRUE(same(later[i], got[7 + i]));
}

TEST(Loader, WeightsOfNothingShowEveryPictureOnce) {
  const Pictures set(9);
  const auto plain = batches(set.data, options(1), 5);
  Loader loader(set.data, options(1));
  loader.set_weights(std::vector<double>(9, 0));
  for (const Batch& batch : plain) EXPECT_TRUE(same(loader.next(), batch));
}

TEST(Loader, ResumesInTheMiddleOfAnEpochWithTheSameBytes) {
  const Pictures set(14, {2});
  for (LoaderOptions o : forms()) {
    o.threads = 3;
    const auto whole = batches(set.data, o, 10);
    o.threads = 2;
    for (const std::size_t begin : {1U, 3U, 4U, 6U}) {
      Loader resumed(set.data, o);
      resumed.seek(whole[begin].at);
      EXPECT_EQ(resumed.cursor(), whole[begin].at);
      for (std::size_t i = begin; i < whole.size(); ++i)
        EXPECT_TRUE(same(resumed.next(), whole[i]));
      // And back again, while batches ahead are being made.
      resumed.seek({0, 0});
      EXPECT_TRUE(same(resumed.next(), whole[0]));
    }
  }
}

TEST(Loader, ShowsEveryPictureOnceAnEpochInAnotherOrderEach) {
  const Pictures set(10);
  Loader loader(set.data, options(2));
  EXPECT_EQ(loader.batches_per_epoch(), 3);
  std::vector<std::vector<std::size_t>> epochs(3);
  for (auto& epoch : epochs) {
    for (int i = 0; i < 3; ++i) {
      const Batch batch = loader.next();
      EXPECT_EQ(batch.items.size(), i < 2 ? 4U : 2U);
      epoch.insert(epoch.end(), batch.items.begin(), batch.items.end());
    }
    auto sorted = epoch;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, epoch_order(10, 0, 0, false));
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
}

TEST(Loader, LeavesOutAShortLastBatchWhenAsked) {
  const Pictures set(10);
  LoaderOptions o = options(1);
  o.drop_last = true;
  Loader loader(set.data, o);
  EXPECT_EQ(loader.batches_per_epoch(), 2);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(loader.next().items.size(), 4U);
}

TEST(Loader, ReplacesBadPicturesByTheNextAndCountsThem) {
  const Pictures set(6, {1, 2});
  LoaderOptions o = options(2);
  o.augment = o.shuffle = false;
  o.batch = 6;
  Loader loader(set.data, o);
  const Batch batch = loader.next();
  EXPECT_EQ(batch.replaced, 3);  // 1 became 2, which became 3; 2 became 3
  EXPECT_EQ(loader.replaced(), 3);
  const auto picture = [&](std::size_t i) {
    const std::size_t bytes = batch.pixels.size() / 6;
    return std::span(batch.pixels).subspan(i * bytes, bytes);
  };
  for (const std::size_t i : {1U, 2U}) {
    EXPECT_TRUE(std::equal(picture(i).begin(), picture(i).end(), picture(3).begin()));
    EXPECT_EQ(batch.truths[i], batch.truths[3]);
  }
  loader.next();
  EXPECT_EQ(loader.replaced(), 6);
}

TEST(Loader, RefusesADatasetInWhichNothingCanBeRead) {
  const Pictures set(3, {0, 1, 2});
  Loader loader(set.data, options(2));
  try {
    loader.next();
    FAIL() << "three pictures that are none";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data_refused);
    EXPECT_NE(error.text().find("3 pictures in a row"), std::string::npos) << error.text();
  }
  EXPECT_THROW(Loader(Dataset{}, options(1)), Error);
}

TEST(Loader, RefusesPlacesOutsideAnEpoch) {
  const Pictures set(5);
  Loader loader(set.data, options(1));
  for (const Cursor cursor : {Cursor{-1, 0}, Cursor{0, -1}, Cursor{0, 2}}) {
    EXPECT_THROW(loader.seek(cursor), Error);
  }
}

TEST(Loader, WorksOnlyAsFarAheadAsAsked) {
  const Pictures set(8);
  LoaderOptions o = options(2);
  o.ahead = 2;
  Loader loader(set.data, o);
  loader.next();
  for (const Item& item : set.data.items) std::filesystem::remove(item.image);
  // At most these two were begun before the pictures went; what follows needs them.
  for (int i = 0; i < 2; ++i) {
    try {
      loader.next();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data_refused);
    }
  }
  EXPECT_THROW(loader.next(), Error);
}

TEST(Loader, RectangularBatchesHoldLikeShapesAsSmallAsTheyFit) {
  // Sizes 40..53 x 30: from the flattest to the squarest, in batches of 4.
  const Pictures set(14);
  LoaderOptions o = options(2);
  o.rect = true, o.augment = false, o.stride = 16;
  std::multiset<std::size_t> seen;
  std::vector<std::size_t> order;
  for (const Batch& batch : batches(set.data, o, 4)) {
    std::vector<Size> sizes;
    for (const std::size_t item : batch.items) {
      seen.insert(item);
      sizes.push_back(set.data.items[item].size);
    }
    EXPECT_EQ(batch.size, rect_size(sizes, {64, 64}, 16, 0));
    EXPECT_EQ(batch.size.width, 64);
    // 64 * 30 / 40 is 48; wider ones need less.
    EXPECT_EQ(batch.size.height, 48);
    const auto [low, high] = std::minmax_element(batch.items.begin(), batch.items.end());
    EXPECT_EQ(*high - *low + 1, batch.items.size()) << "neighbours by shape";
    order.push_back(*low);
  }
  EXPECT_EQ(seen.size(), 14U);
  EXPECT_EQ(std::set<std::size_t>(seen.begin(), seen.end()).size(), 14U);
  EXPECT_FALSE(std::is_sorted(order.begin(), order.end(), std::greater<>()));
}

TEST(Loader, ShapesOfRectangularBatchesAreThePublishedOnes) {
  const auto shape = [](std::vector<Size> sizes, int stride, double pad) {
    return rect_size(sizes, {640, 640}, stride, pad);
  };
  EXPECT_EQ(shape({{640, 480}}, 32, 0), (Size{640, 480}));
  EXPECT_EQ(shape({{480, 640}}, 32, 0), (Size{480, 640}));
  EXPECT_EQ(shape({{640, 480}, {640, 427}}, 32, 0), (Size{640, 480}));
  EXPECT_EQ(shape({{640, 427}}, 32, 0), (Size{640, 448}));
  EXPECT_EQ(shape({{640, 480}, {480, 640}}, 32, 0), (Size{640, 640}));
  EXPECT_EQ(shape({{640, 640}}, 64, 0.5), (Size{704, 704}));
  EXPECT_EQ(rect_size(std::vector<Size>{{896, 896}}, {896, 896}, 32, 0.5), (Size{928, 928}))
      << "the published example";
  EXPECT_EQ(shape({{0, 0}}, 32, 0), (Size{640, 640})) << "unknown";
  EXPECT_EQ(shape({{10'000, 1}}, 32, 0), (Size{640, 32}));
}

TEST(Loader, GivesBatchesOfTheSizeThatIsAsked) {
  const Pictures set(8);
  LoaderOptions o = options(2);
  o.size = [](Cursor at) { return Size{at.batch == 1 ? 96 : 64, 32}; };
  for (const Batch& batch : batches(set.data, o, 8)) {
    EXPECT_EQ(batch.size, (Size{batch.at.batch == 1 ? 96 : 64, 32}));
    EXPECT_EQ(std::ssize(batch.pixels), std::ssize(batch.items) * 3 * batch.size.width * 32);
  }
}

TEST(Loader, MultiScaleKeepsWithinHalfAndOneAndAHalf) {
  const Pictures set(8);
  LoaderOptions o = options(2);
  o.multi_scale = 32;
  std::set<int> sides;
  for (const Batch& batch : batches(set.data, o, 40)) {
    EXPECT_EQ(batch.size.width % 32, 0);
    EXPECT_EQ(batch.size.width, batch.size.height);
    sides.insert(batch.size.width);
    EXPECT_EQ(batch.pixels.size(),
              batch.items.size() * 3 * 64 * 64 * batch.size.width / 64 * batch.size.width / 64);
  }
  EXPECT_EQ(sides, (std::set<int>{32, 64, 96}));
}

}  // namespace
}  // namespace syolo
