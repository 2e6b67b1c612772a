// A dataset's YAML: "path train val test nc names". Only what such files need is read: maps, lists
// and scalars, nested up to 64 deep, with up to 100 aliases, which share their node.

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/emitterstyle.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <memory>
#include <sstream>

#include "syolo/data/formats/formats_impl.h"

namespace syolo {
namespace {

namespace fs = std::filesystem;
using data::PictureRef;

constexpr std::size_t kDeepest = 64;
constexpr int kMostAliases = 100;

struct Entry;
using EntryPtr = std::shared_ptr<Entry>;
struct Entry {
  enum class Kind { scalar, list, map };
  Kind kind = Kind::scalar;
  int line = 0;
  std::string text;
  std::vector<EntryPtr> items;  // of a map: key, value, key, value, ...
};

class Builder final : public YAML::EventHandler {
 public:
  EntryPtr root;

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf(mark, {}, anchor); }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (++aliases_ > kMostAliases) fail(mark, format("expected up to {} aliases", kMostAliases));
    const auto node = anchors_.find(anchor);
    if (node == anchors_.end()) fail(mark, "expected an alias of a complete value");
    add(node->second);
  }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                const std::string& value) override {
    leaf(mark, value, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, Entry::Kind::list, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, Entry::Kind::map, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  [[noreturn]] static void fail(const YAML::Mark& mark, std::string text) {
    throw Error(ErrorKind::input, std::move(text), {.file = {}, .line = mark.line + 1});
  }
  void add(EntryPtr node) {
    if (stack_.empty()) {
      root = std::move(node);
    } else {
      stack_.back()->items.push_back(std::move(node));
    }
  }
  void leaf(const YAML::Mark& mark, const std::string& text, YAML::anchor_t anchor) {
    auto node = std::make_shared<Entry>(Entry{Entry::Kind::scalar, mark.line + 1, text, {}});
    if (anchor != YAML::NullAnchor) anchors_[anchor] = node;
    add(std::move(node));
  }
  void open(const YAML::Mark& mark, Entry::Kind kind, YAML::anchor_t anchor) {
    if (stack_.size() >= kDeepest) fail(mark, format("expected nesting up to {}", kDeepest));
    auto node = std::make_shared<Entry>(Entry{kind, mark.line + 1, {}, {}});
    add(node);
    stack_.push_back(node);
    open_anchors_.push_back(anchor);
  }
  // An anchor counts from its end on, so that no node can contain itself.
  void close() {
    if (open_anchors_.back() != YAML::NullAnchor) anchors_[open_anchors_.back()] = stack_.back();
    stack_.pop_back();
    open_anchors_.pop_back();
  }

  std::vector<EntryPtr> stack_;
  std::vector<YAML::anchor_t> open_anchors_;
  std::map<YAML::anchor_t, EntryPtr> anchors_;
  int aliases_ = 0;
};

/// The parser keeps every mark of a line that may still become a key, and every open bracket, at
/// some 200 bytes each: refused before it does. Brackets within texts count too, as nobody needs
/// that many.
void check_marks(std::string_view text) {
  constexpr int kMostOfALine = 100'000, kMostOpen = 1000;
  int line = 1, marks = 0, open = 0;
  const auto refuse = [&line](std::string_view expected, int most) {
    throw Error(ErrorKind::limit, format("{} up to {}, found more", expected, most),
                {.file = {}, .line = line});
  };
  for (const char c : text) {
    if (c == '\n') ++line, marks = 0;
    if (c == '[' || c == '{') ++open;
    if ((c == ']' || c == '}') && open > 0) --open;
    if (std::string_view(",[]{}").find(c) != std::string_view::npos) ++marks;
    if (marks > kMostOfALine) refuse("expected commas and brackets in a line", kMostOfALine);
    if (open > kMostOpen) refuse("expected open brackets", kMostOpen);
  }
}

EntryPtr parse(std::string_view text) {
  check_marks(text);
  std::istringstream in{std::string(text)};
  Builder builder;
  try {
    YAML::Parser parser(in);
    parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& error) {
    throw Error(ErrorKind::input, "expected YAML, found an error: " + printable(error.msg),
                {.file = {}, .line = error.mark.line + 1});
  }
  return builder.root;
}

[[noreturn]] void fail_at(const Entry& node, std::string text) {
  throw Error(ErrorKind::input, std::move(text), {.file = {}, .line = node.line});
}

const std::string& scalar(const Entry& node, std::string_view key) {
  if (node.kind != Entry::Kind::scalar) fail_at(node, format("{}: expected a text", key));
  return node.text;
}

std::vector<std::string> texts(const Entry& node, std::string_view key) {
  std::vector<std::string> result;
  if (node.kind == Entry::Kind::scalar) {
    if (!node.text.empty()) result.push_back(node.text);
  } else if (node.kind == Entry::Kind::list) {
    for (const EntryPtr& item : node.items) result.push_back(scalar(*item, key));
  } else {
    fail_at(node, format("{}: expected a path or a list of paths", key));
  }
  return result;
}

/// A list, or a map from 0, 1, 2, ... in any order.
std::vector<std::string> class_names(const Entry& node) {
  if (node.kind != Entry::Kind::map) return texts(node, "names");
  const std::size_t count = node.items.size() / 2;
  std::vector<const Entry*> found(count, nullptr);
  for (std::size_t i = 0; i + 1 < node.items.size(); i += 2) {
    const Entry& key = *node.items[i];
    const std::optional<std::int64_t> number = parse_int(scalar(key, "names"));
    if (!number || *number < 0 || *number >= static_cast<std::int64_t>(count)) {
      fail_at(key, format("names: expected class numbers 0..{} without gaps, found \"{}\"",
                          count - 1, printable(key.text)));
    }
    const Entry*& slot = found[static_cast<std::size_t>(*number)];
    if (slot != nullptr) fail_at(key, format("names: expected class {} once", *number));
    slot = node.items[i + 1].get();
  }
  std::vector<std::string> names;
  names.reserve(found.size());
  for (const Entry* item : found) names.push_back(scalar(*item, "names"));
  return names;
}

void assign(DatasetYaml& yaml, const std::string& key, const Entry& value, std::int64_t& count,
            int& count_line) {
  if (key == "path") yaml.path = scalar(value, key);
  if (key == "train") yaml.train = texts(value, key);
  if (key == "val" || key == "valid") yaml.val = texts(value, key);
  if (key == "test") yaml.test = texts(value, key);
  if (key == "names") yaml.names = class_names(value);
  if (key == "nc") {
    const std::optional<std::int64_t> number = parse_int(scalar(value, key));
    if (!number || *number < 1) fail_at(value, "nc: expected a whole number of 1 or more");
    count = *number, count_line = value.line;
  }
}

DatasetYaml interpret(const EntryPtr& root) {
  if (!root || root->kind != Entry::Kind::map) {
    throw Error(ErrorKind::input, "expected a map with train, val and names", {},
                "keys: path train val test nc names");
  }
  DatasetYaml yaml;
  std::int64_t count = -1;
  int count_line = 0;
  std::set<std::string> seen;
  for (std::size_t i = 0; i + 1 < root->items.size(); i += 2) {
    const Entry& key = *root->items[i];
    if (key.kind != Entry::Kind::scalar) continue;
    if (!seen.insert(key.text).second) {
      fail_at(key, format("expected \"{}\" once, found it again", printable(key.text)));
    }
    assign(yaml, key.text, *root->items[i + 1], count, count_line);
  }
  const auto names = static_cast<std::int64_t>(yaml.names.size());
  if (count >= 0 && names > 0 && count != names) {
    throw Error(ErrorKind::input,
                format("nc: expected the number of names ({}), found {}", names, count),
                {.file = {}, .line = count_line});
  }
  if (yaml.train.empty() && yaml.val.empty() && yaml.test.empty()) {
    throw Error(ErrorKind::input, "expected train, val or test, found none of them");
  }
  return yaml;
}

bool is_yaml_suffix(const Path& path) {
  return path.extension() == ".yaml" || path.extension() == ".yml";
}

bool matches(const Path& path) {
  const std::string head = data::head_of(path);
  bool part = false;
  for (const std::string_view line : lines(head)) {
    if (line.starts_with("[")) return false;
    for (const std::string_view key : {"train:", "val:", "valid:", "test:", "names:", "path:"}) {
      part = part || line.starts_with(key);
    }
  }
  return part || (is_yaml_suffix(path) && !head.empty());
}

DatasetYaml load(const Path& path, const Limits& limits) {
  return parse_dataset_yaml(read_text(path, limits.text_bytes), path.string());
}

const std::vector<std::string>& entries(const DatasetYaml& yaml, Split split) {
  return split == Split::train ? yaml.train : split == Split::val ? yaml.val : yaml.test;
}

std::vector<Split> splits(const Path& path, const Limits& limits) {
  const DatasetYaml yaml = load(path, limits);
  std::vector<Split> result;
  for (const Split split : {Split::train, Split::val, Split::test}) {
    if (!entries(yaml, split).empty()) result.push_back(split);
  }
  return result;
}

void collect(const DatasetYaml& yaml, Split split, const Path& file, const Limits& limits,
             std::vector<PictureRef>& pictures, Findings& findings) {
  const Path home = file.parent_path();
  // An absolute `path` replaces home.
  const Path base = (home / Path(yaml.path)).lexically_normal();
  for (const std::string& entry : entries(yaml, split)) {
    std::vector<Path> candidates = {base / Path(entry), home / Path(entry)};
    if (!Path(entry).is_absolute()) candidates.emplace_back(entry);
    const Path place =
        data::first_existing(candidates, {.file = file.string(), .item = std::string(word(split))});
    std::vector<PictureRef> more = data::pictures_of(place, base, findings, limits);
    pictures.insert(pictures.end(), more.begin(), more.end());
  }
}

Dataset read(const Path& path, Split split, const Limits& limits, const ReadProgress& progress) {
  const DatasetYaml yaml = load(path, limits);
  std::vector<PictureRef> pictures;
  Findings findings;
  for (const Split one : {Split::train, Split::val, Split::test}) {
    if (split == Split::all || split == one) collect(yaml, one, path, limits, pictures, findings);
  }
  Dataset dataset = data::read_yolo(std::move(pictures), yaml.names, limits, progress);
  data::add_findings(dataset.findings, std::move(findings));
  return dataset;
}

std::string yaml_quoted(std::string_view text) {
  std::string result = "\"";
  for (const char c : printable(text, 1000)) {
    if (c == '"' || c == '\\') result += '\\';
    result += c;
  }
  return result + "\"";
}

Findings write(std::span<const Part> parts, const Path& folder, const WriteOptions& options) {
  data::Target target(folder, parts);
  std::int64_t done = 0, total = 0;
  for (const Part& part : parts) total += static_cast<std::int64_t>(part.data.items.size());
  std::string yaml = "# pictures below images/, labels below labels/: class x y w h\npath: .\n";
  for (const Part& part : parts) {
    const std::string split(word(part.split == Split::all ? Split::train : part.split));
    yaml += format("{0}: images/{0}\n", split);
    if (part.split == Split::all) yaml += "val: images/train\n";
    for (const Item& item : part.data.items) {
      const Path image = target.picture(item, Path("images") / split, options.pictures);
      const Path relative =
          Path("labels") / split / Path(image.filename()).replace_extension(".txt");
      if (item.state != LabelState::missing) target.text(relative, data::yolo_text(item));
      if (options.progress) options.progress(++done, total);
    }
  }
  const std::vector<std::string>& names = parts.front().data.names;
  yaml += format("nc: {}\nnames:\n", names.size());
  for (std::size_t i = 0; i < names.size(); ++i)
    yaml += format("  {}: {}\n", i, yaml_quoted(names[i]));
  target.text("dataset.yaml", yaml);
  return data::losses(
      parts, {.area = true, .crowd = true, .difficult = true, .ids = true, .class_ids = true},
      "yolo");
}

}  // namespace

DatasetYaml parse_dataset_yaml(std::string_view text, const std::string& file) {
  return with_where({.file = file}, [&] {
    if (text.find('\0') != std::string_view::npos) {
      throw Error(ErrorKind::input, "expected text, found a binary file");
    }
    return interpret(parse(text));
  });
}

DatasetFormat data::yaml_format() {
  return {"yolo", "YAML (path train val test nc names) with YOLO labels", matches, splits, read,
          write};
}

}  // namespace syolo
