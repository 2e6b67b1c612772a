// Any bytes as a file of class names, and as a file of unknown kind.

#include "syolo/weights/model.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  const FileBytes file = fuzz::file_of(data, size);
  fuzz::check(!name_of(sniff(file.bytes)).empty(), "every kind of file has a name");
  fuzz::accepts([&] {
    const auto names = parse_names(fuzz::text_of(data, size), "input");
    // A mark of its own: a first name may begin with one, after blanks, and keeps it.
    std::string written = "\xEF\xBB\xBF";
    for (const std::string& name : names) {
      fuzz::check(!name.empty(), "no name is empty");
      fuzz::check(name.find_first_of("\r\n") == std::string::npos, "no name holds a line end");
      written += name + "\r\n";
    }
    // Writing drops what made the input another kind of file, never adds to it.
    fuzz::accepts(
        [&] { fuzz::check(parse_names(written, "written") == names, "written names read equal"); });
  });
  return 0;
}
