// Whatever operation fails while a file is saved: the old file stays, the error says why, and
// nothing is left beside it.

#include <gtest/gtest.h>

#include <cerrno>
#include <functional>

#include "syolo/weights/formats/darknet.h"
#include "syolo/weights/formats/safetensors.h"
#include "tests/support/temp_dir.h"
#include "tests/support/weights_testing.h"

namespace syolo {
namespace {

using namespace test;

class FailAt {
 public:
  FailAt(int operation, int error) { fault_plan() = {operation, error, 0}; }
  ~FailAt() { fault_plan() = {}; }
  FailAt(const FailAt&) = delete;
  FailAt& operator=(const FailAt&) = delete;
};

std::size_t files_in(const TempDir& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

struct Saver {
  const char* name;
  std::function<void(const Path&, std::uint64_t seed)> save;
};
void PrintTo(const Saver& saver, std::ostream* out) {
  *out << saver.name;
}

Saver darknet() {
  return {"darknet", [](const Path& path, std::uint64_t seed) {
            const Graph graph = graph_of(kTwoLayers);
            save_darknet(path, graph, random_weights(graph, seed), seed);
          }};
}
Saver model_file() {
  return {"model_file", [](const Path& path, std::uint64_t seed) {
            Graph graph = graph_of(kTwoLayers);
            Weights weights = random_weights(graph, seed);
            save_model(path, {std::move(graph), std::move(weights), {}, seed, {}, {}});
          }};
}

class Saving : public testing::TestWithParam<Saver> {};

TEST_P(Saving, LeavesTheOldOrTheNewFileWhicheverOperationFails) {
  const TempDir folder;
  const Path path = folder / "net";
  GetParam().save(path, 1);
  const std::string old_bytes = read_text(path, 1 << 20);
  GetParam().save(path, 2);
  const std::string new_bytes = read_text(path, 1 << 20);
  ASSERT_NE(old_bytes, new_bytes);

  int operations = 0;
  for (const int error : {ENOSPC, EIO, EDQUOT, EACCES}) {
    for (int k = 1;; ++k) {
      GetParam().save(path, 1);
      bool failed = false;
      {
        const FailAt fault(k, error);
        try {
          GetParam().save(path, 2);
        } catch (const Error& caught) {
          failed = true;
          EXPECT_EQ(caught.kind(), ErrorKind::io);
          EXPECT_SAYS(caught, folder.path().string());
        }
      }
      const std::string found = read_text(path, 1 << 20);
      EXPECT_TRUE(found == old_bytes || found == new_bytes) << "operation " << k;
      EXPECT_EQ(files_in(folder), 1U) << "operation " << k;
      if (!failed) {
        EXPECT_EQ(found, new_bytes);
        operations = k - 1;
        break;
      }
      ASSERT_LT(k, 100);
    }
  }
  EXPECT_GE(operations, 5);  // open, write, sync, close, rename at least
}

TEST_P(Saving, AnInterruptedWriteGoesOn) {
  const TempDir folder;
  const Path path = folder / "net";
  GetParam().save(path, 2);
  const std::string wanted = read_text(path, 1 << 20);
  std::filesystem::remove(path);
  const FailAt fault(2, EINTR);  // operation 2 is the first write
  GetParam().save(path, 2);
  EXPECT_EQ(read_text(path, 1 << 20), wanted);
}

TEST_P(Saving, IntoAMissingFolderNamesThePath) {
  const TempDir folder;
  const Error error = error_of([&] { GetParam().save(folder / "missing" / "net", 1); });
  EXPECT_EQ(error.kind(), ErrorKind::io);
  EXPECT_SAYS(error, "missing/net");
}

INSTANTIATE_TEST_SUITE_P(Formats, Saving, testing::Values(darknet(), model_file()),
                         [](const auto& row) { return std::string(row.param.name); });

}  // namespace
}  // namespace syolo
