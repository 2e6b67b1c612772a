#include "syolo/train/state_impl.h"

#include <algorithm>
#include <cstring>

#include "syolo/base/rng.h"
#include "syolo/base/text.h"

namespace syolo::train {
namespace {

constexpr std::string_view kMagic = "syolo state 1\n";
constexpr char kText = 'T', kFloats = 'F', kEnd = 'E';
constexpr std::string_view kSuffix = ".state";
constexpr std::size_t kKept = 2;

std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t sum = mix64(bytes.size());
  while (!bytes.empty()) {
    std::uint64_t word = 0;
    const std::size_t count = std::min(bytes.size(), sizeof word);
    std::memcpy(&word, bytes.data(), count);
    sum = mix64(sum ^ word);
    bytes.remove_prefix(count);
  }
  return sum;
}

void put_count(std::string& out, std::uint64_t count) {
  out.append(reinterpret_cast<const char*>(&count), sizeof count);
}
void put(std::string& out, char kind, std::string_view name, std::string_view value) {
  out += kind;
  put_count(out, name.size());
  out += name;
  put_count(out, value.size());
  out += value;
}

/// Takes what stands next; every length is checked against what is left.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  std::string_view take(std::uint64_t count) {
    require(count <= bytes_.size() - at_, "expected {} more bytes, found {}", count,
            bytes_.size() - at_);
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  std::uint64_t count() {
    std::uint64_t value = 0;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::int64_t at() const { return static_cast<std::int64_t>(at_); }

 private:
  std::string_view bytes_;
  std::size_t at_ = 0;
};

}  // namespace

std::string write_state(const State& state) {
  std::string out(kMagic);
  for (const auto& [name, text] : state.texts) put(out, kText, name, text);
  for (const auto& [name, values] : state.tensors) {
    const auto* bytes = reinterpret_cast<const char*>(values.data());
    put(out, kFloats, name, {bytes, values.size() * sizeof(float)});
  }
  out += kEnd;
  put_count(out, checksum(out));
  return out;
}

State read_state(std::string_view bytes, const std::string& file) {
  Bytes cursor(bytes);
  State state;
  try {
    require(bytes.starts_with(kMagic), "expected the state of a training run, found other bytes");
    cursor.take(kMagic.size());
    for (char kind = cursor.take(1)[0]; kind != kEnd; kind = cursor.take(1)[0]) {
      require(kind == kText || kind == kFloats, "expected a record, found byte {}",
              static_cast<int>(static_cast<unsigned char>(kind)));
      const std::string name(cursor.take(cursor.count()));
      const std::string_view value = cursor.take(cursor.count());
      if (kind == kText) {
        state.texts[name] = value;
        continue;
      }
      require(value.size() % sizeof(float) == 0, "expected whole floats of {}, found {} bytes",
              printable(name, 80), value.size());
      std::vector<float>& values = state.tensors[name];
      values.resize(value.size() / sizeof(float));
      if (!values.empty()) std::memcpy(values.data(), value.data(), value.size());
    }
    const std::uint64_t want = checksum(bytes.substr(0, static_cast<std::size_t>(cursor.at())));
    require(cursor.count() == want, "expected the checksum of its bytes, found another");
    require(cursor.at() == static_cast<std::int64_t>(bytes.size()),
            "expected the end of the file, found {} more bytes",
            static_cast<std::int64_t>(bytes.size()) - cursor.at());
  } catch (const Error& error) {
    throw Error(error.kind(), error.text(), {.file = file, .byte = cursor.at(), .item = {}},
                "an older generation beside it may be whole");
  }
  return state;
}

std::vector<Path> Generations::files() const {
  std::vector<Path> found;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, none)) {
    if (entry.path().extension() == kSuffix) found.push_back(entry.path());
  }
  std::sort(found.rbegin(), found.rend());  // names are steps of one width
  return found;
}

void Generations::save(std::int64_t step, const State& state) const {
  std::error_code failed;
  std::filesystem::create_directories(folder_, failed);
  const Path file = folder_ / format("{:012}{}", step, kSuffix);
  write_file_atomic(file, write_state(state));
  const std::vector<Path> all = files();
  for (std::size_t i = kKept; i < all.size(); ++i) std::filesystem::remove(all[i], failed);
}

std::optional<State> Generations::newest(Findings& findings, const Limits& limits) const {
  for (const Path& file : files()) {
    try {
      const auto map = MappedFile::open(file, limits.file_bytes);
      return read_state(map->text(), file.string());
    } catch (const Error& error) {
      findings.push_back({Severity::warning, "state-damaged", error.where(), error.text()});
    }
  }
  return std::nullopt;
}

}  // namespace syolo::train
