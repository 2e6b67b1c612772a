// Files are read whole or refused with a reason, and written whole or not at all.
#include "syolo/base/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/temp_dir.h"
#include "tests/support/weights_testing.h"

namespace syolo::test {
namespace {

constexpr std::int64_t kMost = 1 << 20;

TEST(MappedFile, ShowsTheBytes) {
  const TempDir folder;
  const std::string bytes("a\0b\r\n\xFF", 6);
  const auto file = MappedFile::open(folder.write("x", bytes), kMost);
  EXPECT_EQ(file->text(), bytes);
  EXPECT_EQ(file->bytes().size(), 6U);
  EXPECT_EQ(file->path(), folder / "x");
}

TEST(MappedFile, OfAnEmptyFileIsEmpty) {
  const TempDir folder;
  const auto file = MappedFile::open(folder.write("x", ""), kMost);
  EXPECT_TRUE(file->bytes().empty());
  EXPECT_EQ(file->text(), "");
}

TEST(MappedFile, RefusesWhatIsNoRegularFile) {
  const TempDir folder;
  const Error in_folder = error_of([&] { MappedFile::open(folder.path(), kMost); });
  EXPECT_EQ(in_folder.kind(), ErrorKind::io);
  EXPECT_SAYS(in_folder, "folder");
  EXPECT_SAYS(in_folder, folder.path().string());
  const auto pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(error_of([&] { MappedFile::open(pipe, kMost); }).kind(), ErrorKind::io);
}

TEST(MappedFile, NamesAMissingFileAndTheReason) {
  const TempDir folder;
  const Error error = error_of([&] { MappedFile::open(folder / "none", kMost); });
  EXPECT_EQ(error.kind(), ErrorKind::io);
  EXPECT_SAYS(error, "none");
  EXPECT_SAYS(error, "No such file");
}

TEST(MappedFile, RefusesMoreThanTheLimit) {
  const TempDir folder;
  const auto path = folder.write("x", "1234567890");
  EXPECT_EQ(MappedFile::open(path, 10)->text(), "1234567890");
  const Error error = error_of([&] { MappedFile::open(path, 9); });
  EXPECT_EQ(error.kind(), ErrorKind::limit);
  EXPECT_SAYS(error, "at most 9 bytes, found 10");
}

TEST(MappedFile, StaysReadableAfterForgettingPages) {
  const TempDir folder;
  const std::string bytes(100'000, 'q');
  const auto file = MappedFile::open(folder.write("x", bytes), kMost);
  file->forget(file->bytes().data() + 1, bytes.size() - 2);
  file->forget(file->bytes().data(), 1);
  EXPECT_EQ(file->text(), bytes);
}

TEST(ReadText, ReadsUpToTheLimit) {
  const TempDir folder;
  const auto path = folder.write("x", std::string(100'000, 'q'));
  EXPECT_EQ(read_text(path, 100'000).size(), 100'000U);
  const Error error = error_of([&] { read_text(path, 99'999); });
  EXPECT_EQ(error.kind(), ErrorKind::limit);
  EXPECT_SAYS(error, "99,999");
}

// An endless device must end at the limit, not at the end of memory.
TEST(ReadText, StopsAtTheLimitOfAnEndlessDevice) {
  EXPECT_EQ(error_of([] { read_text("/dev/zero", 1000); }).kind(), ErrorKind::limit);
}

TEST(ReadText, RefusesAFolderAndAMissingFile) {
  const TempDir folder;
  EXPECT_EQ(error_of([&] { read_text(folder.path(), kMost); }).kind(), ErrorKind::io);
  EXPECT_EQ(error_of([&] { read_text(folder / "none", kMost); }).kind(), ErrorKind::io);
}

std::size_t files_in(const TempDir& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

TEST(WriteFileAtomic, MakesAndReplaces) {
  const TempDir folder;
  write_file_atomic(folder / "x", std::string_view("old"));
  EXPECT_EQ(read_text(folder / "x", kMost), "old");
  write_file_atomic(folder / "x", std::string_view(""));
  EXPECT_EQ(read_text(folder / "x", kMost), "");
  EXPECT_EQ(files_in(folder), 1U);
}

TEST(WriteFileAtomic, LeavesReadersOfTheOldFileTheirBytes) {
  const TempDir folder;
  write_file_atomic(folder / "x", std::string_view("old"));
  const auto reader = MappedFile::open(folder / "x", kMost);
  write_file_atomic(folder / "x", std::string_view("new"));
  EXPECT_EQ(reader->text(), "old");
}

TEST(WriteFileAtomic, RefusesATargetThatCannotBe) {
  const TempDir folder;
  EXPECT_EQ(error_of([&] { write_file_atomic(folder / "no/x", std::string_view("a")); }).kind(),
            ErrorKind::io);
  std::filesystem::create_directory(folder / "d");
  const Error error = error_of([&] { write_file_atomic(folder / "d", std::string_view("a")); });
  EXPECT_EQ(error.kind(), ErrorKind::io);
  EXPECT_SAYS(error, (folder / "d").string());
  EXPECT_EQ(files_in(folder), 1U);
}

TEST(WriteFileAtomic, TakesNamesOfTheGreatestLength) {
  const TempDir folder;
  const auto path = folder / std::string(255, 'n');
  write_file_atomic(path, std::string_view("a"));
  EXPECT_EQ(read_text(path, kMost), "a");
}

}  // namespace
}  // namespace syolo::test
