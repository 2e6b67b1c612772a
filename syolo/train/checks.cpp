#include "syolo/train/checks_impl.h"

#include <algorithm>

#include "syolo/graph/classifier.h"
#include "syolo/graph/lower.h"

namespace syolo::train {
namespace {

[[noreturn]] void refuse(std::string_view wanted, const std::string& found) {
  throw Error(ErrorKind::data_refused,
              format("expected pictures {} to train on, found {}", wanted, found), {},
              "syolo lint DATASET says what is wrong with it");
}

void check_boxes(const Dataset& data) {
  std::int64_t boxes = 0;
  for (const Item& item : data.items) boxes += std::ssize(item.truths);
  if (boxes > 0) return;
  if (!data.items.empty() && data.items[0].cls >= 0) {
    refuse("with boxes", "pictures in folders of classes, for networks that end in [softmax]");
  }
  refuse("with boxes", data.items.empty()
                           ? std::string("no picture")
                           : format("{} pictures without any box", data.items.size()));
}

/// What only detectors learn by is refused, not passed over.
void check_classes(const Model& model, const Dataset& data, const TrainOptions& options) {
  const Node& last = model.graph.nodes().back();
  const auto& softmax = std::get<Activate>(lower(model.graph).code.back().op);
  if (softmax.groups != 1 || softmax.temperature != 1 || last.shape.h * last.shape.w != 1) {
    throw Error(ErrorKind::unsupported,
                "expected one [softmax] over all classes of a picture to train, found another",
                last.where, "groups=1, temperature=1 and a pooled picture before it");
  }
  if (data.items.empty()) refuse("in folders of classes", "no picture");
  const auto unnamed = std::ranges::count_if(data.items, [](const Item& i) { return i.cls < 0; });
  if (unnamed > 0) {
    refuse("in folders of classes",
           format("{} that are not in one: this network ends in [softmax]", unnamed));
  }
  require(!options.teacher && !options.image_weights && options.adversarial == 0,
          "expected a network with [yolo] heads for --teacher, --image-weights and adversarial, "
          "found a classifier");
}

/// A teacher answers for the same slots as the network.
void check_teacher(const Model& model, const Model& teacher, const TrainOptions& options) {
  const Shape input{1, model.graph.net().input.c, options.input.height, options.input.width};
  const auto slots = [&](const Graph& graph) {
    std::vector<std::string> all;
    const Program program = lower(graph, input);
    for (const HeadNode& head : heads(program)) {
      const Shape& shape = program.shape(program.node_values[static_cast<std::size_t>(head.node)]);
      all.push_back(format("{}x{} cells of {} anchors and {} classes", shape.w, shape.h,
                           head.spec->anchors.size(), head.spec->classes));
    }
    return all;
  };
  const std::vector<std::string> own = slots(model.graph), others = slots(teacher.graph);
  require(own.size() == others.size(), "--teacher: expected {} heads, found {}", own.size(),
          others.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    require(own[i] == others[i], "--teacher: expected head {} of {}, found {}", i + 1, own[i],
            others[i]);
  }
}

void check_options(const Graph& graph, const TrainOptions& options) {
  require(options.cbn <= 1 || options.place.ranks == 1,
          "cbn: expected one process, found {}: it counts the batches of its own",
          options.place.ranks);
  require(options.cbn <= 1 || options.cmbn == 0, "expected cbn or cmbn, found both");
  require(options.batch >= options.place.ranks,
          "expected a batch of a picture at least for each of {} processes, found {}",
          options.place.ranks, options.batch);
  const auto layers = std::ssize(graph.nodes());
  require(options.freeze < layers, "--freeze: expected fewer than all {} layers, found {}", layers,
          options.freeze);
  const int multiple = greatest_stride(graph);
  require(options.input.width % multiple == 0 && options.input.height % multiple == 0,
          "expected sides that are multiples of {}, found {}x{}", multiple, options.input.width,
          options.input.height);
}

}  // namespace

std::vector<HeadSpec> heads_of(const Graph& graph) {
  std::vector<HeadSpec> specs;
  const Program program = lower(graph);
  for (const HeadNode& head : heads(program)) specs.push_back(*head.spec);
  return specs;
}

void check(const Model& model, const Dataset& data, const TrainOptions& options) {
  SYOLO_ASSERT(options.epochs > 0 && options.batch > 0, "completed() options");
  const bool classifies = is_classifier(model.graph);
  require(classifies || !heads_of(model.graph).empty(),
          "expected a network with [yolo] heads, or [softmax] at its end, found neither");
  const int classes = class_count(model.graph);
  require(classes == std::ssize(data.names),
          "expected a network of the dataset's {} classes, found one of {}", data.names.size(),
          classes);
  if (classifies) {
    check_classes(model, data, options);
  } else {
    check_boxes(data);
  }
  check_options(model.graph, options);
  if (options.teacher) check_teacher(model, *options.teacher, options);
}

}  // namespace syolo::train
