// Any bytes as a PyTorch checkpoint. Tensors are no larger than the file; a model that is made of
// one has every parameter of its graph.

#include "syolo/weights/formats/torch_file.h"
#include "tests/fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  const Limits limits = fuzz::small_limits();
  fuzz::accepts([&] {
    const TorchFile file = read_torch(fuzz::file_of(data, size), limits);
    for (const auto& [name, tensor] : file.tensors) {
      fuzz::check(tensor.values().size() * 2 <= size, "tensors are bytes of the file");
      fuzz::check(file.shapes.count(name) == 1, "each tensor has a shape");
    }
    fuzz::accepts([&] {
      const Model model = model_of(file, "fuzz.pt");
      for (NodeId id = 0; id < static_cast<NodeId>(model.graph.nodes().size()); ++id) {
        for (const ParamSpec& param : model.graph.params(id)) {
          fuzz::check(model.weights.at({id, param.role}).shape() == param.shape,
                      "every parameter has its shape");
        }
      }
    });
  });
  return 0;
}
