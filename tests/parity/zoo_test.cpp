// Every network that the zoo builds equals the published cfg layer by layer, and what it weighs
// and works equals the figures that another program computed from the published files.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "syolo/graph/cfg.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/zoo/models.h"
#include "tests/support/oracle.h"

namespace syolo::test {
namespace {

/// The published cfg, or an empty path: not every network of the zoo has one.
std::filesystem::path published_cfg(std::string_view name) {
  if (name == "mobilenetv2-yolov3-nano")
    return test_data() / "weights" / "MobileNetV2-YOLOv3-Nano-coco.cfg";
  const std::string file = name == "csdarknet53" ? "csdarknet53-omega" : std::string(name);
  const auto path = darknet_oracles() / "family" / (file + ".cfg");
  return std::filesystem::exists(path) ? path : std::filesystem::path();
}

std::vector<std::string> names(bool with_cfg) {
  std::vector<std::string> out;
  for (const ZooModel& row : zoo_models()) {
    if (!with_cfg || !published_cfg(row.name).empty()) out.emplace_back(row.name);
  }
  return out;
}

/// One line per layer: sources, meaning, and what training reads, in a fixed order.
std::vector<std::string> layer_lines(const Graph& graph) {
  std::vector<std::string> out;
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const Node& node = graph.node(id);
    CfgWriter writer(id, node.src);
    node.layer->write(writer);
    KeyValues hints = node.hints;
    std::erase_if(hints, [](const auto& pair) { return pair.first == "stopbackward"; });
    std::sort(hints.begin(), hints.end());
    std::string line = node.section + " " + writer.take();
    for (const auto& [key, value] : hints) line += key + "=" + value + "\n";
    out.push_back(line + to_text(node.shape));
  }
  return out;
}

/// The cfgs that the product ships.
std::filesystem::path cfg_folder() {
  return test_data().parent_path().parent_path() / "cfg";
}

class Zoo : public testing::TestWithParam<std::string> {};
class ZooCfg : public testing::TestWithParam<std::string> {};

TEST_P(ZooCfg, EqualsThePublishedCfgLayerByLayer) {
  Findings findings;
  const Graph published = load_cfg(published_cfg(GetParam()).string(), findings);
  Recipe r = recipe(GetParam());
  r.input = {published.net().input.w, published.net().input.h};
  const Graph built = build(r);

  const auto want = layer_lines(published), found = layer_lines(built);
  for (std::size_t i = 0; i < std::min(want.size(), found.size()); ++i) {
    ASSERT_EQ(found[i], want[i]) << "layer " << i;
  }
  ASSERT_EQ(found.size(), want.size());
  EXPECT_EQ(to_text(lower(built)), to_text(lower(published)));
  EXPECT_EQ(built.net().preprocess, published.net().preprocess);
}

INSTANTIATE_TEST_SUITE_P(Published, ZooCfg, testing::ValuesIn(names(true)),
                         [](const auto& it) { return test_name(it.param); });

TEST_P(Zoo, WeighsAndWorksAsPublished) {
  const ZooModel& row = *find_zoo_model(GetParam());
  if (row.published.parameters == 0) GTEST_SKIP() << "nothing published";
  const Graph graph = build(row.recipe());
  const CostTable table = cost(graph, lower(graph));
  EXPECT_EQ(table.parameters, row.published.parameters);
  EXPECT_NEAR(table.gflops(), row.published.gflops, 5.1e-4);
}

// The PyTorch counts of layers differ: its modules have no [route] for a single source.
TEST_P(Zoo, WeighsAndWorksAsTheKnownTotals) {
  const auto rows = read_json(test_data() / "zoo.json");
  const auto known = rows.find(GetParam());
  if (known == rows.end()) GTEST_SKIP() << "no totals known";
  const Graph graph = build(recipe(GetParam()));
  const CostTable table = cost(graph, lower(graph));
  EXPECT_EQ(table.input.w, known->at("input"));
  EXPECT_EQ(table.parameters, known->at("parameters"));
  EXPECT_EQ(table.weight_floats, known->at("weight_floats"));
  EXPECT_EQ(table.macs, known->at("macs"));
  EXPECT_EQ(table.cio, known->at("cio"));
  EXPECT_EQ(table.mac_traffic, known->at("mac_traffic"));
  EXPECT_EQ(std::count_if(table.layers.begin(), table.layers.end(),
                          [](const LayerCost& layer) { return layer.type == "convolutional"; }),
            known->at("convolutions"));
}

TEST_P(Zoo, IsReadAgainAsItWasWritten) {
  const Graph graph = build(recipe(GetParam()));
  Findings findings;
  EXPECT_TRUE(read_cfg(write_cfg(graph), GetParam(), findings) == graph);
}

TEST_P(Zoo, StandsInTheFolderAsTheWriterWritesIt) {
  const auto file = cfg_folder() / (GetParam() + ".cfg");
  ASSERT_TRUE(std::filesystem::exists(file)) << "make cfg writes it";
  EXPECT_TRUE(read_file(file) == write_cfg(build(recipe(GetParam())))) << "make cfg writes it anew";
}

TEST(ZooFolder, HoldsNothingElse) {
  for (const auto& entry : std::filesystem::directory_iterator(cfg_folder())) {
    if (entry.path().extension() != ".cfg") continue;
    EXPECT_NE(find_zoo_model(entry.path().stem().string()), nullptr) << entry.path();
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Zoo, testing::ValuesIn(names(false)),
                         [](const auto& it) { return test_name(it.param); });

}  // namespace
}  // namespace syolo::test
