// Parts of a recipe exchanged: every block in every stage, necks, weighted sums, gated heads.
#include <gtest/gtest.h>

#include <algorithm>

#include "syolo/base/error.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/zoo/models.h"
#include "syolo/zoo/scaling.h"
#include "syolo/zoo/structure.h"

namespace syolo::test {
namespace {

Graph built(std::string_view name, const Structure& structure) {
  return build(
      scaled(restructured(recipe(name), structure), {.width = 0.25, .input = Size{128, 128}}));
}

std::int64_t count(const Graph& graph, std::string_view text) {
  const std::string cfg = write_cfg(graph);
  std::int64_t found = 0;
  for (const std::string_view line : lines(cfg)) found += line == text ? 1 : 0;
  return found;
}

std::int64_t macs(const Graph& graph) {
  return cost(graph, lower(graph)).macs;
}

TEST(Structure, EveryBlockStandsInEveryStageOfEveryNetwork) {
  constexpr std::array kBlocks = {Block::plain, Block::darknet, Block::resnet,  Block::resnext,
                                  Block::dense, Block::osa,     Block::osa_pcb, Block::inverted};
  for (const char* name : {"yolov4-csp", "yolov4-tiny", "csresnext50-panet-spp",
                           "mobilenetv2-yolov3-nano", "darknet53"}) {
    for (const Block block : kBlocks) {
      for (const std::optional<Csp> csp : {std::optional<Csp>(), std::optional(Csp::half)}) {
        const Graph graph = built(name, {.block = block, .csp = csp});
        Findings findings;
        EXPECT_TRUE(read_cfg(write_cfg(graph), name, findings) == graph)
            << name << " " << static_cast<int>(block);
      }
    }
  }
}

TEST(Structure, NothingSaidChangesNothing) {
  for (const ZooModel& row : zoo_models()) {
    EXPECT_TRUE(build(restructured(row.recipe(), {})) == build(row.recipe())) << row.name;
  }
}

TEST(Structure, ExactFusionJoinsNeighboursAndKeepsTheGreatest) {
  const Graph graph = built("yolov4-csp", {.neck = NeckKind::efm});
  EXPECT_EQ(count(graph, "maxpool_depth=1"), 3);
  EXPECT_EQ(count(graph, "out_channels=32"), 1) << "the width of P3";
  EXPECT_EQ(count(graph, "[yolo]"), 3);
}

TEST(Structure, SumsMakeANeckCheaperThanJoining) {
  const auto with = [](Join join) { return built("yolov4-csp", {.join = join}); };
  EXPECT_LT(macs(with(Join::sum)), macs(with(Join::concat)));
  EXPECT_EQ(count(with(Join::concat), "weights_type=per_feature"), 0);
}

TEST(Structure, WeightedSumsHaveOneWeightASource) {
  const Graph graph = built("yolov4-csp", {.join = Join::weighted});
  EXPECT_EQ(count(graph, "weights_type=per_feature"), 4) << "two up, two down";
  std::vector<std::size_t> sources;
  for (const Node& node : graph.nodes()) {
    if (node.section != "shortcut") continue;
    const auto params =
        node.layer->params(graph.source_shapes(static_cast<NodeId>(&node - graph.nodes().data())));
    if (!params.empty()) sources.push_back(node.src.size());
  }
  EXPECT_EQ(sources, (std::vector<std::size_t>{2, 2, 3, 2}))
      << "in the middle, the way down sees the backbone too";
}

TEST(Structure, HeadsGateThemselves) {
  EXPECT_EQ(count(built("yolov4", {.sam = true}), "[sam]"), 3);
  EXPECT_EQ(count(built("yolov4-tiny", {.sam = true}), "[sam]"), 2)
      << "also where there was no 3x3";
}

TEST(Structure, WhatCannotBeExchangedIsRefused) {
  EXPECT_THROW(restructured(recipe("darknet53"), {.neck = NeckKind::pan}), Error);
  EXPECT_THROW(restructured(recipe("yolov4-sam-mish-csp-reorg-bfm"), {.sam = true}), Error);
  EXPECT_THROW(restructured(recipe("yolov4-tiny"), {.join = Join::sum}), Error);
  EXPECT_NO_THROW(restructured(recipe("yolov4-tiny"), {.neck = NeckKind::pan, .join = Join::sum}));
}

TEST(Structure, GroupedStagesKeepWholeGroupsAtEveryWidth) {
  for (const double width : {0.01, 0.3, 0.7, 1.1}) {
    const Recipe r = scaled(recipe("csresnext50-panet-spp"), {.width = width});
    for (const Stage& stage : r.stages) EXPECT_EQ(stage.width % 64, 0) << width;
    EXPECT_NO_THROW(build(r)) << width;
  }
}

}  // namespace
}  // namespace syolo::test
