// syolo scale: a member of the family at another depth, width, input or number of levels.

#include <array>
#include <cmath>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/cost_text.h"
#include "app/cli/datasets.h"
#include "app/cli/recipe_anchors.h"
#include "app/cli/setup.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/lower.h"
#include "syolo/zoo/picture.h"
#include "syolo/zoo/scaling.h"
#include "syolo/zoo/structure.h"
#include "syolo/zoo/theory.h"

namespace syolo::cli {
namespace {

constexpr int kAsItIs = -1;

struct ScaleArgs {
  std::string model, levels, activation, data, out, svg;
  std::optional<Size> input;
  double depth = 1, width = 1;
  int anchors = 0, classes = 0;
  int block = kAsItIs, csp = kAsItIs, fusion = kAsItIs, neck = kAsItIs, join = kAsItIs;
  bool sam = false, table = false;
};

[[noreturn]] void bad_levels(const std::string& text) {
  throw Error(ErrorKind::usage,
              format("expected levels such as 3-6, 6 or auto, found \"{}\"", printable(text)),
              {.file = {}, .item = "--levels"}, "P3 to P7");
}

/// "3-6", "6" (the topmost) or "auto" (by the input, as the published networks have it).
void set_levels(const std::string& text, const Recipe& base, Scaling& scaling) {
  if (text.empty()) return;
  if (text == "auto") {
    scaling.top_level = top_level_for(scaling.input.value_or(base.input));
    return;
  }
  const std::vector<std::string_view> ends = split(text, '-');
  std::vector<int> numbers;
  for (std::string_view end : ends) {
    if (end.starts_with('P') || end.starts_with('p')) end.remove_prefix(1);
    const std::optional<std::int64_t> number = parse_int(end);
    if (!number || *number < 1 || *number > 99) bad_levels(text);
    numbers.push_back(static_cast<int>(*number));
  }
  if (numbers.size() > 2) bad_levels(text);
  scaling.top_level = numbers.back();
  if (numbers.size() == 2) scaling.lowest_level = numbers.front();
}

template <class T>
std::optional<T> choice(int number) {
  if (number == kAsItIs) return std::nullopt;
  return static_cast<T>(number);
}

Structure structure_of(const ScaleArgs& args) {
  constexpr std::array kNecks = {NeckKind::fpn, NeckKind::pan, NeckKind::csp_pan, NeckKind::efm};
  Structure structure{.block = choice<Block>(args.block),
                      .csp = choice<Csp>(args.csp),
                      .fusion = choice<Fusion>(args.fusion),
                      .join = choice<Join>(args.join),
                      .sam = args.sam};
  if (args.neck != kAsItIs) structure.neck = kNecks.at(static_cast<std::size_t>(args.neck));
  return structure;
}

Recipe scaled_recipe(const ScaleArgs& args) {
  const Recipe base = restructured(recipe(args.model), structure_of(args));
  Scaling scaling{.depth = args.depth, .width = args.width, .input = args.input};
  scaling.anchors_per_level = args.anchors;
  scaling.classes = args.classes;
  if (!args.activation.empty()) {
    scaling.act = Act::find(args.activation);
    if (!scaling.act) {
      const std::string_view near = nearest(args.activation, Act::names());
      throw Error(ErrorKind::usage,
                  format("expected an activation, found \"{}\"", printable(args.activation)),
                  {.file = {}, .item = "--activation"},
                  format("{}all: syolo list activations",
                         near.empty() ? "" : format("did you mean \"{}\"? ", near)));
    }
  }
  set_levels(args.levels, base, scaling);
  return scaled(base, scaling);
}

Json parts_json(const std::vector<PartCost>& parts) {
  Json rows = Json::array();
  for (const PartCost& part : parts) {
    rows.push_back({{"kind", word(part.part.kind)},
                    {"label", part.part.label},
                    {"layers", {part.part.first, part.part.last}},
                    {"out", {part.out.c, part.out.h, part.out.w}},
                    {"parameters", part.parameters},
                    {"macs", part.macs}});
  }
  return rows;
}

std::string parts_table(const std::vector<PartCost>& parts, const CostTable& table) {
  std::string out = format("{:<6} {:<20} {:>9} {:>16} {:>12} {:>9} {:>6}\n", "part", "", "layers",
                           "output", "parameters", "GFLOPs", "%");
  for (const PartCost& p : parts) {
    out += format("{:<6} {:<20} {:>9} {:>16} {:>12} {:>9.3f} {:>6.1f}\n", word(p.part.kind),
                  p.part.label, format("{}-{}", p.part.first, p.part.last), to_text(p.out),
                  grouped(p.parameters), 2e-9 * static_cast<double>(p.macs),
                  100.0 * static_cast<double>(p.macs) / static_cast<double>(table.macs));
  }
  return out;
}

Json theory_row(const TheoryRow& row) {
  Json json = {{"what", trim(row.what)}, {"computed", rounded(row.computed, 6)}};
  if (std::isnan(row.closed)) return json;
  json["closed"] = rounded(row.closed, 6);
  json["difference"] = rounded(row.difference(), 6);
  return json;
}

std::string theory_line(const TheoryRow& row) {
  std::string line = format("{:<48} {:>12.3f}", row.what, row.computed);
  if (std::isnan(row.closed)) return line + "\n";
  const bool equal = std::abs(row.difference()) < 1e-9 * std::abs(row.closed);
  return line + format(" {:>12.3f} {:>11}\n", row.closed,
                       equal ? "0" : format("{:+.3f}", row.difference()));
}

Exit print_theory(Console& out) {
  Json tables = Json::array();
  for (const TheoryTable& table : theory_tables()) {
    Json rows = Json::array();
    std::string text = format("{}, in {}\n{:<48} {:>12} {:>12} {:>11}\n", table.title, table.unit,
                              "", "computed", "closed form", "difference");
    for (const TheoryRow& row : table.rows) {
      rows.push_back(theory_row(row));
      text += theory_line(row);
    }
    tables.push_back(
        {{"title", table.title}, {"unit", table.unit}, {"remark", table.remark}, {"rows", rows}});
    if (!out.globals.json) out.print(text + table.remark + "\n\n");
  }
  if (out.globals.json) out.print(document({{"tables", std::move(tables)}}));
  return Exit::done;
}

Exit run(const ScaleArgs& args, Console& out) {
  if (args.table) return print_theory(out);
  if (args.model.empty()) {
    throw Error(ErrorKind::usage, "expected NAME, found none", {}, "syolo list models names them");
  }
  Recipe r = scaled_recipe(args);
  check(r);
  if (!args.data.empty())
    fit_anchors(r, load_parts_for(args.data, out).front().data, out.globals.seed, out);
  const Blueprint built = blueprint(r);
  CostTable table = cost(built.graph, lower(built.graph));
  table.model = r.name;
  const std::vector<PartCost> parts = part_costs(built, table);
  if (out.globals.json) {
    Json json = cost_json(table);
    json["parts"] = parts_json(parts);
    out.print(document(json));
  } else {
    out.print(parts_table(parts, table) + "\n" + cost_totals(table));
  }
  if (!args.out.empty()) {
    write_file_atomic(args.out, write_cfg(built.graph));
    out.note("written: " + printable(args.out));
  }
  if (!args.svg.empty()) {
    write_file_atomic(args.svg, network_svg(built, table));
    out.note("written: " + printable(args.svg));
  }
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<ScaleArgs>();
  add_text(cli, "model,--model", args->model, "NAME", "a network of the zoo: syolo list models");
  add_real(cli, "--depth", args->depth, 0.01, 16, "D", "layers of each stage, times D (default 1)");
  add_real(cli, "--width", args->width, 0.01, 16, "W",
           "channels, times W, up to a multiple of 8 (default 1)");
  add_size(cli, "--input", args->input, "network input (default: the network's)");
  add_text(cli, "--levels", args->levels, "L", "3-6, 6 (the topmost) or auto (by the input)");
  add_text(cli, "--activation", args->activation, "A", "of backbone and neck: mish, leaky, swish");
  add_int(cli, "--anchors", args->anchors, 1, 16, "N", "anchors of each level");
  add_int(cli, "--classes", args->classes, 1, 10'000, "N", "classes (default 80)");
  add_text(cli, "--data", args->data, "DATASET", "find the anchors in its training part");
  add_choice(cli, "--block", args->block,
             {"plain", "darknet", "resnet", "resnext", "dense", "osa", "osa-pcb", "inverted"}, "B",
             "stage: plain, darknet, resnet, resnext, dense, osa, osa-pcb, inverted");
  add_choice(cli, "--csp", args->csp, {"none", "half", "full"}, "C",
             "cross stage partial: none, half, full");
  add_choice(cli, "--fusion", args->fusion, {"both", "first", "last"}, "F",
             "CSP's transitions: both, first, last");
  add_choice(cli, "--neck", args->neck, {"fpn", "pan", "csp-pan", "efm"}, "N",
             "fpn, pan, csp-pan, efm (exact fusion, maxout)");
  add_choice(cli, "--join", args->join, {"concat", "sum", "weighted"}, "J",
             "of levels in pan and csp-pan: concat, sum, weighted (MiWRC)");
  cli.add_flag("--sam", args->sam, "heads gate themselves (SAM)");
  add_text(cli, "--out", args->out, "FILE", "write the cfg");
  add_text(cli, "--svg", args->svg, "FILE", "write a picture of the network");
  cli.add_flag("--table", args->table, "print the theory: computed costs beside closed forms");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command scale_command() {
  return {"scale",
          "",
          "a network of the family, larger or smaller, with its costs",
          "NAME [options] | --table",
          "syolo scale yolov4-csp --depth 0.67 --width 0.75 --input 512",
          bind};
}

}  // namespace syolo::cli
