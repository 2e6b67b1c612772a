// What a network weighs and works equals the statistics computed from the same cfgs by another
// program, to the last digit, at every published input size.
#include "syolo/graph/cost.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <ostream>

#include "syolo/base/geometry.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "tests/support/oracle.h"

namespace syolo::test {
namespace {

struct Row {
  std::string name;
  Size input;
  nlohmann::json json;
};

void PrintTo(const Row& row, std::ostream* out) {
  *out << row.name << " at " << row.input.width << "x" << row.input.height;
}

std::vector<Row> rows() {
  std::vector<Row> rows;
  for (const auto& row : read_json(test_data() / "models.json")) {
    rows.push_back({row.at("name"), {row.at("width"), row.at("height")}, row});
  }
  return rows;
}

/// The cfg of a row: among the oracles (its own input size does not matter) or the real weights.
std::filesystem::path cfg_of(const std::string& name) {
  for (const auto& folder :
       {darknet_oracles() / "family", test_data() / "weights", bundled_models()}) {
    const auto path = folder / (name + ".cfg");
    if (std::filesystem::exists(path)) return path;
  }
  throw std::runtime_error("no cfg for " + name);
}

class Statistics : public testing::TestWithParam<Row> {};

TEST_P(Statistics, EqualTheKnownTotals) {
  const Row& row = GetParam();
  Findings findings;
  const Graph graph = load_cfg(cfg_of(row.name), findings);
  const Shape input{1, 3, row.input.height, row.input.width};
  const CostTable table = cost(graph, lower(graph, input));
  const auto known = [&](const char* key) { return row.json.at(key).get<std::int64_t>(); };

  EXPECT_EQ(std::ssize(table.layers), known("layers"));
  EXPECT_EQ(std::count_if(table.layers.begin(), table.layers.end(),
                          [](const LayerCost& layer) { return layer.type == "convolutional"; }),
            known("convolutions"));
  EXPECT_EQ(table.parameters, known("params"));
  EXPECT_EQ(table.weight_floats, known("weight_floats"));
  EXPECT_EQ(table.weight_bytes, 4 * known("weight_floats"));
  EXPECT_EQ(table.macs, known("macs"));
  EXPECT_NEAR(table.gflops(), row.json.at("bflops").get<double>(), 5.1e-5);
  EXPECT_EQ(table.cio, known("cio"));
  EXPECT_EQ(table.mac_traffic, known("mac_traffic"));
  EXPECT_EQ(table.activation_bytes, 4 * known("activations"));
  EXPECT_EQ(table.peak_activation_bytes, 4 * known("peak_activations"));
}

INSTANTIATE_TEST_SUITE_P(Models, Statistics, testing::ValuesIn(rows()), [](const auto& it) {
  return test_name(it.param.name) + "_" + std::to_string(it.param.input.width) + "x" +
         std::to_string(it.param.input.height);
});

TEST(Cost, SumsItsLayers) {
  Findings findings;
  const Graph graph = load_cfg(cfg_of("yolov4-tiny"), findings);
  const CostTable table = cost(graph, lower(graph, {1, 3, 416, 416}));
  std::int64_t parameters = 0, floats = 0, macs = 0, cio = 0, traffic = 0;
  for (const LayerCost& layer : table.layers) {
    parameters += layer.parameters, floats += layer.weight_floats, macs += layer.macs;
    cio += layer.cio, traffic += layer.mac_traffic;
    EXPECT_EQ(layer.flops, 2 * layer.macs) << layer.node;
  }
  EXPECT_EQ(parameters, table.parameters);
  EXPECT_EQ(floats, table.weight_floats);
  EXPECT_EQ(macs, table.macs);
  EXPECT_EQ(cio, table.cio);
  EXPECT_EQ(traffic, table.mac_traffic);
}

// Work follows the area exactly: all sides are multiples of the greatest stride.
TEST(Cost, GrowsWithTheAreaOfTheInput) {
  Findings findings;
  const Graph graph = load_cfg(cfg_of("yolov4"), findings);
  const CostTable small = cost(graph, lower(graph, {1, 3, 320, 320}));
  const CostTable large = cost(graph, lower(graph, {1, 3, 608, 608}));
  EXPECT_EQ(small.macs * 19 * 19, large.macs * 10 * 10);
  EXPECT_EQ(small.parameters, large.parameters);
}

}  // namespace
}  // namespace syolo::test
