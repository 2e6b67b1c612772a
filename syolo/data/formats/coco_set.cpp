// COCO instances JSON as a dataset: the pictures' folder is found, the splits are files beside each
// other (instances_train*.json, instances_val*.json).

#include "syolo/data/coco.h"

#include <algorithm>

#include "syolo/base/parallel.h"
#include "syolo/data/formats/formats_impl.h"

namespace syolo {
namespace {

namespace fs = std::filesystem;

bool matches_file(const Path& path) {
  const std::string head = data::head_of(path);
  const std::size_t at = head.find_first_not_of(" \t\r\n\xEF\xBB\xBF");
  if (at == std::string::npos || head[at] != '{') return false;
  for (const std::string_view key :
       {"\"images\"", "\"annotations\"", "\"categories\"", "\"info\""}) {
    if (head.find(key) != std::string::npos) return true;
  }
  return false;
}

/// <annotations>/*train*.json and so on; the file itself when `path` is one.
Path split_file(const Path& path, Split split) {
  std::error_code error;
  const std::string name(word(split));
  std::vector<Path> files;
  for (const Path& folder : {path / "annotations", path}) {
    fs::directory_iterator it(folder, error);
    for (; !error && it != fs::directory_iterator(); it.increment(error)) {
      const std::string file = it->path().filename().string();
      if (it->path().extension() == ".json" && file.find(name) != std::string::npos &&
          (file.starts_with("instances") || file.starts_with(name))) {
        files.push_back(it->path());
      }
    }
    if (!files.empty()) break;
  }
  if (files.empty()) return {};
  return *std::min_element(files.begin(), files.end());
}

bool matches(const Path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return matches_file(path);
  for (const Split split : {Split::train, Split::val, Split::test}) {
    const Path file = split_file(path, split);
    if (!file.empty() && matches_file(file)) return true;
  }
  return false;
}

std::vector<Split> splits(const Path& path, const Limits&) {
  std::error_code error;
  std::vector<Split> result;
  if (fs::is_directory(path, error)) {
    for (const Split split : {Split::train, Split::val, Split::test}) {
      if (!split_file(path, split).empty()) result.push_back(split);
    }
  }
  if (result.empty()) result.push_back(Split::all);
  return result;
}

/// The folder below which the first pictures exist; empty when none do.
Path pictures_folder(const Dataset& dataset, const Path& file) {
  const Path home = file.parent_path(), up = home.parent_path();
  std::vector<Path> candidates = {home, home / "images", up, up / "images"};
  const std::string stem = file.stem().string();
  const std::size_t underscore = stem.find('_');
  for (const Path& base : {home, up, up / "images", home / "images"}) {
    candidates.push_back(base / stem);
    if (underscore != std::string::npos) candidates.push_back(base / stem.substr(underscore + 1));
  }
  std::error_code error;
  const std::size_t tries = std::min<std::size_t>(dataset.items.size(), 20);
  for (std::size_t i = 0; i < tries; ++i) {
    for (const Path& folder : candidates) {
      if (fs::exists(folder / dataset.items[i].image, error)) return folder;
    }
  }
  return {};
}

void check_item(Item& item, bool& usable, Findings& findings, const Limits& limits) {
  const std::optional<Size> size = data::picture_size(item.image, {}, findings, limits);
  usable = size.has_value();
  if (!size) return;
  if (item.size != Size{} && item.size != *size) {
    const bool turned = item.size.width == size->height && item.size.height == size->width;
    findings.push_back(found(turned ? "image-exif-labels" : "image-size",
                             {.file = item.image.string()},
                             format("expected the picture's size {}x{}, found {}x{} in the JSON",
                                    size->width, size->height, item.size.width, item.size.height)));
  }
  item.size = *size;
}

Dataset read_file(const Path& file, const Limits& limits, const ReadProgress& progress) {
  Dataset dataset = read_coco(file, limits, progress);
  const Path folder = pictures_folder(dataset, file);
  if (folder.empty()) {  // annotations alone are still worth reading: sizes are theirs
    if (!dataset.items.empty()) {
      dataset.findings.push_back(found(
          "image-missing", {.file = dataset.items.front().image.string()},
          format("none of the pictures is beside {} or in a folder it names", file.string())));
    }
    return dataset;
  }
  std::vector<Findings> findings(dataset.items.size());
  std::vector<char> usable(dataset.items.size());
  data::PictureCount count(dataset.items.size(), progress);
  for_each_parallel(dataset.items.size(), 0, [&](std::size_t i, std::size_t) {
    Item& item = dataset.items[i];
    item.image = folder / item.image;
    bool good = true;
    check_item(item, good, findings[i], limits);
    usable[i] = good ? 1 : 0;
    count.one();
  });
  std::size_t kept = 0;
  for (std::size_t i = 0; i < dataset.items.size(); ++i) {
    data::add_findings(dataset.findings, std::move(findings[i]));
    if (usable[i] == 0) continue;
    if (kept != i) dataset.items[kept] = std::move(dataset.items[i]);
    ++kept;
  }
  dataset.items.resize(kept);
  return dataset;
}

Dataset read(const Path& path, Split split, const Limits& limits, const ReadProgress& progress) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return read_file(path, limits, progress);
  if (split != Split::all) return read_file(split_file(path, split), limits, progress);
  std::vector<Part> parts;
  for (const Split one : splits(path, limits)) {
    parts.push_back({one, read_file(split_file(path, one), limits, progress)});
  }
  return joined(std::move(parts));
}

Findings write(std::span<const Part> parts, const Path& folder, const WriteOptions& options) {
  data::Target target(folder, parts);
  std::int64_t done = 0, total = 0;
  for (const Part& part : parts) total += static_cast<std::int64_t>(part.data.items.size());
  for (const Part& part : parts) {
    const std::string split(part.split == Split::all ? "train" : word(part.split));
    Dataset copy = part.data;
    copy.findings.clear();
    for (Item& item : copy.items) {
      const Path image = target.picture(item, Path("images") / split, options.pictures);
      item.image = options.pictures == Pictures::none ? image : Path(image.filename());
      if (options.progress) options.progress(++done, total);
    }
    std::error_code error;
    fs::create_directories(folder / "annotations", error);
    write_coco(copy, folder / "annotations" / ("instances_" + split + ".json"));
  }
  return data::losses(parts, {.difficult = true, .labels_missing = true}, "coco");
}

}  // namespace

DatasetFormat data::coco_format() {
  return {"coco",  "COCO instances JSON, or a folder with annotations/instances_*.json",
          matches, splits,
          read,    write};
}

}  // namespace syolo
