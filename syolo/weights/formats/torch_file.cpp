// Source: the formats as spec'd by torch.save; see docs/formats.md for what is read.
#include "syolo/weights/formats/torch_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "syolo/base/text.h"
#include "syolo/weights/formats/pickle_impl.h"
#include "syolo/weights/formats/zip_impl.h"
#include "syolo/weights/half.h"
#include "syolo/weights/values_impl.h"

namespace syolo {
namespace {

using weights::Pickle;
using weights::PickleId;
using weights::PickleValue;
using Kind = PickleValue::Kind;

constexpr std::size_t kMostTensors = 20'000;
constexpr int kDeepest = 32;  // modules in modules

/// How values of a storage lie in the file; no decode: integers, of which only shapes matter.
struct StorageType {
  std::string_view name;
  std::size_t width;
  float (*decode)(const char* at);
};

template <class T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
float from_float(const char* at) {
  return load<float>(at);
}
float from_double(const char* at) {
  return static_cast<float>(load<double>(at));
}
float from_half(const char* at) {
  return half_to_float(load<std::uint16_t>(at));
}
float from_bf16(const char* at) {
  return bf16_to_float(load<std::uint16_t>(at));
}

constexpr std::array<StorageType, 9> kStorages = {{{"torch\nFloatStorage", 4, from_float},
                                                   {"torch\nHalfStorage", 2, from_half},
                                                   {"torch\nBFloat16Storage", 2, from_bf16},
                                                   {"torch\nDoubleStorage", 8, from_double},
                                                   {"torch\nLongStorage", 8, nullptr},
                                                   {"torch\nIntStorage", 4, nullptr},
                                                   {"torch\nShortStorage", 2, nullptr},
                                                   {"torch\nByteStorage", 1, nullptr},
                                                   {"torch\nBoolStorage", 1, nullptr}}};

using Storages = std::map<std::string, std::string_view, std::less<>>;

/// A pickle and the bytes that its storages name.
struct Contents {
  Pickle pickle;
  Storages storages;  // by key
};

Contents read_zip_form(const FileBytes& file) {
  Contents contents;
  std::string_view pickle;
  for (const auto& [name, bytes] : weights::read_zip(file)) {
    const std::size_t slash = name.find('/');
    if (slash == std::string::npos) continue;
    const std::string inner = name.substr(slash + 1);
    if (inner == "data.pkl") {
      require(pickle.empty(), "expected one data.pkl, found two");
      pickle = bytes;
    }
    if (inner.starts_with("data/")) {
      require(contents.storages.emplace(inner.substr(5), bytes).second,
              "expected each storage once, found \"{}\" twice", printable(inner, 80));
    }
    require(inner != "byteorder" || trim(bytes) == "little",
            "expected little-endian values, found others");
  }
  require(!pickle.empty(), "expected data.pkl, as torch.save writes it, found none");
  const auto begin = pickle.data() - reinterpret_cast<const char*>(file.bytes.data());
  contents.pickle = weights::read_pickle(pickle, begin);
  return contents;
}

/// Magic number, version, system, object, keys of storages; then each storage: count, values.
Contents read_legacy_form(const FileBytes& file) {
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size());
  constexpr std::string_view kMagic = "\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19";
  std::size_t at = 0;
  const auto next = [&] {
    Pickle pickle = weights::read_pickle(bytes.substr(at), static_cast<std::int64_t>(at));
    at += pickle.end;
    return pickle;
  };
  const Pickle magic = next(), version = next(), system = next();
  const PickleValue* little = system.find(system[system.root], "little_endian");
  require(magic[magic.root].text == kMagic && version[version.root].integer == 1001,
          "expected the magic number and version 1001 of torch.save, found others");
  require(little == nullptr || little->integer != 0, "expected little-endian values, found others");
  Contents contents{next(), {}};
  const Pickle keys = next();
  std::map<std::string, std::size_t> widths;
  for (const PickleValue& value : contents.pickle.values) {
    if (value.kind != Kind::persistent || value.items.size() < 5) continue;
    const std::string_view type = contents.pickle[value.items[1]].text;
    for (const StorageType& row : kStorages) {
      if (row.name == type) widths[std::string(contents.pickle[value.items[2]].text)] = row.width;
    }
  }
  for (const PickleId id : keys[keys.root].items) {
    const std::string key(keys[id].text);
    require(bytes.size() - at >= 8, "expected storage \"{}\", found the end of the file",
            printable(key, 80));
    const auto count = load<std::uint64_t>(bytes.data() + at);
    at += 8;
    const auto width = widths.find(key);
    require(width != widths.end(), "expected a storage that a tensor names, found \"{}\"",
            printable(key, 80));
    require(count <= (bytes.size() - at) / width->second,
            "storage \"{}\": expected {} values, found the end of the file", printable(key, 80),
            count);
    contents.storages[key] = bytes.substr(at, static_cast<std::size_t>(count) * width->second);
    at += static_cast<std::size_t>(count) * width->second;
  }
  require(at == bytes.size(), "expected the end of the file, found {} bytes more",
          bytes.size() - at);
  return contents;
}

/// Walks what was saved and collects tensors under the names of a state dict.
class Collector {
 public:
  Collector(const Contents& contents, const Limits& limits) :
      contents_(contents), pickle_(contents.pickle), limits_(limits) {}

  TorchFile take() {
    const PickleValue& root = pickle_[pickle_.root];
    const PickleValue* model = &root;
    for (const std::string_view key : {"model", "ema", "state_dict"}) {
      const PickleValue* inner = pickle_.find(root, key);
      if (inner != nullptr && inner->kind != Kind::none) {
        model = inner;
        break;
      }
    }
    if (model->kind == Kind::object) {
      module(*model, "", 0);
      describe(*model);
    } else {
      require(model->kind == Kind::dict, "expected a model or a state dict, found neither");
      tensors_of(*model, "");
    }
    require(!file_.shapes.empty(), "expected a model or a state dict, found no tensor");
    return std::move(file_);
  }

 private:
  static std::string_view last_word(std::string_view name) {
    return name.substr(name.find('\n') + 1);
  }
  std::string_view class_of(const PickleValue& object) const {
    return object.kind == Kind::object ? last_word(pickle_[object.items[0]].text) : "";
  }

  std::int64_t integer(const PickleValue& value, const char* what) const {
    require(value.kind == Kind::integer, "expected a whole number as {}", what);
    return value.integer;
  }
  double number(const PickleValue* value, const char* what) const {
    require(value != nullptr && (value->kind == Kind::integer || value->kind == Kind::real),
            "expected a number as {}", what);
    return value->kind == Kind::real ? value->real : static_cast<double>(value->integer);
  }

  // -- tensors --------------------------------------------------------------------------------

  void tensors_of(const PickleValue& dict, const std::string& prefix) {
    for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
      const PickleValue &key = pickle_[dict.items[i]], &value = pickle_[dict.items[i + 1]];
      if (key.kind == Kind::text && value.kind == Kind::tensor) {
        tensor(prefix + std::string(key.text), value);
      }
    }
  }

  void tensor(std::string name, const PickleValue& value) {
    if (name.starts_with("module.")) name.erase(0, 7);
    require(!name.empty() && name.size() <= 400 && name == printable(name, 500),
            "expected tensors with short names, found \"{}\"", printable(name, 80));
    require(file_.shapes.size() < kMostTensors, "expected at most {} tensors, found more",
            grouped(static_cast<std::int64_t>(kMostTensors)));
    with_where({.file = {}, .item = "tensor " + name}, [&] {
      const std::vector<std::int64_t> dims = whole(pickle_[value.items[2]], "a size");
      const std::vector<std::int64_t> strides = whole(pickle_[value.items[3]], "a stride");
      require(dims.size() == strides.size(), "expected a stride for each side");
      require(file_.shapes.emplace(name, dims).second, "expected each name once, found it twice");
      const PickleValue& storage = pickle_[value.items[0]];
      require(storage.kind == Kind::persistent && storage.items.size() >= 5,
              "expected a storage of the file");
      const StorageType& type = type_of(pickle_[storage.items[1]].text);
      if (type.decode == nullptr) return;
      const auto bytes = contents_.storages.find(pickle_[storage.items[2]].text);
      require(bytes != contents_.storages.end(), "expected its storage \"{}\" in the file",
              printable(pickle_[storage.items[2]].text, 40));
      require(storage.items.size() < 6 || pickle_[storage.items[5]].kind == Kind::none,
              "expected a storage of its own, found a part of another");
      const auto count =
          static_cast<std::uint64_t>(integer(pickle_[storage.items[3 + 1]], "a count"));
      require(bytes->second.size() % type.width == 0 && bytes->second.size() / type.width == count,
              "expected {} values of {} bytes, found {} bytes", count, type.width,
              bytes->second.size());
      const std::int64_t offset = integer(pickle_[value.items[1]], "an offset");
      file_.tensors[name] = gathered(bytes->second, type, offset, dims, strides);
    });
  }

  std::vector<std::int64_t> whole(const PickleValue& tuple, const char* what) const {
    require(tuple.kind == Kind::tuple && tuple.items.size() <= 8, "expected a tuple as {}", what);
    std::vector<std::int64_t> numbers;
    for (const PickleId id : tuple.items) {
      numbers.push_back(integer(pickle_[id], what));
      require(numbers.back() >= 0 && numbers.back() <= INT32_MAX, "expected {} in 0..2^31", what);
    }
    return numbers;
  }

  static const StorageType& type_of(std::string_view name) {
    for (const StorageType& row : kStorages) {
      if (row.name == name) return row;
    }
    throw Error(ErrorKind::unsupported, format("expected numbers of a known type, found {}",
                                               printable(last_word(name), 80)));
  }

  /// The values in the order of `dims`, wherever the strides find them.
  Tensor gathered(std::string_view bytes, const StorageType& type, std::int64_t offset,
                  const std::vector<std::int64_t>& dims,
                  const std::vector<std::int64_t>& strides) const {
    std::int64_t elements = 1, last = offset;
    for (std::size_t i = 0; i < dims.size(); ++i) {
      require(!__builtin_mul_overflow(elements, dims[i], &elements) && elements <= INT32_MAX,
              "expected fewer than 2^31 values");
      last += std::max<std::int64_t>(dims[i] - 1, 0) * strides[i];  // < 8 * 2^62 / 2^31
    }
    const auto held = static_cast<std::int64_t>(bytes.size() / type.width);
    require(offset >= 0 && (elements == 0 || last < held),
            "expected values inside its storage of {}, found value {}", grouped(held),
            grouped(last));
    // Strides of 0 would make much of little.
    require(elements <= held, "expected at most the {} values of its storage, found {}",
            grouped(held), grouped(elements));
    const Shape shape = shape_of(dims, elements);
    weights::checked_elements(shape, limits_);
    std::vector<float> values;
    values.reserve(static_cast<std::size_t>(elements));
    std::vector<std::int64_t> index(dims.size());
    for (std::int64_t i = 0; i < elements; ++i) {
      std::int64_t at = offset;
      for (std::size_t d = 0; d < dims.size(); ++d) at += index[d] * strides[d];
      values.push_back(type.decode(bytes.data() + static_cast<std::size_t>(at) * type.width));
      for (std::size_t d = dims.size(); d-- > 0 && ++index[d] == dims[d];) index[d] = 0;
    }
    return Tensor(shape, std::move(values));
  }

  static Shape shape_of(const std::vector<std::int64_t>& dims, std::int64_t elements) {
    const auto side = [&](std::size_t i) { return static_cast<int>(dims[i]); };
    if (dims.size() == 1) return {1, side(0), 1, 1};
    if (dims.size() == 4) return {side(0), side(1), side(2), side(3)};
    return {1, static_cast<int>(elements), 1, 1};
  }

  // -- modules --------------------------------------------------------------------------------

  void module(const PickleValue& object, const std::string& prefix, int depth) {
    require(depth <= kDeepest && ++modules_ <= static_cast<int>(kMostTensors),
            "expected fewer modules in modules");
    const PickleValue* state = pickle_.state(object);
    if (state == nullptr) return;
    if (const PickleValue* own = pickle_.find(*state, "_parameters")) tensors_of(*own, prefix);
    if (const PickleValue* own = pickle_.find(*state, "_buffers")) tensors_of(*own, prefix);
    const std::string_view name = class_of(object);
    if (name == "BatchNorm2d") {
      epsilons_.insert(number(pickle_.find(*state, "eps"), "eps of a batch normalisation"));
    }
    const PickleValue* inner = pickle_.find(*state, "_modules");
    if (inner == nullptr) return;
    for (std::size_t i = 0; i + 1 < inner->items.size(); i += 2) {
      const PickleValue &key = pickle_[inner->items[i]], &value = pickle_[inner->items[i + 1]];
      if (key.kind != Kind::text || value.kind != Kind::object) continue;
      if (key.text == "act") activations_.emplace(class_of(value));
      module(value, prefix + std::string(key.text) + ".", depth + 1);
    }
  }

  /// Names of the classes, and the list of modules (ScaledYOLOv4's attribute "yaml").
  void describe(const PickleValue& model) {
    const PickleValue* state = pickle_.state(model);
    if (state == nullptr) return;
    if (const PickleValue* names = pickle_.find(*state, "names");
        names && names->kind == Kind::list) {
      for (const PickleId id : names->items) file_.names.emplace_back(pickle_[id].text);
    }
    const PickleValue* yaml = pickle_.find(*state, "yaml");
    if (yaml == nullptr || yaml->kind != Kind::dict) return;
    ModuleList list;
    list.classes = static_cast<int>(number(pickle_.find(*yaml, "nc"), "nc"));
    list.depth = number(pickle_.find(*yaml, "depth_multiple"), "depth_multiple");
    list.width = number(pickle_.find(*yaml, "width_multiple"), "width_multiple");
    for (const std::string_view part : {"backbone", "head"}) {
      const PickleValue* rows = pickle_.find(*yaml, part);
      require(rows != nullptr && rows->kind == Kind::list, "expected a list as {}", part);
      for (const PickleId id : rows->items) list.rows.push_back(row(pickle_[id]));
    }
    list.anchors = anchors(pickle_.find(*yaml, "anchors"));
    list.activation = activation();
    if (!epsilons_.empty()) list.epsilon = *epsilons_.begin();
    require(epsilons_.size() <= 1, "expected one eps of all batch normalisations, found {}",
            epsilons_.size());
    file_.modules = std::move(list);
  }

  ModuleRow row(const PickleValue& value) const {
    require(value.kind == Kind::list && value.items.size() == 4,
            "expected rows [from, number, module, arguments]");
    ModuleRow row;
    const PickleValue& from = pickle_[value.items[0]];
    if (from.kind == Kind::list) {
      for (const PickleId id : from.items) row.from.push_back(small(pickle_[id]));
    } else {
      row.from.push_back(small(from));
    }
    row.repeats = small(pickle_[value.items[1]]);
    row.module = std::string(pickle_[value.items[2]].text);
    for (const PickleId id : pickle_[value.items[3]].items) {
      const PickleValue& argument = pickle_[id];
      const bool given = argument.kind == Kind::integer || argument.kind == Kind::real;
      row.args.push_back(given ? number(&argument, "an argument") : 0);
    }
    return row;
  }
  int small(const PickleValue& value) const {
    const std::int64_t number = integer(value, "from and number of a row");
    require(number >= -10'000 && number <= 10'000, "expected a number within 10,000, found {}",
            number);
    return static_cast<int>(number);
  }

  /// What the model itself uses, which a search before training may have changed; else the list's.
  std::vector<std::vector<double>> anchors(const PickleValue* listed) const {
    std::vector<std::vector<double>> levels;
    for (const auto& [name, tensor] : file_.tensors) {
      if (!name.ends_with(".anchor_grid")) continue;
      const std::vector<std::int64_t>& dims = file_.shapes.at(name);
      require(!dims.empty() && dims[0] > 0 && dims[0] <= 16, "expected anchors by level");
      const auto per_level = tensor.values().size() / static_cast<std::size_t>(dims[0]);
      for (std::size_t i = 0; i < tensor.values().size(); ++i) {
        if (i % per_level == 0) levels.emplace_back();
        levels.back().push_back(static_cast<double>(tensor.values()[i]));
      }
      return levels;
    }
    require(listed != nullptr && listed->kind == Kind::list, "expected anchors by level");
    for (const PickleId level : listed->items) {
      levels.emplace_back();
      for (const PickleId id : pickle_[level].items) {
        levels.back().push_back(number(&pickle_[id], "an anchor"));
      }
    }
    return levels;
  }

  std::string activation() const {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 6> kKnown = {
        {{"MishCuda", "mish"},
         {"Mish", "mish"},
         {"MemoryEfficientMish", "mish"},
         {"SiLU", "swish"},
         {"Swish", "swish"},
         {"LeakyReLU", "leaky"}}};
    require(activations_.size() == 1, "expected one activation of all modules, found {}",
            activations_.size());
    for (const auto& [theirs, ours] : kKnown) {
      if (theirs == *activations_.begin()) return std::string(ours);
    }
    throw Error(ErrorKind::unsupported,
                format("expected Mish, Swish or LeakyReLU as the activation, found {}",
                       printable(*activations_.begin(), 80)));
  }

  const Contents& contents_;
  const Pickle& pickle_;
  const Limits& limits_;
  TorchFile file_;
  std::set<std::string, std::less<>> activations_;
  std::set<double> epsilons_;
  int modules_ = 0;
};

}  // namespace

TorchFile read_torch(const FileBytes& file, const Limits& limits) {
  return with_where({.file = file.name}, [&] {
    const bool zip = file.bytes.size() >= 2 && file.bytes[0] == std::byte{'P'};
    const Contents contents = zip ? read_zip_form(file) : read_legacy_form(file);
    return Collector(contents, limits).take();
  });
}

TorchFile load_torch(const Path& path, const Limits& limits) {
  const auto map = MappedFile::open(path, limits.file_bytes);
  return read_torch({map->bytes(), map, path.string()}, limits);
}

}  // namespace syolo
