// Plain folders and lists of pictures with YOLO labels.

#include "syolo/data/formats/formats_impl.h"

namespace syolo::data {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names_of(const Path& folder, const Limits& limits) {
  const Path file = names_beside(folder);
  return file.empty() ? std::vector<std::string>{} : read_class_names(file, limits);
}

/// images/train, train/images, train: whichever layout is used.
Path split_folder(const Path& folder, Split split) {
  std::error_code error;
  for (const std::string_view name :
       {word(split), split == Split::val ? std::string_view("valid") : word(split)}) {
    for (const Path& place : {folder / "images" / name, folder / name / "images"}) {
      if (fs::is_directory(place, error)) return place;
    }
  }
  return {};
}

bool folder_matches(const Path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return false;
  fs::recursive_directory_iterator it(path, fs::directory_options::skip_permission_denied, error);
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    if (is_picture_name(it->path())) return true;
  }
  return false;
}

std::vector<Split> folder_splits(const Path& path, const Limits&) {
  std::vector<Split> result;
  for (const Split split : {Split::train, Split::val, Split::test}) {
    if (!split_folder(path, split).empty()) result.push_back(split);
  }
  if (result.empty()) result.push_back(Split::all);
  return result;
}

Dataset read_folder(const Path& path, Split split, const Limits& limits,
                    const ReadProgress& progress) {
  Path place = path;
  if (split != Split::all && !split_folder(path, split).empty()) place = split_folder(path, split);
  return read_yolo(pictures_below(place, true), names_of(path, limits), limits, progress);
}

bool list_matches(const Path& path) {
  const std::string head = head_of(path);
  const auto rows = lines(head);
  for (const std::string_view line : rows) {
    std::string_view row = trim(line);
    if (row.size() >= 2 && (row.front() == '"' || row.front() == '\''))
      row = row.substr(1, row.size() - 2);
    if (!row.empty()) return is_picture_name(Path(row));
  }
  return false;
}

std::vector<Split> list_splits(const Path&, const Limits&) {
  return {Split::all};
}

Dataset read_list(const Path& path, Split, const Limits& limits, const ReadProgress& progress) {
  Findings findings;
  auto pictures = pictures_of_list(path, path.parent_path(), findings, limits);
  const Path home = path.parent_path();
  Dataset dataset =
      read_yolo(std::move(pictures), names_of(home.empty() ? "." : home, limits), limits, progress);
  add_findings(dataset.findings, std::move(findings));
  return dataset;
}

}  // namespace

DatasetFormat folder_format() {
  return {"folder",       "a folder of pictures with YOLO labels beside them or under labels/",
          folder_matches, folder_splits,
          read_folder,    nullptr};
}

DatasetFormat list_format() {
  return {"list",       "a list of pictures, one path a line, with YOLO labels",
          list_matches, list_splits,
          read_list,    nullptr};
}

}  // namespace syolo::data
