// Any bytes as the generations of a search. What is read, written, reads equal, and has a child
// within the limits.

#include "syolo/eval/evolution.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  const std::vector<std::string> names = {"lr0", "label_smoothing", "mosaic"};
  fuzz::accepts([&] {
    const Evolution read = read_evolution(fuzz::text_of(data, size), "input", names);
    const Evolution again = read_evolution(evolution_csv(read), "written", names);
    fuzz::check(again.done.size() == read.done.size(), "as many generations");
    for (std::size_t i = 0; i < read.done.size(); ++i) {
      fuzz::check(again.done[i].values == read.done[i].values, "equal values");
      fuzz::check(again.done[i].fitness() == read.done[i].fitness(), "equal fitness");
    }
    if (read.done.empty()) return;
    const std::vector<double> child = next_generation(read, 1);
    fuzz::check(child[0] >= 1e-5 && child[0] <= 0.1, "a rate within its limits");
    fuzz::check(child[2] >= 0 && child[2] <= 1, "a share within its limits");
  });
  return 0;
}
