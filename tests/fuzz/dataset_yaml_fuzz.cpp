// Any bytes as a dataset's YAML. What is read, written with every text quoted, reads equal.

#include "syolo/data/formats.h"
#include "syolo/data/json_reader.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

std::string list(std::string_view key, const std::vector<std::string>& items) {
  std::string text = std::string(key) + ": [";
  for (const std::string& item : items) text += syolo::json_quoted(item) + ", ";
  return text + "]\n";
}

std::string written(const syolo::DatasetYaml& yaml) {
  return "path: " + syolo::json_quoted(yaml.path) + "\n" + list("train", yaml.train) +
         list("val", yaml.val) + list("test", yaml.test) + list("names", yaml.names);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  fuzz::accepts([&] {
    const std::string first = written(parse_dataset_yaml(fuzz::text_of(data, size), "input"));
    std::string second;
    fuzz::check(fuzz::accepts([&] { second = written(parse_dataset_yaml(first, "written")); }),
                "a written YAML can be read");
    fuzz::check(first == second, "a written YAML reads equal");
  });
  return 0;
}
