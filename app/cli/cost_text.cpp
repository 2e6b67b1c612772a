#include "app/cli/cost_text.h"

#include "app/cli/console.h"
#include "app/cli/setup.h"

namespace syolo::cli {

Json cost_json(const CostTable& table) {
  Json layers = Json::array();
  for (const LayerCost& layer : table.layers) {
    layers.push_back({{"index", layer.node},
                      {"type", layer.type},
                      {"out", {layer.out.c, layer.out.h, layer.out.w}},
                      {"parameters", layer.parameters},
                      {"macs", layer.macs},
                      {"bytes_read", layer.bytes_read},
                      {"bytes_written", layer.bytes_written},
                      {"mac_traffic", layer.mac_traffic},
                      {"cio", layer.cio},
                      {"stride", layer.stride},
                      {"field_of_view", layer.field_of_view}});
  }
  return {{"model", table.model},
          {"input", {table.input.w, table.input.h}},
          {"layers", std::move(layers)},
          {"totals",
           {{"layers", table.layers.size()},
            {"parameters", table.parameters},
            {"weight_floats", table.weight_floats},
            {"macs", table.macs},
            {"gflops", rounded(table.gflops(), 9)},
            {"activation_bytes", table.activation_bytes},
            {"peak_activation_bytes", table.peak_activation_bytes},
            {"weight_bytes", table.weight_bytes},
            {"mac_traffic", table.mac_traffic},
            {"cio", table.cio},
            {"max_stride", table.max_stride}}}};
}

std::string cost_totals(const CostTable& table) {
  std::string out;
  const auto row = [&out](std::string_view name, const std::string& text) {
    out += format("{:<16} {}\n", name, text);
  };
  row("model", printable(table.model));
  row("input", format("{}, greatest stride {}", size_text(table.input), table.max_stride));
  row("layers", format("{}", table.layers.size()));
  row("parameters", grouped(table.parameters));
  row("weights",
      format("{} floats, {}", grouped(table.weight_floats), mebibytes(table.weight_bytes)));
  row("compute",
      format("{:.3f} GFLOPs ({} MACs, 2 operations each)", table.gflops(), grouped(table.macs)));
  row("activations", format("{} in all, {} at once", mebibytes(table.activation_bytes),
                            mebibytes(table.peak_activation_bytes)));
  row("memory traffic", format("{} values (MAC), {} values in and out of convolutions (CIO)",
                               grouped(table.mac_traffic), grouped(table.cio)));
  return out;
}

}  // namespace syolo::cli
