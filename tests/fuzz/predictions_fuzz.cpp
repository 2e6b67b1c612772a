// Any bytes as predictions for three pictures. What is read, written, reads equal.

#include <bit>

#include "syolo/data/rules.h"
#include "syolo/eval/coco_ap.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

using namespace syolo;

Dataset dataset() {
  Dataset data;
  data.names = {"cat", "dog"};
  data.class_ids = {3, 7};
  for (const std::int64_t id : {5, 2, 9}) {
    Item item;
    item.image = format("folder/{:012}.jpg", id);
    item.id = id;
    item.size = {640, 480};
    item.truths.push_back({.box = {10, 20, 30, 40}, .area = 1200, .cls = 1, .id = id});
    data.items.push_back(std::move(item));
  }
  return data;
}

bool same(double a, double b) {
  return a == b || (a != a && b != b);
}

bool same(const Prediction& a, const Prediction& b) {
  return a.item == b.item && a.cls == b.cls && same(a.box.x, b.box.x) && same(a.box.y, b.box.y) &&
         same(a.box.w, b.box.w) && same(a.box.h, b.box.h) && same(a.score, b.score);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Dataset truths = dataset();
  const fuzz::InputFile file(fuzz::text_of(data, size));
  fuzz::accepts([&] {
    const Predictions read = read_predictions(file.path(), truths, fuzz::small_limits());
    for (const Prediction& row : read.rows) {
      fuzz::check(row.item >= 0 && row.item < 3 && row.cls >= 0 && row.cls < 2,
                  "predictions fit the dataset");
    }
    const CocoReport report = coco_ap(match(truths, read.rows, 1), 1);
    for (const double value : report.numbers.values) {
      fuzz::check(value == -1 || (value >= 0 && value <= 1), "an average within 0..1");
    }
    const fuzz::InputFile written(coco_results_text(read.rows, truths));
    Predictions again;
    fuzz::check(fuzz::accepts([&] {
                  again = read_predictions(written.path(), truths, fuzz::small_limits());
                }),
                "written predictions can be read");
    fuzz::check(again.rows.size() == read.rows.size(), "written predictions read as many");
    for (std::size_t i = 0; i < read.rows.size(); ++i) {
      fuzz::check(same(again.rows[i], read.rows[i]), "written predictions read equal");
    }
  });
  return 0;
}
