// Checkpoints of ScaledYOLOv4: the three forms of a file hold the same, and the network that is
// made of one computes what the original did.
#include <gtest/gtest.h>

#include <cmath>

#include "syolo/graph/cfg.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/runtime/reference.h"
#include "syolo/weights/formats/torch_file.h"
#include "syolo/zoo/models.h"
#include "tests/support/counter_weights.h"
#include "tests/support/oracle.h"

namespace syolo::test {
namespace {

std::filesystem::path oracle(const char* name) {
  return test_data() / "oracles" / "scaled-yolov4" / name;
}

bool is_of_a_layer(std::string_view name) {
  return !name.ends_with("anchors") && !name.ends_with("anchor_grid");
}

TEST(TorchFile, BothContainersHoldTheSame) {
  const TorchFile zip = load_torch(oracle("p5-small.zip.pt"));
  const TorchFile legacy = load_torch(oracle("p5-small.legacy.pt"));
  EXPECT_EQ(zip.shapes, legacy.shapes);
  EXPECT_EQ(zip.names, legacy.names);
  ASSERT_EQ(zip.tensors.size(), legacy.tensors.size());
  for (const auto& [name, tensor] : zip.tensors) {
    const Tensor& other = legacy.tensors.at(name);
    EXPECT_TRUE(tensor.shape() == other.shape() &&
                std::ranges::equal(tensor.values(), other.values()))
        << name;
  }
}

TEST(TorchFile, AStateDictHoldsTheSameInFullPrecision) {
  const TorchFile half = load_torch(oracle("p5-small.zip.pt"));
  const TorchFile full = load_torch(oracle("p5-small.state_dict.pt"));
  EXPECT_FALSE(full.modules);
  for (const auto& [name, tensor] : full.tensors) {
    const auto rounded = half.tensors.at(name).values();
    ASSERT_EQ(rounded.size(), tensor.values().size()) << name;
    for (std::size_t i = 0; i < rounded.size(); ++i) {
      const float value = tensor.values()[i];
      ASSERT_LE(std::abs(rounded[i] - value), std::abs(value) * 0x1p-11F + 0x1p-25F) << name;
    }
  }
}

TEST(TorchFile, NamesItsNetwork) {
  const TorchFile file = load_torch(oracle("p5-small.zip.pt"));
  ASSERT_TRUE(file.modules);
  EXPECT_EQ(file.modules->classes, 3);
  EXPECT_EQ(file.modules->depth, 0.34);
  EXPECT_EQ(file.modules->width, 0.125);
  EXPECT_EQ(file.modules->activation, "mish");
  EXPECT_EQ(file.modules->epsilon, 1e-3);
  EXPECT_EQ(file.modules->anchors[2],
            (std::vector<double>{171, 384, 324, 451, 616, 618, 800, 800}));
  EXPECT_EQ(file.modules->rows.size(), 32U);
}

// At full size the modules of the small file are those of yolov4-p5. Up to the first head the
// zoo has the same layers at the same places; behind it only the order differs.
TEST(TorchModel, IsTheZoosNetworkLayerByLayer) {
  ModuleList list = *load_torch(oracle("p5-small.zip.pt")).modules;
  list.depth = list.width = 1;
  list.classes = 80;
  const Graph graph = graph_of(list, "p5");
  Recipe recipe = find_zoo_model("yolov4-p5-pytorch")->recipe();
  recipe.heads.order = HeadOrder::last;
  const Graph zoo = build(recipe);
  constexpr NodeId kFirstHead = 212;
  for (NodeId id = 0; id < kFirstHead; ++id) {
    SCOPED_TRACE(id);
    const Node &ours = graph.node(id), &theirs = zoo.node(id);
    EXPECT_EQ(ours.section, theirs.section);
    EXPECT_EQ(ours.src, theirs.src);
    EXPECT_EQ(ours.shape, theirs.shape);
    CfgWriter a(id, ours.src), b(id, theirs.src);
    ours.layer->write(a);
    theirs.layer->write(b);
    EXPECT_EQ(a.take(), b.take());
  }
  const CostTable a = cost(graph, lower(graph)), b = cost(zoo, lower(zoo));
  EXPECT_EQ(a.parameters, b.parameters);
  EXPECT_EQ(a.gflops(), b.gflops());
}

/// Row `index` of what the original hands out: cx, cy, w, h in pixels, objectness, classes.
class Decoded {
 public:
  Decoded(const Model& model, Size size) : size_(size) {
    std::vector<float> input(static_cast<std::size_t>(3) * size.width * size.height);
    for (std::size_t k = 0; k < input.size(); ++k) {
      input[k] = static_cast<float>(counter_uniform(42 + 1'000'003, k));
    }
    const Shape shape{1, 3, size.height, size.width};
    program_ = lower(model.graph, shape);
    outputs_ = interpret(program_, model.weights, Tensor(shape, std::move(input)));
    for (const HeadNode& head : heads(program_)) levels_.emplace_back(head.node, head.spec);
  }

  double at(std::size_t index) const {
    std::size_t row = index / 8;
    const std::size_t field = index % 8;
    for (const auto& [node, spec] : levels_) {
      const auto& map = outputs_.nodes[static_cast<std::size_t>(node)];
      const auto w = static_cast<std::size_t>(map.shape.w),
                 h = static_cast<std::size_t>(map.shape.h);
      const std::size_t rows = spec->anchors.size() * w * h;
      if (row >= rows) {
        row -= rows;
        continue;
      }
      const std::size_t anchor = row / (w * h), cell = row % (w * h);
      const double value = map.values[(anchor * 8 + field) * w * h + cell];
      const double stride = static_cast<double>(size_.width) / static_cast<double>(w);
      switch (field) {  // x and y: the layer has applied its scale_x_y
        case 0:
          return (static_cast<double>(cell % w) + value) * stride;
        case 1:
          return (static_cast<double>(cell / w) + value) * stride;
        case 2:
          return 4 * value * value * static_cast<double>(spec->anchors[anchor].w);
        case 3:
          return 4 * value * value * static_cast<double>(spec->anchors[anchor].h);
        default:
          return value;
      }
    }
    ADD_FAILURE() << "row beyond the heads";
    return 0;
  }

 private:
  Size size_;
  Program program_;
  Outputs outputs_;
  std::vector<std::pair<NodeId, const HeadSpec*>> levels_;
};

/// The greatest relative difference of the oracle's samples.
double difference(const Model& model) {
  const nlohmann::json expected = read_json(oracle("model-p5-small.json"));
  const Decoded decoded(model, {expected["input"][2], expected["input"][1]});
  double worst = 0;
  EXPECT_GE(expected["decoded"]["samples"].size(), 100U);
  for (const auto& sample : expected["decoded"]["samples"]) {
    const double value = sample[1];
    const double found = decoded.at(sample[0].get<std::size_t>());
    worst = std::max(worst, std::abs(found - value) / std::max(std::abs(value), 0.1));
  }
  return worst;
}

TEST(TorchModel, ComputesWhatTheOriginalDid) {
  TorchFile file = load_torch(oracle("p5-small.zip.pt"));
  EXPECT_LT(difference(model_of(file, "half")), 2e-2);  // its weights are rounded to 11 bits
  for (const auto& [name, tensor] : load_torch(oracle("p5-small.state_dict.pt")).tensors) {
    if (is_of_a_layer(name)) file.tensors.at(name) = tensor;
  }
  EXPECT_LT(difference(model_of(file, "full")), 2e-3);
}

TEST(TorchModel, EveryTensorCounts) {
  const TorchFile whole = load_torch(oracle("p5-small.zip.pt"));
  for (const char* name :
       {"model.2.bn.running_var", "model.31.m.1.bias", "model.11.cv5.conv.weight"}) {
    TorchFile file = whole;
    file.tensors.erase(name);
    EXPECT_THROW(model_of(file, "x"), Error) << name;
  }
  TorchFile surplus = whole;
  surplus.tensors.emplace("model.32.weight", Tensor({1, 4, 1, 1}));
  EXPECT_THROW(model_of(surplus, "x"), Error);
  TorchFile other = whole;
  other.tensors.at("model.0.conv.weight") = Tensor({32, 3, 1, 1});
  EXPECT_THROW(model_of(other, "x"), Error);
}

TEST(TorchModel, ForeignModulesAreRefusedByName) {
  ModuleList list = *load_torch(oracle("p5-small.zip.pt")).modules;
  list.rows[3].module = "C3";
  try {
    graph_of(list, "x.pt");
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_NE(error.where().item.find("C3"), std::string::npos) << error.where().item;
  }
}

}  // namespace
}  // namespace syolo::test
