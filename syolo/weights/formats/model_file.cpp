// The model file: which metadata and tensors of a safetensors file make a model.

#include <algorithm>
#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>

#include "syolo/base/text.h"
#include "syolo/graph/cfg.h"
#include "syolo/weights/formats/safetensors.h"
#include "syolo/weights/half.h"
#include "syolo/weights/model_impl.h"
#include "syolo/weights/values_impl.h"

namespace syolo {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kVersion = "1";
constexpr std::size_t kAlignment = 64;
constexpr int kMaxNesting = 8;

// Writing ---------------------------------------------------------------------------------------

/// Kernels keep four sides, everything else the fewest that say its shape.
std::vector<std::int64_t> sides(const ParamSpec& spec) {
  const Shape& shape = spec.shape;
  if (spec.role != Role::kernel && shape.h == 1 && shape.w == 1) {
    if (shape.n == 1) return {shape.c};
    return {shape.n, shape.c};
  }
  return {shape.n, shape.c, shape.h, shape.w};
}

std::string_view name_of_fit(Fit fit) {
  return fit == Fit::stretch ? "stretch" : "letterbox";
}
std::string_view name_of_interpolation(Interpolation interpolation) {
  return interpolation == Interpolation::aligned_corners ? "aligned_corners" : "half_pixel";
}

std::string preprocess_text(const Preprocess& preprocess) {
  ordered_json out;
  out["fit"] = name_of_fit(preprocess.fit);
  out["interpolation"] = name_of_interpolation(preprocess.interpolation);
  out["pad"] = preprocess.pad;
  out["channels"] = preprocess.channels;
  out["bits"] = preprocess.bits;
  out["multiple"] = preprocess.multiple;
  return out.dump();
}

/// `value` as JSON text. @throws Error(input) when a text in it is not UTF-8
std::string dump(const ordered_json& value, std::string_view what) {
  try {
    return value.dump();
  } catch (const json::type_error&) {
    throw Error(ErrorKind::input, format("{}: expected UTF-8, found other bytes", what), {},
                "write the file anew in UTF-8");
  }
}

ordered_json metadata_of(const Model& model) {
  ordered_json out;
  out["syolo.version"] = kVersion;
  out["syolo.cfg"] = write_cfg(model.graph);
  out["syolo.names"] = dump(ordered_json(model.names), "class names");
  out["syolo.preprocess"] = preprocess_text(model.graph.net().preprocess);
  if (model.images_seen != 0) out["syolo.images_seen"] = format("{}", model.images_seen);
  if (!model.origin.training.empty()) out["syolo.training"] = model.origin.training;
  return out;
}

struct Planned {
  ParamId id;
  std::int64_t begin = 0;
  bool half = false;
};

std::string header_of(const Model& model, std::vector<Planned>& plan, std::int64_t& data_bytes) {
  ordered_json header;
  header["__metadata__"] = metadata_of(model);
  data_bytes = 0;
  for (NodeId node = 0; node < static_cast<NodeId>(model.graph.nodes().size()); ++node) {
    for (const ParamSpec& spec : model.graph.params(node)) {
      const ParamId id{node, spec.role};
      const Tensor& tensor = model.weights.at(id);
      SYOLO_ASSERT(tensor.shape() == spec.shape, "write_model: a tensor of another shape");
      if (const auto index = weights::first_bad(spec.role, tensor.values())) {
        weights::refuse_value(model.graph, id, tensor.values(), *index, {}, -1);
      }
      const bool half = spec.role == Role::kernel && is_half(tensor);
      const std::int64_t end = data_bytes + spec.shape.elements() * (half ? 2 : 4);
      header[to_text(id)] = {{"dtype", half ? "F16" : "F32"},
                             {"shape", sides(spec)},
                             {"data_offsets", {data_bytes, end}}};
      plan.push_back({id, data_bytes, half});
      data_bytes = end;
    }
  }
  std::string text = dump(header, "the cfg");
  text.append((kAlignment - (text.size() + 8) % kAlignment) % kAlignment, ' ');
  return text;
}

// Reading ---------------------------------------------------------------------------------------

const std::string& metadata(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata.find(key);
  if (found == file.metadata.end()) {
    throw Error(ErrorKind::input, format("expected metadata {}, found none", key), {},
                "this safetensors file is no model file of syolo: it holds no network");
  }
  return found->second;
}

void check_version(const SafetensorsFile& file) {
  const std::string& version = metadata(file, "syolo.version");
  if (version == kVersion) return;
  const auto number = parse_int(version);
  const bool newer = number && *number > 1;
  throw Error(newer ? ErrorKind::unsupported : ErrorKind::input,
              format("syolo.version: expected {}, found \"{}\"", kVersion, printable(version, 40)),
              {}, newer ? "the file was written by a newer syolo" : "");
}

/// Metadata values are JSON in text; nesting is cut before it can cost anything.
json parsed(const SafetensorsFile& file, const std::string& key) {
  const std::string& text = metadata(file, key);
  const auto shallow = [](int depth, json::parse_event_t, json&) {
    if (depth > kMaxNesting) throw Error(ErrorKind::limit, "nested too deep");
    return true;
  };
  json value =
      with_where({.file = {}, .item = key}, [&] { return json::parse(text, shallow, false); });
  require(!value.is_discarded(), "{}: expected JSON, found \"{}\"", key, printable(text, 60));
  return value;
}

std::vector<std::string> names_of(const SafetensorsFile& file) {
  if (file.metadata.count("syolo.names") == 0) return {};
  const json value = parsed(file, "syolo.names");
  const bool texts =
      value.is_array() &&
      std::all_of(value.begin(), value.end(), [](const json& name) { return name.is_string(); });
  require(texts, "syolo.names: expected a list of texts");
  return value.get<std::vector<std::string>>();
}

int integer(const json& object, const char* key, std::initializer_list<int> allowed) {
  const auto found = object.find(key);
  const bool whole =
      found != object.end() && found->is_number_integer() && *found >= 0 && *found <= 1 << 20;
  require(whole, "syolo.preprocess: expected a whole number for {}", key);
  const int value = found->get<int>();
  require(allowed.size() == 0 || std::count(allowed.begin(), allowed.end(), value) != 0,
          "syolo.preprocess: unexpected {} {}", key, value);
  return value;
}

/// Whether `key` is the second of two words. @throws Error(input) when it is neither
bool is_second(const json& object, const char* key, std::string_view first,
               std::string_view second) {
  const auto found = object.find(key);
  const std::string word =
      found != object.end() && found->is_string() ? found->get<std::string>() : "";
  require(word == first || word == second,
          "syolo.preprocess: expected {} or {} for {}, found \"{}\"", first, second, key,
          printable(word, 40));
  return word == second;
}

Preprocess preprocess_of(const SafetensorsFile& file, const Net& net) {
  if (file.metadata.count("syolo.preprocess") == 0) return net.preprocess;
  const json value = parsed(file, "syolo.preprocess");
  require(value.is_object(), "syolo.preprocess: expected an object");
  Preprocess out;
  out.fit = is_second(value, "fit", "stretch", "letterbox") ? Fit::letterbox : Fit::stretch;
  out.interpolation = is_second(value, "interpolation", "aligned_corners", "half_pixel")
                          ? Interpolation::half_pixel
                          : Interpolation::aligned_corners;
  const auto pad = value.find("pad");
  const bool in_range = pad != value.end() && pad->is_number() && *pad >= 0.0 && *pad <= 1.0;
  require(in_range, "syolo.preprocess: expected a number from 0 to 1 for pad");
  out.pad = pad->get<float>();
  out.channels = integer(value, "channels", {net.input.c});
  out.bits = integer(value, "bits", {8, 16});
  out.multiple = std::max(1, integer(value, "multiple", {}));
  return out;
}

std::uint64_t images_seen_of(const SafetensorsFile& file) {
  const auto found = file.metadata.find("syolo.images_seen");
  if (found == file.metadata.end()) return 0;
  const auto value = parse_int(found->second);
  require(value && *value >= 0, "syolo.images_seen: expected a count, found \"{}\"",
          printable(found->second, 40));
  return static_cast<std::uint64_t>(*value);
}

/// The graph without what only training reads.
Graph bare(const Graph& graph) {
  Graph out{Net{graph.net().input, {}, {}}};
  for (Node node : graph.nodes()) {
    node.hints.clear();
    out.add(std::move(node));
  }
  return out;
}

/// The sections of a cfg text, [net] first.
std::vector<std::string> sections(const Graph& graph) {
  std::vector<std::string> found;
  const std::string text = write_cfg(bare(graph));
  for (const std::string_view line : lines(text)) {
    if (line.starts_with("[")) found.emplace_back();
    if (!found.empty() && !trim(line).empty()) found.back() += std::string(line) + "; ";
  }
  return found;
}

Graph graph_of(const SafetensorsFile& file, const std::string& name, Findings& findings,
               const Limits& limits) {
  return read_cfg(metadata(file, "syolo.cfg"), format("{} (syolo.cfg)", name), findings, limits);
}

/// A cfg beside a model file: the layers must be the same, or equal shapes hide swapped meanings.
void check_same_layers(const SafetensorsFile& file, const Graph& graph, const std::string& name,
                       const Limits& limits) {
  if (file.metadata.count("syolo.cfg") == 0) return;
  Findings ignored;
  const auto theirs = sections(graph_of(file, name, ignored, limits));
  const auto ours = sections(graph);
  const auto [a, b] = std::mismatch(ours.begin() + 1, ours.end(), theirs.begin() + 1, theirs.end());
  if (a == ours.end() && b == theirs.end()) return;
  throw Error(
      ErrorKind::input,
      format("expected the network of the cfg, found another: layer {} is \"{}\" in the cfg "
             "and \"{}\" in the model file",
             a - ours.begin() - 1, a == ours.end() ? "missing" : printable(*a, 120),
             b == theirs.end() ? "missing" : printable(*b, 120)),
      {.file = name}, "the model file alone is enough; it holds its own cfg");
}

Tensor take_tensor(const SafetensorsFile& file, const Graph& graph, ParamId id,
                   const ParamSpec& spec) {
  const std::string name = to_text(id);
  const auto shape = file.shapes.find(name);
  require(shape != file.shapes.end(), "expected tensor \"{}\", found none", name);
  const auto tensor = file.tensors.find(name);
  require(tensor != file.tensors.end(), "tensor \"{}\": expected floats, found integers", name);
  if (shape->second != sides(spec)) {
    std::string found;
    for (const std::int64_t side : shape->second)
      found += format("{}{}", found.empty() ? "" : "x", side);
    std::string wanted;
    for (const std::int64_t side : sides(spec))
      wanted += format("{}{}", wanted.empty() ? "" : "x", side);
    throw Error(ErrorKind::input,
                format("tensor \"{}\": expected shape {}, found {}", name, wanted,
                       found.empty() ? "a scalar" : found),
                {.file = {}, .item = weights::item_name(graph, id)});
  }
  return tensor->second;
}

/// Tensors that no parameter of the graph asked for.
void refuse_surplus(const SafetensorsFile& file, const Weights& weights) {
  if (file.shapes.size() == weights.all().size()) return;
  std::set<std::string> known;
  for (const auto& [id, tensor] : weights.all()) known.insert(to_text(id));
  for (const auto& [name, shape] : file.shapes) {
    require(known.count(name) != 0, "expected parameters of the cfg only, found tensor \"{}\"",
            printable(name, 80));
  }
}

}  // namespace

Weights weights_of(const SafetensorsFile& file, const Graph& graph, const std::string& name,
                   const Limits& limits) {
  return with_where({.file = name}, [&] {
    check_same_layers(file, graph, name, limits);
    Weights weights;
    for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
      for (const ParamSpec& spec : graph.params(node)) {
        const ParamId id{node, spec.role};
        Tensor tensor = take_tensor(file, graph, id, spec);
        if (const auto index = weights::first_bad(spec.role, tensor.values())) {
          const auto [begin, width] = file.places.at(to_text(id));
          const auto byte = begin + static_cast<std::int64_t>(*index) * width;
          weights::refuse_value(graph, id, tensor.values(), *index, name, byte);
        }
        weights.set(id, std::move(tensor));
      }
    }
    refuse_surplus(file, weights);
    return weights;
  });
}

Model read_model_file(const FileBytes& file, const Limits& limits) {
  const SafetensorsFile parts = read_safetensors(file, limits);
  return with_where({.file = file.name}, [&] {
    check_version(parts);
    Findings findings;
    Graph graph = graph_of(parts, file.name, findings, limits);
    Net net = graph.net();
    net.preprocess = preprocess_of(parts, net);
    graph.set_net(std::move(net));
    Weights weights = weights_of(parts, graph, file.name, limits);
    Origin origin{file.name, file.name, file.name, "safetensors", {}, 0};
    const auto training = parts.metadata.find("syolo.training");
    if (training != parts.metadata.end()) origin.training = training->second;
    origin.layers_loaded = static_cast<int>(graph.nodes().size());
    std::vector<std::string> names = weights::fitted_names(
        names_of(parts), class_count(graph), NamesMismatch::error, file.name, findings);
    return Model{std::move(graph),      std::move(weights), std::move(names),
                 images_seen_of(parts), std::move(origin),  std::move(findings)};
  });
}

Model load_model_file(const Path& path, const Limits& limits) {
  const auto map = MappedFile::open(path, limits.file_bytes);
  Model model = read_model_file({map->bytes(), map, path.string()}, limits);
  map->forget(map->bytes().data(), map->bytes().size());
  model.weights.keep(map);
  return model;
}

std::vector<std::byte> write_model(const Model& model) {
  std::vector<Planned> plan;
  std::int64_t data_bytes = 0;
  const std::string header = header_of(model, plan, data_bytes);
  const std::uint64_t length = header.size();
  std::vector<std::byte> bytes(8 + header.size() + static_cast<std::size_t>(data_bytes));
  std::memcpy(bytes.data(), &length, sizeof length);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  std::byte* data = bytes.data() + 8 + header.size();
  for (const Planned& part : plan) {
    const auto values = model.weights.at(part.id).values();
    std::vector<std::uint16_t> halves;
    if (part.half) std::ranges::transform(values, std::back_inserter(halves), float_to_half);
    const auto raw = part.half ? std::as_bytes(std::span(halves)) : std::as_bytes(values);
    std::copy(raw.begin(), raw.end(), data + part.begin);
  }
  return bytes;
}

void save_model(const Path& path, const Model& model) {
  write_file_atomic(path, write_model(model));
}

}  // namespace syolo
