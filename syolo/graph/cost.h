// What a network weighs and works, computed from its program. No timing here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "syolo/graph/graph.h"

namespace syolo {

struct LayerCost {
  NodeId node = 0;
  std::string type;
  Shape out;
  std::int64_t parameters = 0;     // learned values (batch statistics excluded)
  std::int64_t weight_floats = 0;  // values in a .weights file
  std::int64_t macs = 0;           // convolutions and [connected]
  std::int64_t flops = 0;          // 2 * macs
  std::int64_t bytes_read = 0;     // f32 sources and parameters
  std::int64_t bytes_written = 0;
  std::int64_t mac_traffic = 0;  // hw(ci + co) + k^2 ci co / groups per convolution (values)
  std::int64_t cio = 0;          // convolutional input + output (values), HarDNet's measure
  int stride = 1;                // input pixels per cell (x)
  int field_of_view = 1;         // input pixels (x) that can influence one cell
};

struct CostTable {
  std::string model;
  Shape input;
  std::vector<LayerCost> layers;
  std::int64_t parameters = 0, weight_floats = 0, macs = 0, mac_traffic = 0, cio = 0;
  std::int64_t activation_bytes = 0;       // every layer's output once, f32
  std::int64_t peak_activation_bytes = 0;  // greatest sum of values alive at once
  std::int64_t weight_bytes = 0;
  int max_stride = 1;
  double gflops() const { return 2e-9 * static_cast<double>(macs); }
};

CostTable cost(const Graph& graph, const Program& program);

}  // namespace syolo
