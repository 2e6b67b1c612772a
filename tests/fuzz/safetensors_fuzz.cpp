// Any bytes as a safetensors file and as a model file. A model that is read writes bytes that
// read as the same model and write the same bytes again.

#include "syolo/weights/formats/safetensors.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  const Limits limits = fuzz::small_limits();
  const FileBytes file = fuzz::file_of(data, size);
  fuzz::accepts([&] {
    const SafetensorsFile parts = read_safetensors(file, limits);
    std::int64_t values = 0;
    for (const auto& [name, tensor] : parts.tensors) {
      values += static_cast<std::int64_t>(tensor.values().size());
    }
    fuzz::check(values * 2 <= static_cast<std::int64_t>(size), "tensors are bytes of the file");
  });
  fuzz::accepts([&] {
    const Model model = read_model_file(file, limits);
    const auto written = write_model(model);
    const Model again = read_model_file(fuzz::file_of(written), limits);
    fuzz::check(again.graph == model.graph, "the graph is kept");
    fuzz::check(again.names == model.names, "the names are kept");
    fuzz::check(again.images_seen == model.images_seen, "the counter is kept");
    fuzz::check(fuzz::same_weights(again.weights, model.weights), "the weights are kept");
    fuzz::check(write_model(again) == written, "a model is written the same twice");
  });
  return 0;
}
