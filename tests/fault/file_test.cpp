// Whichever operation of an atomic write fails, and however: the target holds the old bytes or the
// new ones, the error says why, and nothing is left beside it.
#include "syolo/base/file.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

#include "tests/support/temp_dir.h"
#include "tests/support/weights_testing.h"

namespace syolo::test {
namespace {

class FailAt {
 public:
  FailAt(int operation, int error) { fault_plan() = {operation, error, 0}; }
  ~FailAt() { fault_plan() = {}; }
  FailAt(const FailAt&) = delete;
  FailAt& operator=(const FailAt&) = delete;
};

class FailingWrite : public testing::TestWithParam<int> {};

TEST_P(FailingWrite, LeavesTheOldOrTheNewFile) {
  const int error = GetParam();
  int failures = 0;
  for (int k = 1;; ++k) {
    ASSERT_LT(k, 30);
    const TempDir folder;
    folder.write("x", "old");
    bool failed = false;
    {
      const FailAt fault(k, error);
      try {
        write_file_atomic(folder / "x", std::string_view("new"));
      } catch (const Error& caught) {
        failed = true;
        EXPECT_EQ(caught.kind(), ErrorKind::io);
        EXPECT_SAYS(caught, std::strerror(error));
      }
    }
    const std::string found = read_text(folder / "x", 100);
    EXPECT_TRUE(found == "old" || found == "new") << "operation " << k << ": " << found;
    if (!failed) {
      EXPECT_EQ(found, "new");
    }
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1)
        << "operation " << k;
    failures += failed ? 1 : 0;
    if (!failed && k > 7) break;
  }
  EXPECT_GE(failures, 5);  // open, write, sync, close, rename
}

TEST_P(FailingWrite, OfANewFileLeavesNothingOrAll) {
  for (int k = 1; k < 10; ++k) {
    const TempDir folder;
    {
      const FailAt fault(k, GetParam());
      try {
        write_file_atomic(folder / "x", std::string_view("new"));
      } catch (const Error&) {
      }
    }
    if (std::filesystem::exists(folder / "x")) {
      EXPECT_EQ(read_text(folder / "x", 100), "new");
    }
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
      EXPECT_EQ(entry.path().filename(), "x") << "operation " << k;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Reasons, FailingWrite, testing::Values(ENOSPC, EIO, EDQUOT, EROFS),
                         [](const auto& it) { return "errno_" + std::to_string(it.param); });

TEST(FailingRead, NamesTheFileAndTheReason) {
  const TempDir folder;
  const auto path = folder.write("x", "old");
  const FailAt fault(1, EACCES);
  const Error error = error_of([&] { read_text(path, 100); });
  EXPECT_EQ(error.kind(), ErrorKind::io);
  EXPECT_SAYS(error, path.string());
  EXPECT_SAYS(error, std::strerror(EACCES));
}

TEST(FailingMap, NamesTheFileAndTheReason) {
  const TempDir folder;
  const auto path = folder.write("x", "old");
  const FailAt fault(1, EMFILE);
  const Error error = error_of([&] { MappedFile::open(path, 100); });
  EXPECT_EQ(error.kind(), ErrorKind::io);
  EXPECT_SAYS(error, path.string());
}

}  // namespace
}  // namespace syolo::test
