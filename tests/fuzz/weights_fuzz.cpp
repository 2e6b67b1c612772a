// A cfg, a zero byte, and a .weights file for it (without a zero byte: weights for a fixed net).
// What is read is written and read again as the same values; every byte is accounted for.

#include <algorithm>

#include "syolo/graph/cfg.h"
#include "syolo/weights/formats/darknet.h"
#include "tests/fuzz/fuzz_input.h"

namespace {

constexpr std::string_view kFixed =
    "[net]\nwidth=8\nheight=8\nchannels=1\n"
    "[convolutional]\nbatch_normalize=1\nfilters=2\nsize=1\nactivation=leaky\n"
    "[convolutional]\nfilters=6\nsize=1\nactivation=linear\n"
    "[yolo]\nmask=0\nanchors=4,4\nnum=1\nclasses=1\n";

void run(const syolo::Graph& graph, const syolo::FileBytes& file) {
  using namespace syolo;
  const Limits limits = fuzz::small_limits();
  Findings findings;
  const DarknetWeights loaded = read_darknet(file, graph, findings, limits);
  const int nodes = static_cast<int>(graph.nodes().size());
  fuzz::check(loaded.layers_loaded >= 0 && loaded.layers_loaded <= nodes, "layers are counted");
  const auto written = write_darknet(graph, loaded.weights, loaded.images_seen);
  if (loaded.layers_loaded == nodes) {
    // Equal but for the header (16 or 20 bytes) and the orientation of old matrices.
    const std::size_t values = written.size() - 20;
    fuzz::check(file.bytes.size() == values + 20 || file.bytes.size() == values + 16,
                "every byte is accounted for");
  }
  const DarknetWeights again = read_darknet(fuzz::file_of(written), graph, findings, limits);
  fuzz::check(fuzz::same_weights(again.weights, loaded.weights), "written weights read equal");
  fuzz::check(again.images_seen == loaded.images_seen, "the counter is kept");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace syolo;
  const std::uint8_t* zero = std::find(data, data + size, std::uint8_t{0});
  // A .weights file begins with a zero byte in practice: then there is no cfg before it.
  const bool own_cfg = zero != data && zero != data + size && *data == '[';
  const auto length = static_cast<std::size_t>(zero - data);
  fuzz::accepts([&] {
    Findings findings;
    const std::string_view cfg = own_cfg ? fuzz::text_of(data, length) : kFixed;
    const Graph graph = read_cfg(cfg, "input", findings, fuzz::small_limits());
    run(graph, own_cfg ? fuzz::file_of(zero + 1, size - length - 1) : fuzz::file_of(data, size));
  });
  return 0;
}
