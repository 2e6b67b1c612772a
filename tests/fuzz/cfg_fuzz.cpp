// Any bytes as a cfg: read, or refused with a place. What is read writes a cfg that reads equal.

#include "syolo/graph/cfg.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  const std::string_view text = fuzz::text_of(data, size);
  looks_like_cfg(text);
  for (const bool allow : {false, true}) {
    fuzz::accepts([&] {
      Findings findings;
      const Graph graph =
          read_cfg(text, "input", findings, fuzz::small_limits(), {.allow_unknown_keys = allow});
      const std::string written = write_cfg(graph);
      Findings more;
      fuzz::check(fuzz::accepts([&] {
                    const Graph again = read_cfg(written, "written", more, fuzz::small_limits());
                    fuzz::check(again == graph, "a written cfg reads equal");
                    fuzz::check(write_cfg(again) == written, "a cfg is written the same twice");
                  }),
                  "a written cfg can be read");
    });
  }
  return 0;
}
