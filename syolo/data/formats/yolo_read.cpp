// Pictures with YOLO labels -> items. Labels lie beside the picture, or where the last "images" of
// its path reads "labels" (Darknet's sets: "JPEGImages"); which rule served is said.

#include <algorithm>
#include <array>

#include "syolo/base/parallel.h"
#include "syolo/data/formats/formats_impl.h"

namespace syolo::data {
namespace {

namespace fs = std::filesystem;

enum Place { labels_folder, beside_image, nowhere };

struct Read {
  Item item;
  std::vector<YoloRow> rows;
  Findings findings;
  Place place = nowhere;
  bool usable = false, two_places = false;
};

/// The label path in a folder "labels", or empty when no folder of the path is called "images".
Path in_labels_folder(const Path& image) {
  std::vector<Path> parts(image.begin(), image.end());
  for (std::size_t i = parts.size() - (parts.empty() ? 0 : 1); i-- > 0;) {
    if (parts[i] != "images" && parts[i] != "JPEGImages") continue;
    parts[i] = "labels";
    Path result;
    for (const Path& part : parts) result /= part;
    return result.replace_extension(".txt");
  }
  return {};
}

void find_label(const Path& image, Read& read) {
  std::error_code error;
  const Path other = in_labels_folder(image), beside = Path(image).replace_extension(".txt");
  const bool has_other = !other.empty() && fs::exists(other, error);
  const bool has_beside = fs::exists(beside, error);
  read.place = has_other ? labels_folder : has_beside ? beside_image : nowhere;
  read.two_places = has_other && has_beside;
  read.item.label = has_other || (!has_beside && !other.empty()) ? other : beside;
}

void read_labels(Read& read, int classes, const Limits& limits) {
  const std::string file = read.item.label.string();
  if (read.place == nowhere) {
    read.item.state = LabelState::missing;
    read.findings.push_back(
        found("label-missing", {.file = read.item.image.string()}, "no label file at " + file));
    return;
  }
  try {
    const std::string text = read_text(read.item.label, limits.text_bytes * 64);
    if (trim(text).empty()) {
      read.item.state = LabelState::empty;
      read.findings.push_back(
          found("label-empty", {.file = file}, "no boxes: a background picture"));
      return;
    }
    read.rows = parse_yolo_labels(text, file, classes, read.findings, limits);
  } catch (const Error& error) {
    read.findings.push_back(found("label-unreadable", {.file = file}, error.text()));
  }
  read.item.state = read.rows.empty() ? LabelState::empty : LabelState::present;
}

Read read_one(const PictureRef& ref, int classes, const Limits& limits) {
  Read read;
  read.item.image = ref.path;
  find_label(ref.path, read);
  const std::optional<Size> size = picture_size(ref.path, ref.where, read.findings, limits);
  const bool missing = !read.findings.empty() && read.findings.back().rule == "image-missing";
  if (!missing) read_labels(read, classes, limits);
  read.usable = size.has_value();
  if (!size) return read;
  read.item.size = *size;
  read.item.truths.reserve(read.rows.size());
  for (const YoloRow& row : read.rows) {
    Truth truth;
    truth.box = {row.x * size->width, row.y * size->height, row.w * size->width,
                 row.h * size->height};
    truth.area = truth.box.w * truth.box.h;
    truth.cls = row.cls;
    truth.line = row.line;
    read.item.truths.push_back(truth);
  }
  read.rows = {};
  return read;
}

struct Places {
  std::array<std::int64_t, 3> count{};
  std::array<std::string, 3> first;
  std::string misses;  // the first three
  std::int64_t two = 0;
};

void count_place(const Read& read, Places& places) {
  const auto place = static_cast<std::size_t>(read.place);
  if (places.count[place]++ == 0) places.first[place] = read.item.label.string();
  if (read.place == nowhere && places.count[place] <= 3) {
    const Path beside = Path(read.item.image).replace_extension(".txt");
    places.misses += (places.misses.empty() ? "" : ", ") + read.item.label.string();
    if (beside != read.item.label) places.misses += ", " + beside.string();
  }
  places.two += read.two_places ? 1 : 0;
}

void report_places(const Places& places, Findings& findings) {
  constexpr std::array<std::string_view, 2> kWhere = {
      "labels of {} pictures in folders \"labels\", as {}",
      "labels of {} pictures beside them, as {}"};
  for (const std::size_t i : {0U, 1U}) {
    if (places.count[i] == 0) continue;
    findings.push_back(
        found("label-source", {},
              format(kWhere[i], grouped(places.count[i]), printable(places.first[i]))));
  }
  if (places.count[2] > 0) {
    findings.push_back(found("label-source", {},
                             format("no labels for {} pictures; looked for {}",
                                    grouped(places.count[2]), printable(places.misses, 600))));
  }
  if (places.two > 0 || (places.count[0] > 0 && places.count[1] > 0)) {
    findings.push_back(found("label-place", {.file = places.first[beside_image]},
                             format("labels in folders \"labels\" for {} pictures, beside {} "
                                    "pictures, in both places for {}",
                                    places.count[0], places.count[1], places.two)));
  }
}

void number_classes(Dataset& dataset) {
  int most = -1;
  for (const Item& item : dataset.items) {
    for (const Truth& truth : item.truths) most = std::max(most, truth.cls);
  }
  for (int i = 0; i <= most; ++i) dataset.names.push_back(std::to_string(i));
  if (most < 0) return;
  dataset.findings.push_back(
      found("class-numbers", {}, format("no class names: numbered 0..{}", most)));
}

/// The folder's only *.names; empty path when there are none or several.
Path only_names_file(const Path& folder) {
  Path found;
  std::error_code error;
  fs::directory_iterator it(folder, error);
  for (const fs::directory_iterator end; !error && it != end; it.increment(error)) {
    if (it->path().extension() != ".names") continue;
    if (!found.empty()) return {};
    found = it->path();
  }
  return found;
}

}  // namespace

Dataset read_yolo(std::vector<PictureRef> pictures, std::vector<std::string> names,
                  const Limits& limits, const ReadProgress& progress) {
  const int classes = names.empty() ? -1 : static_cast<int>(names.size());
  std::vector<Read> reads(pictures.size());
  PictureCount count(pictures.size(), progress);
  for_each_parallel(pictures.size(), 0, [&](std::size_t i, std::size_t) {
    reads[i] = read_one(pictures[i], classes, limits);
    count.one();
  });
  Dataset dataset;
  dataset.names = std::move(names);
  Places places;
  for (Read& read : reads) {
    count_place(read, places);
    add_findings(dataset.findings, std::move(read.findings));
    if (!read.usable) continue;
    read.item.id = static_cast<std::int64_t>(dataset.items.size());
    dataset.items.push_back(std::move(read.item));
  }
  report_places(places, dataset.findings);
  if (classes < 0) number_classes(dataset);
  for (std::size_t i = 0; i < dataset.names.size(); ++i) {
    dataset.class_ids.push_back(static_cast<std::int64_t>(i));
  }
  return dataset;
}

std::vector<std::string> read_class_names(const Path& path, const Limits& limits) {
  const std::string text = read_text(path, limits.text_bytes);
  std::vector<std::string> names;
  for (const std::string_view line : lines(text)) names.emplace_back(trim(line));
  while (!names.empty() && names.back().empty()) names.pop_back();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) {
      throw Error(ErrorKind::input, "expected a class name, found an empty line",
                  {.file = path.string(), .line = static_cast<int>(i) + 1},
                  "names count from the first line on; an empty line would shift those behind it");
    }
  }
  return names;
}

Path names_beside(const Path& folder) {
  std::error_code error;
  for (const Path& place : {folder, folder.parent_path()}) {
    for (const std::string_view name : {"classes.txt", "obj.names", "names.txt"}) {
      if (fs::is_regular_file(place / name, error)) return place / name;
    }
  }
  return only_names_file(folder);
}

}  // namespace syolo::data
