// syolo cost: what a network weighs and works, layer by layer. Reads a model, runs nothing.

#include <memory>

#include "app/cli/command.h"
#include "app/cli/cost_text.h"
#include "app/cli/setup.h"
#include "syolo/graph/cost.h"
#include "syolo/graph/lower.h"

namespace syolo::cli {
namespace {

struct CostArgs {
  ModelArgs model;
  bool layers = false;
};

/// "3x3/2 32": window, stride and filters of the first instruction of a layer that has them.
std::string window(const Program& program, NodeId node) {
  for (const Instr& instr : program.code) {
    if (instr.origin != node) continue;
    if (const auto* conv = std::get_if<Conv>(&instr.op)) {
      const std::string groups = conv->groups > 1 ? format(" g{}", conv->groups) : std::string();
      return format("{}x{}/{}{}", conv->kh, conv->kw, conv->stride_x, groups);
    }
    if (const auto* pool = std::get_if<Pool>(&instr.op)) {
      return pool->depth > 0 ? std::string("depth")
                             : format("{}x{}/{}", pool->kh, pool->kw, pool->stride_x);
    }
    if (const auto* up = std::get_if<Upsample>(&instr.op)) return format("x{}", up->stride);
  }
  return {};
}

std::string sources(const Node& node, NodeId self) {
  if (node.src.size() == 1 && node.src[0] == self - 1) return {};
  std::string out;
  for (const NodeId src : node.src) {
    out += (out.empty() ? "from " : ", ") + (src < 0 ? std::string("input") : format("{}", src));
  }
  return out;
}

/// The listing that users of Darknet know.
std::string listing(const CostTable& table, const Graph& graph, const Program& program) {
  std::string out = format("{:>4}  {:<16} {:<12} {:>15}    {:>15} {:>9}\n", "#", "type", "window",
                           "input", "output", "GFLOPs");
  for (const LayerCost& layer : table.layers) {
    const Node& node = graph.node(layer.node);
    const NodeId from = node.src.empty() ? -1 : node.src[0];
    const Shape in = from < 0 ? table.input : table.layers[static_cast<std::size_t>(from)].out;
    const std::string flops =
        layer.flops > 0 ? format("{:.3f}", 1e-9 * static_cast<double>(layer.flops)) : "";
    std::string line = format("{:>4}  {:<16} {:<12} {:>15} -> {:>15} {:>9}  {}", layer.node,
                              layer.type, window(program, layer.node), to_text(in),
                              to_text(layer.out), flops, sources(node, layer.node));
    line.resize(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string full_table(const CostTable& table) {
  std::string out = format(
      "{:>4}  {:<16} {:>15} {:>12} {:>14} {:>10} {:>10} {:>12} {:>12} {:>6} {:>6}\n", "#", "type",
      "output", "parameters", "MACs", "read KiB", "write KiB", "traffic", "CIO", "stride", "view");
  for (const LayerCost& layer : table.layers) {
    out += format("{:>4}  {:<16} {:>15} {:>12} {:>14} {:>10} {:>10} {:>12} {:>12} {:>6} {:>6}\n",
                  layer.node, layer.type, to_text(layer.out), grouped(layer.parameters),
                  grouped(layer.macs), grouped(layer.bytes_read / 1024),
                  grouped(layer.bytes_written / 1024), grouped(layer.mac_traffic),
                  grouped(layer.cio), layer.stride, layer.field_of_view);
  }
  return out;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<CostArgs>();
  add_model(cli, args->model);
  add_input(cli, args->model);
  cli.add_flag("--layers", args->layers,
               "per layer also parameters, bytes, memory traffic, stride, field of view");
  return [args](Console& out) {
    if (args->layers && out.globals.json) {
      throw Error(ErrorKind::usage, "expected --layers or --json, found both",
                  {.file = {}, .item = "--layers"},
                  "JSON holds every layer anyway: leave out --layers");
    }
    const auto [name, graph, cfg] = load_graph(args->model, out);
    const Program program = lower(graph, input_shape(graph, args->model, out));
    CostTable table = cost(graph, program);
    table.model = name;
    if (out.globals.json) {
      out.print(document(cost_json(table)));
    } else {
      out.print(args->layers ? full_table(table) : listing(table, graph, program));
      out.print("\n" + cost_totals(table));
    }
    return Exit::done;
  };
}

}  // namespace

Command cost_command() {
  return {"cost",
          "info",
          "layers, parameters, FLOPs and memory of a network",
          "MODEL [options]",
          "syolo cost models/yolo-fastest-1.1-xl.cfg --input 416",
          bind};
}

}  // namespace syolo::cli
