// The JSON header of a safetensors file, read as a stream of events: depth, names and counts are
// checked while it passes, so no document is built and nothing in it decides about memory.

#include "syolo/weights/formats/safetensors_header_impl.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "syolo/base/text.h"

namespace syolo::weights {
namespace {

constexpr std::int64_t kMaxHeader = std::int64_t{16} << 20;
constexpr std::size_t kMaxTensors = 20'000;
constexpr std::size_t kMaxSides = 8;

[[noreturn]] void refuse(std::string text) {
  throw Error(ErrorKind::input, std::move(text));
}

std::string in_quotes(std::string_view name) {
  return format("\"{}\"", printable(name, 80));
}

/// Accepts exactly {"name": {"dtype": s, "shape": [n...], "data_offsets": [n, n]}, ...,
/// "__metadata__": {s: s}} in any order; every other event is refused where it comes.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    if (place_ == Place::before) return enter(Place::top);
    if (place_ == Place::top && name_ == "__metadata__") return enter(Place::metadata);
    if (place_ != Place::top) refuse(format("expected {}, found an object", wanted()));
    entry_ = TensorEntry{};
    entry_.name = name_;
    has_type_ = has_shape_ = has_offsets_ = false;
    if (header_.tensors.size() == kMaxTensors) {
      refuse(format("expected at most {} tensors, found more", grouped(kMaxTensors)));
    }
    return enter(Place::entry);
  }
  bool end_object() override {
    if (place_ == Place::top) return enter(Place::after);
    if (place_ == Place::entry) end_entry();
    return enter(Place::top);
  }
  bool key(string_t& name) override {
    if (place_ == Place::top) {
      if (!names_.insert(name).second) refuse(format("tensor {} stands twice", in_quotes(name)));
      name_ = name;
    } else if (place_ == Place::metadata) {
      if (header_.metadata.count(name) != 0) {
        refuse(format("metadata key {} stands twice", in_quotes(name)));
      }
      key_ = name;
    } else {
      begin_field(name);
    }
    return true;
  }
  bool string(string_t& text) override {
    if (place_ == Place::metadata) {
      header_.metadata.emplace(key_, std::move(text));
      return true;
    }
    if (place_ != Place::entry || key_ != "dtype") found("text");
    if (bytes_of_type(text) == 0) {
      refuse(
          format("tensor {}: expected a known dtype, found {}", in_quotes(name_), in_quotes(text)));
    }
    entry_.dtype = std::move(text);
    has_type_ = true;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::entry || key_ == "dtype") found("a list");
    return enter(key_ == "shape" ? Place::shape : Place::offsets);
  }
  bool end_array() override {
    if (place_ == Place::shape) {
      has_shape_ = true;
    } else {
      has_offsets_ = offsets_ == 2;
    }
    return enter(Place::entry);
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(INT64_MAX)) found("a number beyond 2^63");
    const auto number = static_cast<std::int64_t>(value);
    if (place_ == Place::shape) {
      if (entry_.shape.size() == kMaxSides) {
        refuse(format("tensor {}: expected at most {} sides", in_quotes(name_), kMaxSides));
      }
      entry_.shape.push_back(number);
    } else if (place_ == Place::offsets && offsets_ < 2) {
      (offsets_++ == 0 ? entry_.begin : entry_.end) = number;
    } else {
      found("a number");
    }
    return true;
  }
  bool number_integer(number_integer_t) override { found("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { found("a fraction"); }
  bool boolean(bool) override { found("a boolean"); }
  bool null() override { found("null"); }
  bool binary(binary_t&) override { found("binary data"); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::json::exception&) override {
    throw Error(ErrorKind::input, "expected a JSON header, found a syntax error",
                {.file = {}, .byte = static_cast<std::int64_t>(position) + 7});
  }

 private:
  enum class Place { before, top, metadata, entry, shape, offsets, after };

  bool enter(Place place) {
    place_ = place;
    return true;
  }
  std::string_view wanted() const {
    switch (place_) {
      case Place::before:
        return "an object";
      case Place::top:
        return name_ == "__metadata__" ? "an object of texts" : "a tensor's entry";
      case Place::metadata:
        return "text";
      case Place::entry:
        return key_ == "dtype" ? "text" : "a list of numbers";
      case Place::shape:
        return "a whole number of at least 0";
      case Place::offsets:
        return "two whole numbers of at least 0";
      case Place::after:
        return "nothing more";
    }
    return "nothing";
  }
  [[noreturn]] void found(std::string_view what) const {
    const bool inside = place_ != Place::before && place_ != Place::after;
    refuse(format("{}{}expected {}, found {}", inside ? in_quotes(name_) : "", inside ? ": " : "",
                  wanted(), what));
  }
  void begin_field(const std::string& name) {
    const bool known = name == "dtype" || name == "shape" || name == "data_offsets";
    if (!known) {
      refuse(format("tensor {}: expected dtype, shape and data_offsets, found {}", in_quotes(name_),
                    in_quotes(name)));
    }
    if (name == "dtype" ? has_type_ : name == "shape" ? has_shape_ : has_offsets_) {
      refuse(format("tensor {}: {} stands twice", in_quotes(name_), name));
    }
    key_ = name;
    offsets_ = 0;
  }
  void end_entry() {
    if (!has_type_ || !has_shape_ || !has_offsets_) {
      refuse(format("tensor {}: expected dtype, shape and two data_offsets, found less",
                    in_quotes(name_)));
    }
    header_.tensors.push_back(std::move(entry_));
  }

  SafetensorsHeader header_;
  std::set<std::string> names_;
  std::string name_, key_;
  TensorEntry entry_;
  Place place_ = Place::before;
  bool has_type_ = false, has_shape_ = false, has_offsets_ = false;
  int offsets_ = 0;
};

/// Bytes the shape and type ask for. @throws Error(input) when they overflow
std::int64_t wanted_bytes(const TensorEntry& entry) {
  std::int64_t bytes = bytes_of_type(entry.dtype);
  bool overflow = false;
  for (const std::int64_t side : entry.shape) {
    overflow = overflow || __builtin_mul_overflow(bytes, side, &bytes);
  }
  if (overflow) refuse(format("tensor {}: its shape overflows 2^63 bytes", in_quotes(entry.name)));
  return bytes;
}

/// Every byte behind the header belongs to one tensor. Leaves the entries in the file's order.
void check_ranges(std::vector<TensorEntry>& tensors, std::int64_t data_bytes) {
  for (const TensorEntry& entry : tensors) {
    if (entry.begin > entry.end || entry.end > data_bytes) {
      refuse(format("tensor {}: expected data_offsets within the {} bytes of data, found {} to {}",
                    in_quotes(entry.name), grouped(data_bytes), entry.begin, entry.end));
    }
    const std::int64_t wanted = wanted_bytes(entry);
    if (wanted != entry.end - entry.begin) {
      refuse(format("tensor {}: expected {} bytes for its shape and dtype {}, found {}",
                    in_quotes(entry.name), grouped(wanted), entry.dtype,
                    grouped(entry.end - entry.begin)));
    }
  }
  std::sort(tensors.begin(), tensors.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::int64_t at = 0;
  for (const TensorEntry& entry : tensors) {
    if (entry.begin != at) {
      refuse(format("tensor {}: expected data from byte {} on, found {} ({})",
                    in_quotes(entry.name), at, entry.begin,
                    entry.begin < at ? "an overlap" : "a gap"));
    }
    at = entry.end;
  }
  if (at != data_bytes) {
    refuse(format("expected {} bytes of data, found {}", grouped(at), grouped(data_bytes)));
  }
}

/// Length of the header text. @throws Error(input)
std::int64_t header_length(const FileBytes& file) {
  const auto size = static_cast<std::int64_t>(file.bytes.size());
  require(size >= 10, "expected a safetensors header, found {} bytes in all", size);
  std::uint64_t length = 0;
  std::memcpy(&length, file.bytes.data(), sizeof length);
  const std::int64_t most = std::min(size - 8, kMaxHeader);
  require(length >= 2 && length <= static_cast<std::uint64_t>(most),
          "expected a header of 2 to {} bytes, found {}", grouped(most), length);
  require(file.bytes[8] == std::byte{'{'}, "expected a header that begins with {{, found byte {}",
          static_cast<int>(file.bytes[8]));
  return static_cast<std::int64_t>(length);
}

}  // namespace

int bytes_of_type(std::string_view dtype) {
  struct Row {
    std::string_view name;
    int bytes;
  };
  constexpr Row kRows[] = {{"BOOL", 1}, {"U8", 1},  {"I8", 1},  {"F8_E4M3", 1}, {"F8_E5M2", 1},
                           {"U16", 2},  {"I16", 2}, {"F16", 2}, {"BF16", 2},    {"U32", 4},
                           {"I32", 4},  {"F32", 4}, {"U64", 8}, {"I64", 8},     {"F64", 8}};
  for (const Row& row : kRows) {
    if (row.name == dtype) return row.bytes;
  }
  return 0;
}

SafetensorsHeader read_safetensors_header(const FileBytes& file) {
  return with_where({.file = file.name}, [&] {
    const std::int64_t length = header_length(file);
    const auto* text = reinterpret_cast<const char*>(file.bytes.data()) + 8;
    HeaderReader reader;
    nlohmann::json::sax_parse(text, text + length, &reader);
    SafetensorsHeader header = reader.take();
    header.data_begin = 8 + length;
    check_ranges(header.tensors, static_cast<std::int64_t>(file.bytes.size()) - header.data_begin);
    return header;
  });
}

}  // namespace syolo::weights
