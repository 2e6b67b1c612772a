#include "app/cli/train_inputs.h"

#include <algorithm>
#include <utility>

#include "app/cli/datasets.h"
#include "app/cli/pictures.h"
#include "app/cli/results.h"
#include "syolo/eval/top.h"
#include "syolo/graph/lower.h"
#include "syolo/graph/rewrite.h"
#include "syolo/weights/transfer.h"
#include "syolo/zoo/scaling.h"

namespace syolo::cli {
namespace {

Sets load_sets(const std::string& path, Console& out) {
  Sets sets;
  bool found = false;
  std::vector<Part> parts = load_parts_for(path, out);
  for (Part& part : parts) {
    if (part.split == Split::val) sets.val = std::move(part.data);
    if (part.split != Split::train && part.split != Split::all) continue;
    sets.train = std::move(part.data);
    found = true;
  }
  require(found, "expected a part to train on in {}, found none", path);
  if (sets.val.items.empty()) {
    out.warn("the dataset has no part \"val\": AP is measured on the training pictures");
    sets.val = sets.train;
  }
  return sets;
}

/// The first pictures alone, to train on and to measure: a network that cannot learn these has a
/// fault, or its input is too small for them.
void keep_first(int count, Sets& sets) {
  const auto most = static_cast<std::size_t>(count);
  if (sets.train.items.size() > most) sets.train.items.resize(most);
  sets.val = sets.train;
}

void refuse_unmeasurable(const Dataset& val, const std::string& path) {
  if (boxes_in(val) > 0) return;
  throw Error(ErrorKind::data_refused, "expected boxes to measure AP on, found none",
              {.file = path, .item = "val"}, "a search needs them to choose");
}

/// All classes as one.
void join_classes(Sets& sets) {
  for (Dataset* data : {&sets.train, &sets.val}) {
    data->names = {"object"}, data->class_ids = {0};
    for (Item& item : data->items) {
      for (Truth& truth : item.truths) truth.cls = 0;
    }
  }
}

/// A network of the zoo, without weights for the dataset's classes, or what the files hold.
Model start_model(const TrainArgs& args, int classes, Console& out) {
  const FoundModel found = find_model(args.model.model);
  if (found.zoo == nullptr) {
    ModelArgs model = args.model;
    model.partial_weights = true;
    return load(model, out, WithoutWeights::random);
  }
  Scaling scaling;
  if (args.model.weights.empty()) scaling.classes = classes;
  ModelPaths paths;
  paths.model = found.path, paths.weights = args.model.weights;
  paths.random_weights = paths.partial_weights = true, paths.seed = out.globals.seed;
  return load_model(build(scaled(found.zoo->recipe(), scaling)), paths);
}

/// Layers that the weights file did not reach.
std::set<NodeId> not_loaded(const Model& model) {
  if (model.origin.format == "random") return nodes_with_weights(model.graph);
  std::set<NodeId> missing;
  for (const NodeId node : nodes_with_weights(model.graph)) {
    if (node >= model.origin.layers_loaded) missing.insert(node);
  }
  return missing;
}

/// Layers whose weights are random: those without any, or heads that are new.
std::set<NodeId> fit_classes(Model& model, int classes, const std::string& name, Console& out) {
  const int found = class_count(model.graph);
  const bool is_random = model.origin.format == "random";
  std::set<NodeId> missing = not_loaded(model);
  if (found == classes) return missing;
  if (is_random || found == 0) {
    throw Error(
        ErrorKind::input,
        format("expected a network of the dataset's {} classes, found one of {}", classes, found),
        {.file = name, .item = {}}, format("syolo scale NAME --classes {} writes one", classes));
  }
  model.graph = with_classes(model.graph, classes);
  Transferred fitted = transferred(model.weights, model.graph, out.globals.seed);
  model.weights = std::move(fitted.weights), model.images_seen = 0;
  out.note(format("{}: weights of {} classes; the {} layers before the heads start anew for {}",
                  printable(name), found, fitted.random.size(), classes));
  missing.merge(fitted.random);
  return missing;
}

/// The first layers of another model instead of the start's, as far as both have the same.
void take_backbone(const std::string& name, Start& start, Console& out) {
  ModelArgs backbone;
  backbone.model = name, backbone.partial_weights = true;
  const Model from = load(backbone, out);
  const int common =
      std::min(common_layers(from.graph, start.model.graph), from.origin.layers_loaded);
  require(common > 0, "--backbone: expected a network that begins like the one to train, found {}",
          printable(name));
  for (const auto& [id, tensor] : from.weights.all()) {
    if (id.node < common) start.model.weights.set(id, tensor);
  }
  std::erase_if(start.random, [&](NodeId node) { return node < common; });
  out.note(format("the first {} of {} layers start with the weights of {}", common,
                  start.model.graph.nodes().size(), printable(name)));
}

}  // namespace

Sets training_sets(const TrainArgs& args, Console& out) {
  Sets sets = load_sets(args.data, out);
  if (args.resume.empty()) refuse_unusable(sets.train, args.max_unusable, args.data);
  if (args.overfit > 0) keep_first(args.overfit, sets);
  if (args.in_search) refuse_unmeasurable(sets.val, args.data);
  if (args.single_class && has_picture_classes(sets.train)) {
    contradiction("--single-class", "expected a dataset with boxes, found pictures by class",
                  "leave the option out");
  }
  if (args.single_class) join_classes(sets);
  return sets;
}

AugmentOptions without_changes(const AugmentOptions& augmentation) {
  AugmentOptions a;  // what no recipe does by itself is off
  a.recipe = augmentation.recipe, a.letterbox = augmentation.letterbox;
  a.hsv_h = a.hsv_s = a.hsv_v = a.translate = a.scale = a.fliplr = a.mosaic = a.mixup = 0;
  a.jitter = a.hue = 0, a.resize = a.saturation = a.exposure = 1, a.flip = false;
  return a;
}

std::set<std::string> picture_folders(const Sets& sets) {
  std::set<std::string> folders;
  for (const Dataset* data : {&sets.train, &sets.val}) {
    for (const Item& item : data->items) folders.insert(item.image.parent_path().string());
  }
  return folders;
}

std::shared_ptr<const Model> teacher_for(const TrainArgs& args, const Dataset& data, Console& out) {
  if (args.teacher.empty()) return nullptr;
  ModelArgs name;
  name.model = args.teacher;
  auto teacher = std::make_shared<Model>(load(name, out));
  require(class_count(teacher->graph) == std::ssize(data.names),
          "--teacher: expected a network of the dataset's {} classes, found one of {}",
          data.names.size(), class_count(teacher->graph));
  return teacher;
}

Start start_for(const TrainArgs& args, const Dataset& data, Console& out) {
  const int classes = static_cast<int>(data.names.size());
  Start start{start_model(args, classes, out), {}};
  Model& model = start.model;
  start.random = fit_classes(model, classes, args.model.model, out);
  if (!args.backbone.empty() && args.resume.empty()) take_backbone(args.backbone, start, out);
  model.names = data.names;
  Net net = model.graph.net();
  const Shape input = input_shape(model.graph, args.model, out);
  net.input.w = input.w, net.input.h = input.h;
  if (static_cast<TrainRecipe>(args.recipe) == TrainRecipe::scaled_yolov4) {
    net.preprocess = letterboxed(net.preprocess);
  }
  model.graph.set_net(std::move(net));
  return start;
}

}  // namespace syolo::cli
