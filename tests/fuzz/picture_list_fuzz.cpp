// Any bytes as a list of pictures: every path once, in order, each with its line.

#include <algorithm>

#include "syolo/data/formats/formats_impl.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  // Every entry costs a few questions to the system.
  const std::string_view text = fuzz::text_of(data, std::min<std::size_t>(size, 16 << 10));
  const fuzz::InputFile file(text);
  fuzz::accepts([&] {
    Findings findings;
    const auto pictures =
        data::pictures_of_list(file.path(), "/nowhere", findings, fuzz::small_limits());
    fuzz::check(pictures.size() + findings.size() <= lines(text).size(), "one entry a line");
    std::set<Path> seen;
    int line = 0;
    for (const data::PictureRef& picture : pictures) {
      fuzz::check(!picture.path.empty() && seen.insert(picture.path).second, "each picture once");
      fuzz::check(picture.where.line > line, "pictures in the order of the lines");
      line = picture.where.line;
    }
    for (const Finding& finding : findings) rule_of(finding);
  });
  return 0;
}
