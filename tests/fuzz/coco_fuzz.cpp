// Any bytes as COCO JSON. What is read, written and read again is written the same.

#include <cmath>

#include "syolo/data/coco.h"
#include "syolo/data/rules.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  const fuzz::InputFile file(fuzz::text_of(data, size));
  fuzz::accepts([&] {
    const Dataset read = read_coco(file.path(), fuzz::small_limits());
    fuzz::check(read.names.size() == read.class_ids.size(), "every class has an id");
    for (const Item& item : read.items) {
      fuzz::check((item.state == LabelState::present) == !item.truths.empty(), "states are true");
      for (const Truth& truth : item.truths) {
        fuzz::check(truth.cls >= 0 && truth.cls < static_cast<int>(read.names.size()), "a class");
        fuzz::check(std::isfinite(truth.box.x + truth.box.y) || std::isfinite(truth.box.x),
                    "a place");
      }
    }
    for (const Finding& finding : read.findings) rule_of(finding);
    const std::string first = coco_text(read);
    std::string second;
    fuzz::check(fuzz::accepts([&] {
                  const fuzz::InputFile written(first);
                  second = coco_text(read_coco(written.path(), fuzz::small_limits()));
                }),
                "a written dataset can be read");
    fuzz::check(first == second, "a written dataset reads equal");
  });
  return 0;
}
