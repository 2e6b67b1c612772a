// Any bytes as Darknet's .data file. What is read, written again, reads equal.

#include "syolo/data/formats.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

std::string written(const syolo::DarknetData& data) {
  std::string text;
  if (data.classes >= 0) text += syolo::format("classes = {}\r\n", data.classes);
  return text + "train = " + data.train + "\nvalid = " + data.valid + "\ntest = " + data.test +
         "\nnames = " + data.names + "\n";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  fuzz::accepts([&] {
    const DarknetData first = parse_darknet_data(fuzz::text_of(data, size), "input");
    fuzz::check(first.classes == -1 || first.classes >= 1, "one class or more");
    fuzz::check(fuzz::accepts([&] {
                  fuzz::check(
                      written(parse_darknet_data(written(first), "written")) == written(first),
                      "a written .data file reads equal");
                }),
                "a written .data file can be read");
  });
  return 0;
}
