// The dataset formats, the most specific first: a folder of pictures is also what several others
// look like from outside.

#include <algorithm>
#include <array>

#include "syolo/data/formats/formats_impl.h"

namespace syolo {

std::string_view word(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::val:
      return "val";
    case Split::test:
      return "test";
    case Split::all:
      return "all";
  }
  return "all";
}

std::span<const DatasetFormat> dataset_formats() {
  static const std::array rows = {
      data::coco_format(), data::darknet_format(), data::list_format(),  data::yaml_format(),
      data::voc_format(),  data::classes_format(), data::folder_format()};
  return rows;
}

const DatasetFormat* find_format(std::string_view name) {
  for (const DatasetFormat& row : dataset_formats()) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

namespace {

/// Folders often hold the file that describes them.
Path described_by(const Path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return path;
  for (const std::string_view name : {"dataset.yaml", "data.yaml", "obj.data"}) {
    if (std::filesystem::is_regular_file(path / name, error)) return path / name;
  }
  return path;
}

const DatasetFormat& format_of(const Path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    throw Error(ErrorKind::io, "cannot open: no such file or folder", {.file = path.string()});
  }
  for (const DatasetFormat& row : dataset_formats()) {
    if (row.matches(path)) return row;
  }
  std::string known;
  for (const DatasetFormat& row : dataset_formats())
    known += format("{}: {}\n", row.name, row.what);
  known.pop_back();
  throw Error(ErrorKind::input, "expected a dataset, found something else", {.file = path.string()},
              known);
}

/// Gives all parts one list of names: parts with numbered classes know only their own, COCO files
/// may list theirs in another order.
void unify_names(std::vector<Part>& parts, const Path& file) {
  std::vector<std::string> names;
  std::vector<std::int64_t> ids;
  std::map<std::string, int> numbers;
  for (Part& part : parts) {
    std::vector<int> to;
    for (std::size_t i = 0; i < part.data.names.size(); ++i) {
      const auto [at, is_new] = numbers.emplace(part.data.names[i], static_cast<int>(names.size()));
      if (is_new) {
        names.push_back(part.data.names[i]);
        ids.push_back(part.data.class_ids[i]);
      }
      to.push_back(at->second);
    }
    bool same = true;
    for (std::size_t i = 0; i < to.size(); ++i) same = same && to[i] == static_cast<int>(i);
    if (same) continue;
    part.data.findings.push_back(
        found(to.size() == names.size() ? "class-permuted" : "class-names", {.file = file.string()},
              format("the part {} lists other class names; its boxes follow the names",
                     word(part.split))));
    for (Item& item : part.data.items) {
      for (Truth& truth : item.truths) truth.cls = to[static_cast<std::size_t>(truth.cls)];
    }
  }
  for (Part& part : parts) {
    part.data.names = names;
    part.data.class_ids = ids;
  }
}

}  // namespace

const DatasetFormat& dataset_format(const Path& path) {
  return format_of(described_by(path));
}

Dataset load_dataset(const Path& path, Split split, const Limits& limits,
                     const ReadProgress& progress) {
  const Path file = described_by(path);
  return format_of(file).read(file, split, limits, progress);
}

std::vector<Part> load_parts(const Path& path, const Limits& limits, const ReadProgress& progress) {
  const Path file = described_by(path);
  const DatasetFormat& row = format_of(file);
  std::vector<Part> parts;
  for (const Split split : row.splits(file, limits)) {
    parts.push_back({split, row.read(file, split, limits, progress)});
  }
  unify_names(parts, file);
  return parts;
}

Dataset joined(std::vector<Part> parts) {
  Dataset all;
  std::set<Path> seen;
  std::set<std::int64_t> ids;
  bool unique = true;
  for (Part& part : parts) {
    if (all.names.empty()) {
      all.names = part.data.names;
      all.class_ids = part.data.class_ids;
    }
    for (Item& item : part.data.items) {
      if (!seen.insert(item.image).second) continue;  // one list may serve as two parts
      unique = unique && ids.insert(item.id).second;
      all.items.push_back(std::move(item));
    }
    data::add_findings(all.findings, std::move(part.data.findings));
  }
  for (std::size_t i = 0; !unique && i < all.items.size(); ++i) {
    all.items[i].id = static_cast<std::int64_t>(i) + 1;
  }
  return all;
}

}  // namespace syolo
