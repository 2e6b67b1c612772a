#include "syolo/zoo/theory.h"

#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "syolo/base/text.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"
#include "syolo/zoo/blocks_impl.h"
#include "syolo/zoo/models.h"
#include "syolo/zoo/picture.h"
#include "syolo/zoo/scaling.h"

namespace syolo {
namespace {

using zoo::Builder;

constexpr int kSide = 16, kWidth = 128;

/// A map of `in` channels, then what `body` adds to it; only that is counted.
PartWork work_of(int in, int side, const std::function<void(Builder&, NodeId)>& body) {
  Net net;
  net.input = {1, 3, side, side};
  Builder b(net, Dialect::darknet);
  const NodeId first = b.conv(-1, {.filters = in}, Act::linear());
  body(b, first);
  const Graph graph = b.take().graph;
  const Program program = lower(graph);
  const CostTable table = cost(graph, program);
  PartWork work;
  for (const LayerCost& layer : table.layers) {
    if (layer.node <= first) continue;
    work.macs += layer.macs;
    work.cio += layer.cio;
    work.traffic += layer.mac_traffic;
  }
  for (const Instr& instr : program.code) {
    const auto* conv = std::get_if<Conv>(&instr.op);
    if (conv == nullptr || instr.origin <= first || conv->kh == 1) continue;
    work.wide_macs += table.layers[static_cast<std::size_t>(instr.origin)].macs;
  }
  return work;
}

/// Work per cell in units of b^2.
double per_cell(std::int64_t macs, double b, int side = kSide) {
  return static_cast<double>(macs) / (double{1} * side * side * b * b);
}

struct LayerForm {
  Block block;
  std::string_view name;
  double plain, csp;  // of one layer, in units of w h b^2
};
constexpr std::array<LayerForm, 3> kLayers = {{{Block::resnet, "ResNet", 17.0 / 16, 13.0 / 16},
                                               {Block::resnext, "ResNeXt", 137.0 / 128, 73.0 / 128},
                                               {Block::darknet, "Darknet", 5, 2.5}}};
/// The four 1x1 of a CSP stage as built (two entries 1/2 each, 1/4 behind the layers, 1 behind the
/// joining); the paper's pair of transitions counts 3/4.
constexpr double kBuiltTransitions = 9.0 / 4, kPaperTransitions = 3.0 / 4;

Stage stage_of(Block block, int width, int depth, Csp csp) {
  return {.width = width, .depth = depth, .block = block, .csp = csp};
}

/// The paper's CSP stage, whose split costs nothing: half of the map through k layers and a 1x1 of
/// b/2, then a 1x1 from both halves to b/2.
PartWork paper_csp(Block block, int k) {
  return work_of(kWidth, kSide, [&](Builder& b, NodeId x) {
    const NodeId half = b.second_half(x);
    const Stage stage = stage_of(block, kWidth, k, Csp::none);
    const NodeId run = zoo::layers(b, half, stage, kWidth / 2, Act::linear()).out;
    const NodeId main = b.conv(run, {.filters = kWidth / 2}, Act::linear());
    b.conv(b.concat({main, half}), {.filters = kWidth / 2}, Act::linear());
  });
}

TheoryTable layers_table() {
  TheoryTable table{"Layers and their CSP versions", "w h b^2 MACs", {}};
  for (const LayerForm& form : kLayers) {
    for (const int k : {1, 2, 4, 8, 16}) {
      const double plain = per_cell(
          stage_work(stage_of(form.block, kWidth, k, Csp::none), kWidth, kSide).macs, kWidth);
      const double csp = per_cell(
          stage_work(stage_of(form.block, kWidth, k, Csp::half), kWidth, kSide).macs, kWidth);
      table.rows.push_back({format("{} x {}", form.name, k), plain, k * form.plain});
      table.rows.push_back(
          {format("CSP {} x {}", form.name, k), csp, kBuiltTransitions + k * form.csp});
      table.rows.push_back({"  the same with the paper's transitions",
                            per_cell(paper_csp(form.block, k).macs, kWidth),
                            kPaperTransitions + k * form.csp});
    }
    if (!table.remark.empty()) table.remark += '\n';
    table.remark += format(
        "{}: CSP is cheaper from k > {:.2f} as built, k > {:.2f} as in the paper; in the limit "
        "{:.1f} %.",
        form.name, kBuiltTransitions / (form.plain - form.csp),
        kPaperTransitions / (form.plain - form.csp), 100 * (form.csp / form.plain - 1));
  }
  return table;
}

/// How the work grows with image side alpha, depth beta, width gamma.
TheoryTable factors_table() {
  constexpr int kDepth = 4;
  struct Factors {
    int alpha, beta, gamma;
  };
  TheoryTable table{"Image side alpha, depth beta, width gamma", "times the work of k = 4", {}};
  for (const LayerForm& form : kLayers) {
    for (const Csp csp : {Csp::none, Csp::half}) {
      const auto macs = [&](const Factors& f) {
        const int b = kWidth * f.gamma;
        return static_cast<double>(
            stage_work(stage_of(form.block, b, kDepth * f.beta, csp), b, kSide * f.alpha).macs);
      };
      const double fixed = csp == Csp::none ? 0 : kBuiltTransitions;
      const double each = csp == Csp::none ? form.plain : form.csp;
      for (const Factors& f : {Factors{2, 1, 1}, {1, 2, 1}, {1, 1, 2}, {2, 2, 2}}) {
        // ResNeXt keeps 32 groups: its 3x3 grows with the width as the rest does.
        const double closed = f.alpha * f.alpha * f.gamma * f.gamma *
                              (fixed + f.beta * kDepth * each) / (fixed + kDepth * each);
        table.rows.push_back(
            {format("{}{} alpha {} beta {} gamma {}", csp == Csp::none ? "" : "CSP ", form.name,
                    f.alpha, f.beta, f.gamma),
             macs(f) / macs({1, 1, 1}), closed});
      }
    }
  }
  table.remark =
      "alpha^2 beta gamma^2 for plain layers; under CSP the transitions do not grow with beta.";
  return table;
}

TheoryTable aggregation_table() {
  constexpr int kB = 128, kG = 32;
  TheoryTable table{"Dense and one-shot aggregation, b = 128, g = 32", "w h MACs, 3x3 alone", {}};
  for (const int k : {3, 5, 8}) {
    Stage stage = stage_of(Block::dense, kB, k, Csp::none);
    stage.growth = kG;
    const auto cells = double{kSide} * kSide;
    table.rows.push_back({format("Dense k = {}", k),
                          static_cast<double>(stage_work(stage, kB, kSide).wide_macs) / cells,
                          9.0 * (k * kB * kG + kG * kG * k * (k - 1) / 2.0)});
    stage.block = Block::osa;
    table.rows.push_back({format("OSA k = {}", k),
                          static_cast<double>(stage_work(stage, kB, kSide).wide_macs) / cells,
                          9.0 * (kB * kG + (k - 1) * kG * kG)});
  }
  table.remark =
      "Dense is O(w h g b k), OSA O(max(w h b g, w h k g^2)): its layers see g channels, not b + i "
      "g.";
  return table;
}

/// One-shot aggregation in three designs of a tiny network: `base` channels enter the layers, the
/// transition works on the last `joined` of the new maps (0: on everything).
PartWork tiny_design(int b, int g, int k, bool split, int joined) {
  return work_of(b, kSide, [&](Builder& to, NodeId x) {
    NodeId at = split ? to.second_half(x) : x;
    std::vector<NodeId> maps = {at};
    for (int i = 0; i < k; ++i) {
      at = to.conv(at, {.filters = g, .size = 3}, Act::linear());
      maps.push_back(at);
    }
    if (joined > 0) maps.erase(maps.begin(), maps.end() - joined);
    const NodeId all = to.concat(maps);
    to.conv(all, {.filters = to.channels(all)}, Act::linear());
  });
}

TheoryTable traffic_table() {
  constexpr int kB = 64, kG = 32, kK = 3;
  struct Design {
    std::string_view name;
    bool split;
    int joined, base, transition;
  };
  constexpr std::array<Design, 3> kDesigns = {
      {{"OSA, no split", false, 0, kB, kB + kK * kG},
       {"CSP: base split off", true, kK, kB / 2, kK * kG},
       {"PCB: paths of equal width", true, 2, kB / 2, (kB / 2 + kK * kG) / 2}}};
  TheoryTable table{"Memory traffic of tiny designs, b = 64, g = 32, k = 3", "values per cell", {}};
  const double cells = double{kSide} * kSide;
  for (const Design& d : kDesigns) {
    const PartWork work = tiny_design(kB, kG, kK, d.split, d.joined);
    const double cio = d.base + kG + 2 * (kK - 1) * kG + 2 * d.transition;
    const double kernels =
        9.0 * (d.base * kG + (kK - 1) * kG * kG) + double{1} * d.transition * d.transition;
    table.rows.push_back({format("CIO, {}", d.name), static_cast<double>(work.cio) / cells, cio});
    table.rows.push_back({format("MAC, {}", d.name), static_cast<double>(work.traffic) / cells,
                          cio + kernels / cells});
  }
  table.remark =
      "PCB wins where k g > b/2. With b/2 + k g = 2 b and g = b/2: k = 3, yolov4-tiny's block.";
  return table;
}

TheoryTable equality_table() {
  constexpr int kProduct = 64 * 64;
  TheoryTable table{"A 3x3 convolution of fixed work: channels out / channels in",
                    "times the least traffic of maps",
                    {}};
  for (const int ratio : {1, 2, 4, 16}) {
    const int in = static_cast<int>(std::lround(64 / std::sqrt(ratio)));
    const int out = ratio == 2 ? 90 : kProduct / in;  // 45 x 90: the nearest whole pair
    const PartWork work = work_of(in, kSide, [&](Builder& to, NodeId x) {
      to.conv(x, {.filters = out, .size = 3}, Act::linear());
    });
    const double cells = double{kSide} * kSide, least = 2 * std::sqrt(double{1} * in * out);
    const double r = static_cast<double>(out) / in;
    table.rows.push_back({format("{} -> {}", in, out),
                          static_cast<double>(work.cio) / cells / least,
                          (1 + r) / (2 * std::sqrt(r))});
  }
  table.remark =
      "MAC >= (2/k) sqrt(h w B) + B/(h w) for work B, equal where channels in = channels out.";
  return table;
}

TheoryTable stage_table() {
  TheoryTable table{"A stage of CSPDarknet, k layers", "w h b^2 MACs", {}};
  for (const int k : {1, 2, 4, 8, 15}) {
    const double csp = per_cell(
        stage_work(stage_of(Block::darknet, kWidth, k, Csp::half), kWidth, kSide).macs, kWidth);
    const double plain = per_cell(
        stage_work(stage_of(Block::darknet, kWidth, k, Csp::none), kWidth, kSide).macs, kWidth);
    table.rows.push_back({format("Darknet k = {}: 5k", k), plain, 5.0 * k});
    table.rows.push_back({format("CSP k = {}: 9/4 + 5k/2", k), csp, 9.0 / 4 + 2.5 * k});
    table.rows.push_back({format("CSP k = {}: the paper's 9/4 + 3/4 + 5k/2", k), csp, 3 + 2.5 * k});
  }
  table.remark =
      "The graphs agree with 9/4 + 5k/2; the paper's form counts 3/4 more. CSP pays off from k > "
      "0.9 "
      "by the graphs, k > 1.2 by the paper: for both from k = 2.";
  return table;
}

/// GFLOPs of the neck's parts of a network at 608 x 608.
std::vector<double> neck_parts(std::string_view name) {
  Recipe r = recipe(name);
  r.input = {608, 608};
  const Blueprint built = blueprint(r);
  const CostTable table = cost(built.graph, lower(built.graph));
  std::vector<double> parts;
  for (const PartCost& part : part_costs(built, table)) {
    if (part.part.kind == NetworkPart::Kind::neck)
      parts.push_back(2e-9 * static_cast<double>(part.macs));
  }
  return parts;
}

TheoryTable neck_table() {
  // In units of a level's h w c^2: a group, and what brings its maps together.
  constexpr std::array<std::string_view, 5> kNames = {"SPP group P5", "up to P4", "up to P3",
                                                      "down to P4", "down to P5"};
  constexpr std::array<double, 5> kPan = {46, 44.5, 44.5, 46.5, 46.5},
                                  kCsp = {29, 27.5, 27.5, 29.5, 29.5};
  const std::vector<double> pan = neck_parts("yolov4"), csp = neck_parts("yolov4-csp");
  TheoryTable table{"The neck: yolov4's PAN and yolov4-csp's CSP-PAN at 608 x 608", "% saved", {}};
  double pan_sum = 0, csp_sum = 0, pan_closed = 0, csp_closed = 0;
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    table.rows.push_back(
        {std::string(kNames[i]), 100 * (1 - csp[i] / pan[i]), 100 * (1 - kCsp[i] / kPan[i])});
    pan_sum += pan[i], csp_sum += csp[i];
    pan_closed += kPan[i], csp_closed += kCsp[i];
  }
  table.rows.push_back(
      {"the whole neck", 100 * (1 - csp_sum / pan_sum), 100 * (1 - csp_closed / pan_closed)});
  table.remark = format(
      "A group alone falls from 42 to 25 w h c^2, 40.5 %: the paper's \"about 40 %\". Neck: {:.3f} "
      "to {:.3f} GFLOPs.",
      pan_sum, csp_sum);
  return table;
}

double gflops_of(const Recipe& r) {
  const Graph graph = build(r);
  return cost(graph, lower(graph)).gflops();
}

TheoryTable rules_table() {
  const Recipe base = recipe("yolov4-csp-swish");
  TheoryTable table{"Other rules on yolov4-csp-swish's blocks", "times the work of phi = 0", {}};
  const double net = gflops_of(base);
  for (const int phi : {1, 2, 3}) {
    const Recipe r = efficientnet_rule(base, phi);
    table.rows.push_back({format("EfficientNet phi {}: {}x{}", phi, r.input.width, r.input.height),
                          gflops_of(r) / net, std::pow(1.2 * 1.1 * 1.1 * 1.15 * 1.15, phi)});
  }
  const double det = gflops_of(efficientdet_rule(base, 0));
  for (const int phi : {1, 2, 3}) {
    const Recipe r = efficientdet_rule(base, phi);
    const double side = (512.0 + 128 * phi) / 512;
    table.rows.push_back({format("EfficientDet phi {}: {}x{}, neck {} x {}", phi, r.input.width,
                                 r.input.height, r.levels[0].width, r.neck.depth),
                          gflops_of(r) / det, side * side * std::pow(1.2 * 1.1 * 1.1, phi)});
  }
  for (const int depth : {13, 20}) {
    const RegnetRule rule{
        .depth = depth, .initial_width = 64, .slope = 1100.0 / depth, .quantisation = 2.5};
    std::string widths;
    for (const RegnetStage& s : regnet_stages(rule)) widths += format(" {}x{}", s.width, s.depth);
    table.rows.push_back({format("RegNet depth {}:{}", depth, widths),
                          gflops_of(regnet_rule(base, rule)) / net,
                          std::numeric_limits<double>::quiet_NaN()});
  }
  table.remark =
      "Closed forms hold for the backbone; whole layers, eights of channels and whole cells make "
      "the "
      "difference. RegNet has none.";
  return table;
}

}  // namespace

PartWork stage_work(Stage stage, int in, int side) {
  stage.down = Down::none;
  return work_of(in, side, [&](Builder& b, NodeId x) { zoo::stage(b, x, stage, Act::linear()); });
}

std::vector<TheoryTable> theory_tables() {
  return {layers_table(),   factors_table(), aggregation_table(), traffic_table(),
          equality_table(), stage_table(),   neck_table(),        rules_table()};
}

}  // namespace syolo
