// syolo convert: cfg + weights <-> model file. The result is loaded again and must compute the
// same bytes before it gets its name.

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/json.h"
#include "app/cli/setup.h"
#include "syolo/base/rng.h"
#include "syolo/graph/cfg.h"
#include "syolo/weights/formats/darknet.h"
#include "syolo/weights/formats/safetensors.h"
#include "syolo/weights/half.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

struct ConvertArgs {
  ModelArgs model;
  std::string out;
  int format = -1;
  bool half = false;
};

constexpr std::array<std::string_view, 2> kFormats = {"darknet", "safetensors"};
constexpr std::array<std::string_view, 2> kSuffixes = {".weights", ".safetensors"};

/// A folder beside the target that disappears with whatever is left in it.
class Workshop {
 public:
  explicit Workshop(const fs::path& target) {
    const fs::path parent = target.has_parent_path() ? target.parent_path() : fs::path(".");
    std::string name = (parent / ".syolo-convert-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw Error(
          ErrorKind::io,
          format("cannot write beside this file: {}", std::generic_category().message(errno)),
          {.file = target.string(), .item = "--out"});
    }
    path_ = name;
  }
  ~Workshop() {
    std::error_code ignored;  // nothing to be done about it, and the result stands
    fs::remove_all(path_, ignored);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

bool darknet_of(const ConvertArgs& args) {
  if (args.format >= 0) return kFormats[static_cast<std::size_t>(args.format)] == "darknet";
  const std::string suffix = fs::path(args.out).extension().string();
  if (suffix == kSuffixes[0]) return true;
  if (suffix == kSuffixes[1]) return false;
  throw Error(ErrorKind::usage,
              format("expected a name ending in .weights or .safetensors, found \"{}\"",
                     printable(args.out)),
              {.file = {}, .item = "--out"}, "or choose by --format darknet, --format safetensors");
}

/// Files to be made: made beside their place, then moved there.
struct Step {
  fs::path made, target;
};

void check_targets(const std::vector<Step>& steps, const Model& model) {
  for (const Step& step : steps) {
    std::error_code ignored;
    if (!fs::exists(step.target, ignored)) continue;
    for (const std::string& source :
         {model.origin.model_file, model.origin.weights_file, model.origin.names_file}) {
      if (!source.empty() && fs::equivalent(step.target, source, ignored)) {
        throw Error(ErrorKind::usage,
                    "expected another file than the model's own, found one of them",
                    {.file = step.target.string(), .item = "--out"});
      }
    }
    const bool named = &step == &steps.front();
    if (!named && read_text(step.target, Limits{}.text_bytes * 64) !=
                      read_text(step.made, Limits{}.text_bytes * 64)) {
      throw Error(ErrorKind::usage, "expected no other file of this name, found one",
                  {.file = step.target.string()}, "choose another --out, or move that file away");
    }
  }
}

std::vector<Step> write(const Model& model, bool darknet, const fs::path& folder,
                        const fs::path& target) {
  std::vector<Step> steps;
  const auto add = [&](const fs::path& name) -> const fs::path& {
    steps.push_back({folder / name.filename(), name});
    return steps.back().made;
  };
  if (!darknet) {
    save_model(add(target), model);
    return steps;
  }
  save_darknet(add(target), model.graph, model.weights, model.images_seen);
  write_file_atomic(add(fs::path(target).replace_extension(".cfg")), write_cfg(model.graph));
  if (!model.origin.names_file.empty()) {
    std::string names;
    for (const std::string& name : model.names) names += name + "\n";
    write_file_atomic(add(fs::path(target).replace_extension(".names")), names);
  }
  return steps;
}

/// Every output value for one seeded input, as bytes.
std::string outputs(const Model& model, const Globals& globals) {
  PlanOptions options;
  options.threads = globals.threads;
  options.tune = Tune::heuristic;  // both plans must choose alike
  Shape shape = model.graph.net().input;
  shape.n = 1;
  Session session(make_plan(model, shape, options));
  std::vector<float> input(static_cast<std::size_t>(shape.elements()));
  Rng rng(globals.seed, Stream::test);
  for (float& value : input) value = static_cast<float>(rng.uniform());
  std::string bytes;
  const auto append = [&bytes](float value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    bytes.append(raw, sizeof raw);
  };
  const std::span<const HeadView> heads = session.run(input);
  for (const HeadView& head : heads) {
    for (int c = 0; c < head.shape.c; ++c) {
      for (int y = 0; y < head.shape.h; ++y) {
        for (int x = 0; x < head.shape.w; ++x) append(head.at(c, y, x));
      }
    }
  }
  if (heads.empty()) {
    const auto last = static_cast<NodeId>(model.graph.nodes().size()) - 1;
    for (const float value : session.node_output(last).values()) append(value);
  }
  return bytes;
}

Exit run(const ConvertArgs& args, Console& out) {
  const bool darknet = darknet_of(args);
  Model model = load(args.model, out);
  if (args.half) {
    if (darknet) {
      throw Error(ErrorKind::usage, "expected --half with a model file, found .weights",
                  {.file = {}, .item = "--half"}, ".weights hold single precision alone");
    }
    model.weights = with_half_kernels(model.weights);
  }
  const fs::path target = args.out;
  const Workshop workshop(target);
  const std::vector<Step> steps = write(model, darknet, workshop.path(), target);
  check_targets(steps, model);

  ModelPaths again;
  again.model = (darknet ? steps[1].made : steps[0].made).string();
  if (darknet) again.weights = steps[0].made.string();
  const Model converted = load_model(again);
  const std::string before = outputs(model, out.globals);
  if (before != outputs(converted, out.globals)) {
    throw Error(ErrorKind::internal,
                "the converted model computes other values; nothing is written", {.file = args.out},
                "this is a bug of syolo");
  }
  Json files = Json::array();
  for (const Step& step : steps) {
    fs::rename(step.made, step.target);
    files.push_back(step.target.string());
  }
  const auto values = static_cast<std::int64_t>(before.size() / sizeof(float));
  if (out.globals.json) {
    out.print(document({{"model", fs::path(model.origin.model_file).filename().string()},
                        {"format", kFormats[darknet ? 0 : 1]},
                        {"files", files},
                        {"values_compared", values},
                        {"equal", true}}));
  } else {
    for (const Step& step : steps) out.print(printable(step.target.string(), 4000) + "\n");
    out.print(
        format("proof: {} output values of a random picture (seed {}) are equal, bit for bit\n",
               grouped(values), out.globals.seed));
  }
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<ConvertArgs>();
  add_model(cli, args->model);
  add_text(cli, "--out", args->out, "FILE",
           "NAME.weights (writes NAME.cfg too) or NAME.safetensors (required)")
      ->required();
  add_choice(cli, "--format", args->format, {kFormats.begin(), kFormats.end()}, "F",
             "darknet, safetensors (default: by the suffix of --out)");
  cli.add_flag("--half", args->half,
               "kernels in half precision, half the size; proof for the rounded ones");
  add_weights(cli, args->model);
  add_names(cli, args->model);
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command convert_command() {
  return {"convert",
          "",
          "cfg + weights <-> model file, with proof of equal outputs",
          "MODEL --out FILE [options]",
          "syolo convert models/yolo-fastest-1.1-xl.cfg --out yolo.safetensors",
          bind,
          /*computes=*/true};
}

}  // namespace syolo::cli
