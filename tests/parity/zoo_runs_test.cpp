// The whole zoo lowers, costs and runs: every network, narrow and on a small picture, in the
// engine and in the interpreter, which agree.
#include <gtest/gtest.h>

#include <chrono>

#include "syolo/base/rng.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/runtime/reference.h"
#include "syolo/zoo/models.h"
#include "syolo/zoo/scaling.h"
#include "syolo/zoo/structure.h"
#include "tests/support/compare.h"
#include "tests/support/engine.h"

namespace syolo::test {
namespace {

class ZooRun : public testing::TestWithParam<std::string> {};

Tensor noise(const Shape& shape) {
  Tensor tensor(shape);
  Rng rng(7, Stream::test);
  for (float& value : tensor.mutable_values()) value = static_cast<float>(rng.uniform());
  return tensor;
}

/// |got - want| over |want|, both as vectors.
double relative(const std::vector<float>& got, const std::vector<double>& want) {
  double error = 0, size = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    error += (got[i] - want[i]) * (got[i] - want[i]);
    size += want[i] * want[i];
  }
  return std::sqrt(error / size);
}

void expect_engine_agrees(const Recipe& full) {
  const int side = full.levels.empty() ? 64 : std::max(64, 1 << full.top_level());
  const Graph graph =
      build(scaled(full, {.depth = 0.34, .width = 0.125, .input = Size{side, side}, .classes = 3}));
  const Program program = lower(graph);
  EXPECT_GT(cost(graph, program).macs, 0);
  const Weights weights = random_weights(graph, 3);
  const Tensor input = noise(program.shape(0));
  const Outputs want = interpret(program, weights, input, {.bounds = false});
  Session session(make_plan(model_of(graph, weights), input.shape(), plain_options()));
  const auto views = session.run(input.values());
  const std::vector<HeadNode> nodes = heads(program);
  ASSERT_EQ(views.size(), nodes.size());
  for (std::size_t i = 0; i < views.size(); ++i) {
    const NodeId src = graph.node(nodes[i].node).src[0];
    EXPECT_LT(
        relative(plain_values<float>(views[i]), want.nodes[static_cast<std::size_t>(src)].values),
        2e-3)
        << "head " << i;
  }
  if (!views.empty()) return;
  const Tensor last = session.node_output(static_cast<NodeId>(graph.nodes().size()) - 1);
  EXPECT_LT(relative({last.values().begin(), last.values().end()}, want.nodes.back().values), 2e-3);
}

TEST_P(ZooRun, EngineAgreesWithInterpreter) {
  expect_engine_agrees(recipe(GetParam()));
}

TEST(StructureRun, EngineAgreesWithInterpreter) {
  expect_engine_agrees(restructured(recipe("yolov4-csp"), {.neck = NeckKind::efm}));
  expect_engine_agrees(restructured(recipe("yolov4-csp"), {.join = Join::weighted}));
  expect_engine_agrees(restructured(recipe("yolov4"), {.join = Join::sum, .sam = true}));
  for (const Block block : {Block::dense, Block::osa, Block::inverted, Block::resnext}) {
    expect_engine_agrees(
        restructured(recipe("yolov4-csp-s-mish"), {.block = block, .csp = Csp::half}));
  }
}

std::vector<std::string> zoo_names() {
  std::vector<std::string> out;
  for (const ZooModel& row : zoo_models()) out.emplace_back(row.name);
  return out;
}

INSTANTIATE_TEST_SUITE_P(Zoo, ZooRun, testing::ValuesIn(zoo_names()),
                         [](const auto& it) { return test_name(it.param); });

// The promise is 50 ms on a quiet machine; a busy one gets five times as long.
TEST(ZooSpeed, BuildingLoweringAndCostingP7TakesMilliseconds) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const Graph graph = build(recipe("yolov4-p7"));
    EXPECT_GT(cost(graph, lower(graph)).macs, 0);
    const auto spent = std::chrono::steady_clock::now() - start;
    best = std::min(best, std::chrono::duration<double, std::milli>(spent).count());
  }
  RecordProperty("milliseconds", std::to_string(best));
  EXPECT_LT(best, 250);
}

}  // namespace
}  // namespace syolo::test
