// What coco_ap_test.py compares: for every SET/truths.json and SET/results.json of a folder the
// twelve numbers, precision, recall and scores as raw doubles in SET/ours.bin.

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "syolo/eval/coco_ap.h"

namespace {

void add(std::vector<std::byte>& bytes, std::span<const double> values) {
  const auto raw = std::as_bytes(values);
  bytes.insert(bytes.end(), raw.begin(), raw.end());
}

void write_arrays(const syolo::Path& folder, int threads) {
  using namespace syolo;
  const Dataset data = read_coco(folder / "truths.json");
  const Predictions found = read_predictions(folder / "results.json", data);
  const CocoReport report = coco_ap(match(data, found.rows, threads), threads);
  std::vector<std::byte> bytes;
  add(bytes, report.numbers.values);
  add(bytes, report.precision);
  add(bytes, report.recall);
  add(bytes, report.scores);
  write_file_atomic(folder / "ours.bin", bytes);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
      write_arrays(entry.path(), std::atoi(argv[2]));
    }
  } catch (const syolo::Error& error) {
    std::fprintf(stderr, "%s: %s\n", to_text(error.where()).c_str(), error.text().c_str());
    return 1;
  }
  return 0;
}
