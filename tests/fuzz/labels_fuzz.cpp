// Any bytes as YOLO labels. What is kept lies inside the picture and reads the same when written.

#include <cmath>

#include "syolo/data/formats/formats_impl.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using namespace syolo;

void check_row(const YoloRow& row, int classes) {
  fuzz::check(row.cls >= 0 && (classes < 0 || row.cls < classes), "a class of the dataset");
  fuzz::check(row.w > 0 && row.h > 0, "a box has an area");
  fuzz::check(
      row.x >= -1e-9 && row.y >= -1e-9 && row.x + row.w <= 1 + 1e-9 && row.y + row.h <= 1 + 1e-9,
      "a box lies inside the picture");
  fuzz::check(row.line >= 1, "a box has a line");
}

bool near(const YoloRow& a, const YoloRow& b) {
  return a.cls == b.cls && std::abs(a.x - b.x) < 1e-9 && std::abs(a.y - b.y) < 1e-9 &&
         std::abs(a.w - b.w) < 1e-9 && std::abs(a.h - b.h) < 1e-9;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text_of(data, size);
  for (const int classes : {-1, 3}) {
    Findings findings;
    const auto rows = parse_yolo_labels(text, "input", classes, findings, fuzz::small_limits());
    for (const Finding& finding : findings) rule_of(finding);
    std::string written;
    for (const YoloRow& row : rows) {
      check_row(row, classes);
      written +=
          format("{} {} {} {} {}\n", row.cls, row.x + row.w / 2, row.y + row.h / 2, row.w, row.h);
    }
    Findings more;
    const auto again = parse_yolo_labels(written, "written", classes, more, fuzz::small_limits());
    fuzz::check(again.size() == rows.size(), "written labels read as many");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      fuzz::check(near(again[i], rows[i]), "written labels read equal");
    }
  }
  return 0;
}
