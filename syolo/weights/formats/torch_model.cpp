// ScaledYOLOv4's modules as a Darknet network: each becomes the sections that compute the same,
// in the order in which the zoo has them, and its tensors get the layers' names.
//
// A CSP module normalises the join of its two paths. Batch normalisation treats channels apart, so
// its second half is that of the plain convolution of the bypass; the first half is that of the
// plain convolution before it, or where there is none (BottleneckCSP2, SPPCSP) a layer of its own.

#include <algorithm>
#include <array>
#include <cmath>

#include "syolo/base/text.h"
#include "syolo/graph/cfg.h"
#include "syolo/graph/number_text.h"
#include "syolo/weights/formats/torch_file.h"
#include "syolo/weights/model_impl.h"
#include "syolo/weights/values_impl.h"

namespace syolo {
namespace {

constexpr int kDeepest = 1000;  // repeats of a module

/// Where a parameter comes from: values first..first+count of a tensor, all for count 0.
struct Source {
  NodeId node;
  Role role;
  std::string tensor;
  int first = 0, count = 0;
};

struct Translation {
  std::string cfg;
  std::vector<Source> sources;
};

class Translator {
 public:
  explicit Translator(const ModuleList& list) : list_(list) {
    require(list.classes >= 1 && list.classes <= 100'000, "expected 1 to 100,000 classes, found {}",
            list.classes);
    require(list.depth > 0 && list.depth <= 100 && list.width > 0 && list.width <= 100,
            "expected multiples in 0..100, found {} and {}", list.depth, list.width);
    require(!list.anchors.empty() && list.anchors.size() <= 16,
            "expected anchors of 1 to 16 levels");
    for (const std::vector<double>& level : list.anchors) {
      require(!level.empty() && level.size() % 2 == 0 && level.size() == list.anchors[0].size(),
              "expected as many anchors at each level");
    }
    outputs_ = static_cast<int>(list.anchors[0].size() / 2) * (list.classes + 5);
  }

  Translation run() {
    require(list_.rows.size() <= 1000, "expected at most 1,000 rows, found {}", list_.rows.size());
    for (std::size_t i = 0; i < list_.rows.size(); ++i) {
      with_where({.file = {}, .item = format("module {}, {}", i, list_.rows[i].module)}, [&] {
        row_ = static_cast<int>(i);
        module(list_.rows[i]);
      });
    }
    require(detects_, "expected Detect as the last module, found none");
    return {head() + cfg_, std::move(sources_)};
  }

 private:
  struct Map {
    NodeId node = -1;
    int channels = 3;
  };

  // -- sections -------------------------------------------------------------------------------

  NodeId section(std::string_view name, const std::string& keys) {
    cfg_ += format("\n[{}]\n{}", name, keys);
    return nodes_++;
  }
  void from(NodeId node) {
    if (node != nodes_ - 1) section("route", format("layers={}\n", node));
  }
  void source(NodeId node, Role role, std::string tensor, int first = 0, int count = 0) {
    sources_.push_back({node, role, std::move(tensor), first, count});
  }
  void norm(NodeId node, const std::string& name, int first, int count) {
    source(node, Role::scale, name + ".weight", first, count);
    source(node, Role::bias, name + ".bias", first, count);
    source(node, Role::mean, name + ".running_mean", first, count);
    source(node, Role::variance, name + ".running_var", first, count);
  }

  struct Conv {
    int filters = 1, size = 1, stride = 1;
  };
  /// A convolution, its normalisation rows first..first+filters of the tensors `norm_name`.
  Map conv(Map src, const Conv& shape, const std::string& kernel, const std::string& norm_name,
           int first = 0) {
    require(shape.filters >= 1 && shape.filters <= 65'536,
            "expected 1 to 65,536 channels, found {}", shape.filters);
    require(shape.size >= 1 && shape.size <= 15 && (shape.stride == 1 || shape.stride == 2),
            "expected a window of 1 to 15 and stride 1 or 2, found {} and {}", shape.size,
            shape.stride);
    from(src.node);
    const NodeId node = section(
        "convolutional",
        format(
            "batch_normalize=1\nfilters={}\nsize={}\nstride={}\npad=1\nactivation={}\nepsilon={}\n",
            shape.filters, shape.size, shape.stride, list_.activation, number(list_.epsilon)));
    source(node, Role::kernel, kernel);
    norm(node, norm_name, first, shape.filters);
    return {node, shape.filters};
  }
  /// The module Conv: kernel and normalisation under one name.
  Map conv(Map src, const Conv& shape, const std::string& name) {
    return conv(src, shape, name + ".conv.weight", name + ".bn");
  }

  Map concat(const std::vector<Map>& maps) {
    Map joined{-1, 0};
    std::string layers;
    for (const Map& map : maps) {
      layers += format("{}{}", layers.empty() ? "" : ",", map.node);
      joined.channels += map.channels;
    }
    joined.node = section("route", format("layers={}\n", layers));
    return joined;
  }

  static std::string number(double value) { return shortest(static_cast<float>(value)); }

  // -- modules --------------------------------------------------------------------------------

  std::string prefix() const { return format("model.{}", row_); }

  Map input(const ModuleRow& row, std::size_t i = 0) const {
    require(i < row.from.size(), "expected {} sources, found {}", i + 1, row.from.size());
    const int index = row.from[i] < 0 ? row_ + row.from[i] : row.from[i];
    require(index >= -1 && index < row_, "expected a source before this module, found {}", index);
    return index < 0 ? Map{} : maps_[static_cast<std::size_t>(index)];
  }
  int argument(const ModuleRow& row, std::size_t i, int fallback) const {
    if (i >= row.args.size()) return fallback;
    require(row.args[i] == std::floor(row.args[i]) && std::abs(row.args[i]) < 1e6,
            "expected a whole number as argument {}, found {}", i + 1, row.args[i]);
    return static_cast<int>(row.args[i]);
  }
  /// Channels scaled by width to multiples of 8; what happens to be a head's count stays.
  int channels(const ModuleRow& row) const {
    const int given = argument(row, 0, 0);
    if (given == outputs_) return given;
    return static_cast<int>(std::ceil(given * list_.width / 8)) * 8;
  }
  int repeats(const ModuleRow& row) const {
    if (row.repeats <= 1) return row.repeats;
    const double scaled = std::nearbyint(row.repeats * list_.depth);  // half to even
    require(scaled <= kDeepest, "expected at most {} repeats, found {}", kDeepest, scaled);
    return std::max(static_cast<int>(scaled), 1);
  }

  void module(const ModuleRow& row) {
    require(!detects_, "expected Detect as the last module, found another behind it");
    require(!row.from.empty(), "expected a source, found none");
    if (row.module == "Detect" || row.module == "models.yolo.Detect") return detect(row);
    maps_.push_back(output(row));
  }

  Map output(const ModuleRow& row) {
    const Map src = input(row);
    if (row.module == "Conv") {
      require(row.repeats == 1, "expected Conv once, found {} times", row.repeats);
      return conv(src, {channels(row), argument(row, 1, 1), argument(row, 2, 1)}, prefix());
    }
    if (row.module == "BottleneckCSP") return csp(src, channels(row), repeats(row));
    if (row.module == "BottleneckCSP2") return csp2(src, channels(row), repeats(row));
    if (row.module == "SPPCSP") return spp_csp(src, channels(row));
    if (row.module == "Bottleneck") return bottlenecks(src, channels(row), repeats(row));
    if (row.module == "nn.Upsample") {
      require(argument(row, 1, 2) == 2, "expected an upsample by 2");
      from(src.node);
      return {section("upsample", "stride=2\n"), src.channels};
    }
    if (row.module == "Concat") {
      std::vector<Map> maps;
      for (std::size_t i = 0; i < row.from.size(); ++i) maps.push_back(input(row, i));
      return concat(maps);
    }
    throw Error(ErrorKind::unsupported,
                "expected Conv, Bottleneck, BottleneckCSP, BottleneckCSP2, SPPCSP, nn.Upsample, "
                "Concat or Detect, found another module",
                {}, "networks of yolov4-csp, P5, P6 and P7 can be read");
  }

  /// 1x1, 3x3 and the sum with their input.
  Map residual(Map x, int hidden, const std::string& name) {
    const Map inner = conv(x, {.filters = hidden}, name + ".cv1");
    const Map out = conv(inner, {.filters = x.channels, .size = 3}, name + ".cv2");
    return {section("shortcut", format("from={}\nactivation=linear\n", x.node)), out.channels};
  }
  /// 1x1, 3x3 without a sum.
  Map pair(Map x, const std::string& name) {
    const Map inner = conv(x, {.filters = x.channels}, name + ".cv1");
    return conv(inner, {.filters = x.channels, .size = 3}, name + ".cv2");
  }

  Map bottlenecks(Map x, int width, int count) {
    require(x.channels == width, "expected {} channels as at its input, found {}", x.channels,
            width);
    const std::string name = prefix();
    for (int i = 0; i < count; ++i) {
      x = residual(x, width / 2, count == 1 ? name : format("{}.{}", name, i));
    }
    return x;
  }

  Map csp(Map x, int width, int count) {
    const std::string name = prefix();
    const int half = width / 2;
    const Map bypass = conv(x, {.filters = half}, name + ".cv2.weight", name + ".bn", half);
    Map main = conv(x, {.filters = half}, name + ".cv1");
    for (int i = 0; i < count; ++i) main = residual(main, half, format("{}.m.{}", name, i));
    main = conv(main, {.filters = half}, name + ".cv3.weight", name + ".bn");
    return conv(concat({main, bypass}), {.filters = width}, name + ".cv4");
  }

  Map csp2(Map x, int width, int count) {
    const std::string name = prefix();
    x = conv(x, {.filters = width}, name + ".cv1");
    const Map bypass = conv(x, {.filters = width}, name + ".cv2.weight", name + ".bn", width);
    Map main = x;
    for (int i = 0; i < count; ++i) main = pair(main, format("{}.m.{}", name, i));
    return conv(concat({normalized(main, name), bypass}), {.filters = width}, name + ".cv3");
  }

  Map spp_csp(Map x, int width) {
    const std::string name = prefix();
    const Map bypass = conv(x, {.filters = width}, name + ".cv2.weight", name + ".bn", width);
    Map main = conv(x, {.filters = width}, name + ".cv1");
    main = conv(main, {.filters = width, .size = 3}, name + ".cv3");
    main = conv(main, {.filters = width}, name + ".cv4");
    std::vector<Map> maps = {main};
    for (const int size : {5, 9, 13}) {
      from(main.node);
      maps.push_back({section("maxpool", format("size={}\nstride=1\n", size)), width});
    }
    main = conv(concat(maps), {.filters = width}, name + ".cv5");
    main = conv(main, {.filters = width, .size = 3}, name + ".cv6");
    return conv(concat({normalized(main, name), bypass}), {.filters = width}, name + ".cv7");
  }

  /// The first half of a join's normalisation, and its activation.
  Map normalized(Map x, const std::string& name) {
    from(x.node);
    const NodeId node = section("batchnorm", format("epsilon={}\n", number(list_.epsilon)));
    norm(node, name + ".bn", 0, x.channels);
    return {section("activation", format("activation={}\n", list_.activation)), x.channels};
  }

  void detect(const ModuleRow& row) {
    require(row.from.size() == list_.anchors.size(), "expected {} levels as anchors have, found {}",
            list_.anchors.size(), row.from.size());
    std::string anchors;
    const auto per_level = static_cast<int>(list_.anchors[0].size() / 2);
    for (const std::vector<double>& level : list_.anchors) {
      for (const double side : level) anchors += (anchors.empty() ? "" : ",") + number(side);
    }
    for (std::size_t i = 0; i < row.from.size(); ++i) {
      from(input(row, i).node);
      const NodeId node =
          section("convolutional",
                  format("filters={}\nsize=1\nstride=1\npad=1\nactivation=logistic\n", outputs_));
      source(node, Role::kernel, format("{}.m.{}.weight", prefix(), i));
      source(node, Role::bias, format("{}.m.{}.bias", prefix(), i));
      std::string mask;
      for (int k = 0; k < per_level; ++k) {
        mask += format("{}{}", k == 0 ? "" : ",", static_cast<int>(i) * per_level + k);
      }
      section("yolo",
              format("mask={}\nanchors={}\nclasses={}\nnum={}\nscale_x_y=2.0\nnew_coords=1\n", mask,
                     anchors, list_.classes, per_level * static_cast<int>(list_.anchors.size())));
    }
    detects_ = true;
  }

  /// The sizes that the published networks of as many levels were trained at.
  std::string head() const {
    const std::size_t levels = list_.anchors.size();
    const bool csp = levels <= 3 && list_.anchors[0].size() <= 6;
    const int side = csp ? 640 : levels <= 3 ? 896 : levels == 4 ? 1280 : 1536;
    return format("[net]\nwidth={}\nheight={}\nchannels=3\nletter_box=1\n", side, side);
  }

  const ModuleList& list_;
  int outputs_ = 0;  // channels of a head
  int row_ = 0;
  NodeId nodes_ = 0;
  std::string cfg_;
  std::vector<Map> maps_;
  std::vector<Source> sources_;
  bool detects_ = false;
};

/// What no layer needs: counters, and anchors, which stand in the heads.
bool is_aside(std::string_view name) {
  return name.ends_with(".num_batches_tracked") || name.ends_with(".anchors") ||
         name.ends_with(".anchor_grid");
}

/// The parameters of `graph` from tensors, each used whole and none left over.
Weights collected(const TorchFile& file, const Graph& graph, std::span<const Source> sources) {
  std::map<std::string, std::int64_t, std::less<>> unused;
  for (const auto& [name, tensor] : file.tensors) {
    if (!is_aside(name)) unused[name] = tensor.shape().elements();
  }
  Weights weights;
  for (const Source& source : sources) {
    const ParamId id{source.node, source.role};
    const auto found = file.tensors.find(source.tensor);
    require(found != file.tensors.end(), "expected the tensor \"{}\" for {}, found none",
            source.tensor, weights::item_name(graph, id));
    const std::vector<ParamSpec> specs = graph.params(source.node);
    const auto spec = std::find_if(specs.begin(), specs.end(),
                                   [&](const ParamSpec& s) { return s.role == source.role; });
    require(spec != specs.end(), "expected no tensor \"{}\" for {}", source.tensor,
            weights::item_name(graph, id));
    const std::span<const float> all = found->second.values();
    const auto first = static_cast<std::size_t>(source.first);
    const std::size_t count =
        source.count == 0 ? all.size() : static_cast<std::size_t>(source.count);
    const bool vector = source.role != Role::kernel;
    require(first + count <= all.size() &&
                static_cast<std::int64_t>(count) == spec->shape.elements() &&
                (vector || found->second.shape() == spec->shape),
            "\"{}\": expected {} for {}, found {}", source.tensor,
            vector ? format("{} values from {} on", spec->shape.elements(), first)
                   : to_text(spec->shape),
            weights::item_name(graph, id), to_text(found->second.shape()));
    const std::span<const float> part = all.subspan(first, count);
    if (const auto bad = weights::first_bad(source.role, part)) {
      throw Error(ErrorKind::input, format("\"{}\": value {} is {}, which no trained network holds",
                                           source.tensor, first + *bad, part[*bad]));
    }
    const bool whole = found->second.shape() == spec->shape;
    weights.set(id, whole ? found->second
                          : Tensor(spec->shape, std::vector<float>(part.begin(), part.end())));
    unused[source.tensor] -= static_cast<std::int64_t>(count);
  }
  for (const auto& [name, left] : unused) {
    require(left == 0, "expected a layer for the tensor \"{}\", found none for {} of its values",
            printable(name, 200), left);
  }
  return weights;
}

/// Role and its name in "module_list.<layer>.<name>".
struct ListName {
  Role role;
  std::string_view with_norm, without;
};
constexpr std::array<ListName, 5> kListNames = {{{Role::kernel, "Conv2d.weight", "Conv2d.weight"},
                                                 {Role::bias, "BatchNorm2d.bias", "Conv2d.bias"},
                                                 {Role::scale, "BatchNorm2d.weight", ""},
                                                 {Role::mean, "BatchNorm2d.running_mean", ""},
                                                 {Role::variance, "BatchNorm2d.running_var", ""}}};

}  // namespace

namespace {

/// A cfg says all of it but the border's exact value.
Graph graph_of(const Translation& translation, const std::string& name, Findings& findings) {
  Graph graph = read_cfg(translation.cfg, name, findings);
  Net net = graph.net();
  net.preprocess = letterboxed(net.preprocess);
  graph.set_net(std::move(net));
  return graph;
}

}  // namespace

Graph graph_of(const ModuleList& list, const std::string& name) {
  return with_where({.file = name}, [&] {
    Findings findings;
    return graph_of(Translator(list).run(), name, findings);
  });
}

Model model_of(const TorchFile& file, const std::string& name) {
  return with_where({.file = name}, [&] {
    if (!file.modules) {
      throw Error(ErrorKind::unsupported,
                  "expected a whole model with its list of modules, found tensors alone", {},
                  "give the network's cfg as the model and this file as --weights");
    }
    const Translation translation = Translator(*file.modules).run();
    Findings findings;
    Graph graph = graph_of(translation, name, findings);
    Model model{std::move(graph),   {}, {}, 0, {name, name, name, "pytorch", {}, 0},
                std::move(findings)};
    model.weights = collected(file, model.graph, translation.sources);
    model.origin.layers_loaded = static_cast<int>(model.graph.nodes().size());
    model.names = weights::fitted_names(file.names, class_count(model.graph), NamesMismatch::error,
                                        file.names.empty() ? std::string() : name, model.findings);
    if (file.names.empty()) model.origin.names_file.clear();
    return model;
  });
}

Weights weights_of(const TorchFile& file, const Graph& graph, const std::string& name) {
  return with_where({.file = name}, [&] {
    std::vector<Source> sources;
    for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
      const std::vector<ParamSpec> specs = graph.params(node);
      const bool norm = std::any_of(specs.begin(), specs.end(),
                                    [](const ParamSpec& s) { return s.role == Role::variance; });
      for (const ParamSpec& spec : specs) {
        const auto row = std::find_if(kListNames.begin(), kListNames.end(),
                                      [&](const ListName& r) { return r.role == spec.role; });
        require(row != kListNames.end(),
                "expected convolutions, found another layer with weights: {}",
                weights::item_name(graph, node));
        sources.push_back(
            {node, spec.role,
             format("module_list.{}.{}", node, norm ? row->with_norm : row->without)});
      }
    }
    if (!file.tensors.empty() && !file.tensors.begin()->first.starts_with("module_list.")) {
      throw Error(ErrorKind::unsupported,
                  format("expected tensors named module_list.<layer>..., found \"{}\"",
                         printable(file.tensors.begin()->first, 80)),
                  {}, "a checkpoint of the whole model is a model by itself");
    }
    return collected(file, graph, sources);
  });
}

}  // namespace syolo
