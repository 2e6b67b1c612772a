// Darknet: a .data file of "key = value" names lists of pictures and a file of class names.

#include <array>

#include "syolo/data/formats/formats_impl.h"

namespace syolo {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 4> kKeys = {"train", "valid", "test", "names"};

bool matches(const Path& path) {
  const std::string head = data::head_of(path);
  for (const std::string_view line : lines(head)) {
    const std::string_view row = trim(line);
    if (row.empty() || row.starts_with('#')) continue;
    const std::size_t equals = row.find('=');
    if (equals == std::string_view::npos) return false;  // a list, a cfg, anything else
    const std::string_view key = trim(row.substr(0, equals));
    for (const std::string_view known : kKeys) {
      if (key == known) return true;
    }
    if (key != "classes" && key != "backup" && key != "eval" && key != "results") return false;
  }
  return false;
}

DarknetData load(const Path& path, const Limits& limits) {
  return parse_darknet_data(read_text(path, limits.text_bytes), path.string());
}

const std::string& list_of(const DarknetData& data, Split split) {
  return split == Split::train ? data.train : split == Split::val ? data.valid : data.test;
}

std::vector<Split> splits(const Path& path, const Limits& limits) {
  const DarknetData data = load(path, limits);
  std::vector<Split> result;
  for (const Split split : {Split::train, Split::val, Split::test}) {
    if (!list_of(data, split).empty()) result.push_back(split);
  }
  return result;
}

/// Darknet reads paths from the working folder; files travel, so the .data file's own folder and
/// the bare name beside it are tried too.
Path locate(const std::string& value, const Path& file, std::string_view key) {
  const Path home = file.parent_path();
  return data::first_existing({home / value, Path(value), home / Path(value).filename()},
                              {.file = file.string(), .item = std::string(key)});
}

Dataset read(const Path& path, Split split, const Limits& limits, const ReadProgress& progress) {
  const DarknetData data = load(path, limits);
  std::vector<std::string> names;
  Findings findings;
  if (!data.names.empty()) {
    const Path file = locate(data.names, path, "names");
    names = data::read_class_names(file, limits);
    if (data.classes >= 0 && data.classes != static_cast<int>(names.size())) {
      findings.push_back(found(
          "class-names", {.file = path.string()},
          format("classes = {}, but {} has {} names", data.classes, file.string(), names.size())));
    }
  }
  std::vector<data::PictureRef> pictures;
  std::set<std::string> lists;
  for (const Split one : {Split::train, Split::val, Split::test}) {
    const std::string& list = list_of(data, one);
    if (list.empty() || (split != Split::all && split != one) || !lists.insert(list).second)
      continue;
    auto more =
        data::pictures_of(locate(list, path, word(one)), path.parent_path(), findings, limits);
    pictures.insert(pictures.end(), more.begin(), more.end());
  }
  Dataset dataset = data::read_yolo(std::move(pictures), std::move(names), limits, progress);
  data::add_findings(dataset.findings, std::move(findings));
  return dataset;
}

Findings write(std::span<const Part> parts, const Path& folder, const WriteOptions& options) {
  data::Target target(folder, parts);
  std::int64_t done = 0, total = 0;
  for (const Part& part : parts) total += static_cast<std::int64_t>(part.data.items.size());
  std::string data, names;
  for (const std::string& name : parts.front().data.names) names += name + "\n";
  data += format("classes = {}\n", parts.front().data.names.size());
  for (const Part& part : parts) {
    const Split split = part.split == Split::all ? Split::train : part.split;
    std::string list;
    for (const Item& item : part.data.items) {
      const Path image = target.picture(item, "data", options.pictures);
      list += "data/" + image.filename().string() + "\n";
      if (item.state != LabelState::missing) {
        target.text(Path("data") / Path(image.filename()).replace_extension(".txt"),
                    data::yolo_text(item));
      }
      if (options.progress) options.progress(++done, total);
    }
    const std::string key(split == Split::val ? "valid" : word(split));
    target.text(key + ".txt", list);
    data += format("{0} = {0}.txt\n", key);
    if (part.split == Split::all) data += "valid = train.txt\n";
  }
  target.text("obj.names", names);
  target.text("obj.data", data + "names = obj.names\nbackup = backup\n");
  return data::losses(
      parts, {.area = true, .crowd = true, .difficult = true, .ids = true, .class_ids = true},
      "darknet");
}

}  // namespace

DarknetData parse_darknet_data(std::string_view text, const std::string& file) {
  DarknetData data;
  int number = 0;
  std::set<std::string_view> seen;
  for (const std::string_view line : lines(text)) {
    ++number;
    const std::string_view row = trim(line);
    if (row.empty() || row.starts_with('#') || row.starts_with(';')) continue;
    const Where where = {.file = file, .line = number};
    const std::size_t equals = row.find('=');
    if (equals == std::string_view::npos) {
      throw Error(ErrorKind::input, "expected key = value, found \"" + printable(row, 60) + "\"",
                  where);
    }
    const std::string_view key = trim(row.substr(0, equals)), value = trim(row.substr(equals + 1));
    if (!seen.insert(key).second) {
      throw Error(ErrorKind::input, format("expected \"{}\" once, found it again", printable(key)),
                  where);
    }
    if (value.find('\0') != std::string_view::npos) {
      throw Error(ErrorKind::input, "expected text, found a binary file", where);
    }
    if (key == "classes") {
      const std::optional<std::int64_t> count = parse_int(value);
      if (!count || *count < 1 || *count > 100'000) {
        throw Error(ErrorKind::input,
                    format("expected 1 class or more, found \"{}\"", printable(value, 40)), where);
      }
      data.classes = static_cast<int>(*count);
    }
    if (key == "train") data.train = value;
    if (key == "valid") data.valid = value;
    if (key == "test") data.test = value;
    if (key == "names") data.names = value;
  }
  if (data.train.empty() && data.valid.empty() && data.test.empty()) {
    throw Error(ErrorKind::input, "expected train or valid, found neither", {.file = file});
  }
  return data;
}

DatasetFormat data::darknet_format() {
  return {"darknet", ".data, .names and lists of pictures with YOLO labels", matches, splits, read,
          write};
}

}  // namespace syolo
