// Any bytes as a Pascal VOC annotation: boxes have an area, classes a name.

#include <cmath>

#include "syolo/data/formats/formats_impl.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  fuzz::accepts([&] {
    Findings findings;
    const VocAnnotation read =
        parse_voc(fuzz::text_of(data, size), "input", findings, fuzz::small_limits());
    fuzz::check(read.size.width >= 0 && read.size.height >= 0, "a size, or none");
    for (const VocObject& object : read.objects) {
      fuzz::check(!object.name.empty(), "a class has a name");
      fuzz::check(std::isfinite(object.box.x) && std::isfinite(object.box.y), "a place");
      fuzz::check(object.box.w > 0 && object.box.h > 0, "a box has an area");
      fuzz::check(object.line >= 1, "an object has a line");
    }
    for (const Finding& finding : findings) rule_of(finding);
  });
  return 0;
}
