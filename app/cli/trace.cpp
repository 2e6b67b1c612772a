// syolo trace: every layer's output for one picture or raw tensor, as .npy files and statistics.

#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/frames.h"
#include "app/cli/json.h"
#include "app/cli/npy.h"
#include "app/cli/setup.h"
#include "app/cli/training.h"
#include "syolo/graph/lower.h"
#include "syolo/image/preprocess.h"
#include "syolo/runtime/reference.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

struct TraceArgs {
  ModelArgs model;
  PlanArgs plan;
  std::string input, out;
  int backend = 0;
  bool ignore_exif = false;
};

constexpr std::array<std::string_view, 3> kBackends = {"engine", "reference", "train"};

/// A raw tensor is taken as it is; its sides become the network's input.
Tensor raw_input(const TraceArgs& args, const Graph& graph, Console& out) {
  if (looks_like_npy(MappedFile::open(args.input, Limits{}.file_bytes)->text())) {
    Tensor tensor = read_npy(args.input);
    ModelArgs sized = args.model;
    if (!sized.input) sized.input = Size{tensor.shape().w, tensor.shape().h};
    const Shape wanted = input_shape(graph, sized, out);
    if (tensor.shape() != wanted) {
      throw Error(ErrorKind::input,
                  format("expected an input of {} (channels, rows, columns), found {}",
                         to_text(wanted), to_text(tensor.shape())),
                  {.file = args.input}, "--input WxH changes what the network takes");
    }
    return tensor;
  }
  const Shape wanted = input_shape(graph, args.model, out);
  const auto file = MappedFile::open(args.input, Limits{}.tensor_bytes);
  if (static_cast<std::int64_t>(file->bytes().size()) != wanted.elements() * 4) {
    throw Error(
        ErrorKind::input,
        format("expected {} bytes (float32 of {}), found {}", grouped(wanted.elements() * 4),
               to_text(wanted), grouped(static_cast<std::int64_t>(file->bytes().size()))),
        {.file = args.input}, "--input WxH changes what the network takes");
  }
  std::vector<float> values(static_cast<std::size_t>(wanted.elements()));
  std::memcpy(values.data(), file->bytes().data(), file->bytes().size());
  return Tensor(wanted, std::move(values));
}

Tensor picture_input(const TraceArgs& args, const Graph& graph, Console& out) {
  const Shape shape = input_shape(graph, args.model, out);
  const Preprocess& how = graph.net().preprocess;
  Input input;
  input.name = input.path = args.input;
  const Image picture = decode_input(input, {how.channels, how.bits, args.ignore_exif});
  std::vector<float> values(static_cast<std::size_t>(shape.elements()));
  preprocess(picture.view(), how, {shape.w, shape.h}, values);
  return Tensor(shape, std::move(values));
}

Tensor read_input(const TraceArgs& args, const Graph& graph, Console& out) {
  std::error_code ignored;
  const bool raw = fs::path(args.input).extension() == ".f32" ||
                   (fs::is_regular_file(args.input, ignored) &&
                    looks_like_npy(MappedFile::open(args.input, Limits{}.file_bytes)->text()));
  return raw ? raw_input(args, graph, out) : picture_input(args, graph, out);
}

Json layer_json(NodeId node, const std::string& type, const Tensor& tensor, std::string file) {
  double sum = 0, squares = 0, low = 0, high = 0;
  bool first = true;
  for (const float value : tensor.values()) {
    const double v = static_cast<double>(value);
    sum += v;
    low = first || v < low ? v : low;
    high = first || v > high ? v : high;
    first = false;
  }
  const double count = std::max(1.0, static_cast<double>(tensor.values().size()));
  const double mean = sum / count;
  for (const float value : tensor.values()) {
    const double v = static_cast<double>(value) - mean;
    squares += v * v;
  }
  const Shape& shape = tensor.shape();
  return {{"index", node},
          {"type", type},
          {"shape", {shape.c, shape.h, shape.w}},
          {"mean", mean},
          {"std", std::sqrt(squares / count)},
          {"min", low},
          {"max", high},
          {"file", std::move(file)}};
}

using Visit = std::function<void(NodeId, const Tensor&)>;

void run_reference(const Model& model, const Tensor& input, const Visit& visit) {
  const Outputs outputs = interpret(lower(model.graph, input.shape()), model.weights, input);
  for (std::size_t i = 0; i < outputs.nodes.size(); ++i) {
    const Outputs::Node& node = outputs.nodes[i];
    visit(static_cast<NodeId>(i),
          Tensor(node.shape, std::vector<float>(node.values.begin(), node.values.end())));
  }
}

void run_engine(const Model& model, const Tensor& input, PlanOptions options, const Visit& visit) {
  options.keep_nodes = true;
  Session session(make_plan(model, input.shape(), options));
  session.run(input.values());
  for (std::size_t i = 0; i < model.graph.nodes().size(); ++i) {
    visit(static_cast<NodeId>(i), session.node_output(static_cast<NodeId>(i)));
  }
}

void run_training(const Model& model, const Tensor& input, const Visit& visit) {
  const std::vector<Tensor> layers = training().layers(model, input);
  for (std::size_t i = 0; i < layers.size(); ++i) visit(static_cast<NodeId>(i), layers[i]);
}

Exit run(const TraceArgs& args, Console& out) {
  const std::string_view backend = kBackends[static_cast<std::size_t>(args.backend)];
  if (backend != "engine" && (args.plan.precision != 0 || args.plan.tune)) {
    throw Error(ErrorKind::usage, "expected --precision and --tune with the engine only",
                {.file = {}, .item = format("--backend {}", backend)},
                backend == "train" ? "training's network computes in f32"
                                   : "the reference computes in double");
  }
  const Model model = load(args.model, out);
  const Tensor input = read_input(args, model.graph, out);
  std::error_code error;
  fs::create_directories(args.out, error);
  if (!fs::is_directory(args.out)) {
    throw Error(ErrorKind::io,
                error ? format("cannot create: {}", error.message())
                      : std::string("expected a folder, found a file"),
                {.file = args.out, .item = "--out"});
  }
  Json layers = Json::array();
  const Visit visit = [&](NodeId node, const Tensor& tensor) {
    const std::string file = format("{:03}.npy", node);
    write_npy(fs::path(args.out) / file, tensor);
    layers.push_back(layer_json(node, model.graph.node(node).section, tensor, file));
  };
  if (backend == "engine") {
    run_engine(model, input, args.plan.options(out.globals), visit);
  } else if (backend == "train") {
    run_training(model, input, visit);
  } else {
    run_reference(model, input, visit);
  }
  out.print(document({{"model", fs::path(model.origin.model_file).filename().string()},
                      {"backend", backend},
                      {"input", {input.shape().c, input.shape().h, input.shape().w}},
                      {"layers", std::move(layers)}}));
  out.note(format("{} layers in {}", model.graph.nodes().size(), printable(args.out, 4000)));
  return Exit::done;
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<TraceArgs>();
  add_model(cli, args->model);
  cli.add_option("input,--source", args->input, "a picture, or C,H,W floats: .npy or .f32")
      ->type_name("INPUT")
      ->required();
  add_text(cli, "--out", args->out, "DIR", "folder for 000.npy, 001.npy, ... (required)")
      ->required();
  add_choice(cli, "--backend", args->backend, {kBackends.begin(), kBackends.end()}, "B",
             "engine (default), reference: slow, in double, train: LibTorch");
  add_weights(cli, args->model);
  add_input(cli, args->model);
  cli.add_flag("--ignore-exif", args->ignore_exif, "do not turn the picture upright");
  add_plan(cli, args->plan);
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command trace_command() {
  return {"trace",
          "",
          "every layer's output as .npy files and statistics",
          "MODEL INPUT --out DIR [options]",
          "syolo trace models/yolo-fastest-1.1-xl.cfg demo/dog.jpg --out trace",
          bind,
          /*computes=*/true};
}

}  // namespace syolo::cli
