// Classification: one folder of pictures per class, perhaps below train/, val/ and test/.

#include <algorithm>
#include <cmath>

#include "syolo/base/parallel.h"
#include "syolo/data/augment/augment_impl.h"
#include "syolo/data/formats/formats_impl.h"
#include "syolo/image/codec.h"

namespace syolo::data {
namespace {

namespace fs = std::filesystem;

std::vector<Path> folders_in(const Path& folder) {
  std::vector<Path> folders;
  std::error_code error;
  fs::directory_iterator it(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    std::error_code ignored;  // what vanishes meanwhile is no folder
    if (it->is_directory(ignored) && !it->path().filename().string().starts_with('.')) {
      folders.push_back(it->path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

/// The first picture that stands in the folder itself, in the order of the system.
Path any_picture(const Path& folder) {
  std::error_code error;
  fs::directory_iterator it(folder, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    if (is_picture_name(it->path())) return it->path();
  }
  return {};
}

bool is_word_of_detection(const Path& folder) {
  constexpr std::string_view kWords[] = {"images",      "labels",     "train", "val",  "valid",
                                         "annotations", "JPEGImages", "test",  "masks"};
  return std::find(std::begin(kWords), std::end(kWords), folder.filename().string()) !=
         std::end(kWords);
}

/// At least two folders with pictures of their own and no label beside them, and nothing that a
/// dataset for detection has.
bool has_classes(const Path& folder) {
  int classes = 0;
  if (!any_picture(folder).empty()) return false;
  for (const Path& one : folders_in(folder)) {
    if (is_word_of_detection(one)) return false;
    Path picture = any_picture(one);
    if (picture.empty()) continue;
    std::error_code error;
    if (fs::exists(picture.replace_extension(".txt"), error) ||
        fs::exists(picture.replace_extension(".xml"), error)) {
      return false;
    }
    ++classes;
  }
  return classes >= 2;
}

Path split_folder(const Path& path, Split split) {
  std::error_code error;
  Path folder = path / word(split);
  if (split == Split::val && !fs::is_directory(folder, error)) return path / "valid";
  return folder;
}

std::vector<Split> splits(const Path& path, const Limits&) {
  std::vector<Split> result;
  for (const Split split : {Split::train, Split::val, Split::test}) {
    if (has_classes(split_folder(path, split))) result.push_back(split);
  }
  if (result.empty()) result.push_back(Split::all);
  return result;
}

bool matches(const Path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return false;
  return has_classes(path) || splits(path, {}).front() != Split::all;
}

std::vector<Path> roots_of(const Path& path, Split split) {
  std::vector<Path> roots;
  for (const Split one : splits(path, {})) {
    if (one == Split::all) return {path};
    if (split == Split::all || split == one) roots.push_back(split_folder(path, one));
  }
  return roots;
}

std::vector<std::string> class_names(const Path& path) {
  std::set<std::string> names;
  for (const Path& root : roots_of(path, Split::all)) {
    for (const Path& folder : folders_in(root)) names.insert(folder.filename().string());
  }
  return {names.begin(), names.end()};
}

Dataset read(const Path& path, Split split, const Limits& limits, const ReadProgress& progress) {
  Dataset dataset;
  dataset.names = class_names(path);  // of all parts, so that numbers agree
  for (std::size_t i = 0; i < dataset.names.size(); ++i) {
    dataset.class_ids.push_back(static_cast<std::int64_t>(i));
  }
  std::vector<Item> items;
  for (const Path& root : roots_of(path, split)) {
    for (const Path& folder : folders_in(root)) {
      const auto at =
          std::lower_bound(dataset.names.begin(), dataset.names.end(), folder.filename().string());
      for (PictureRef& picture : pictures_below(folder, true)) {
        Item item;
        item.image = std::move(picture.path);
        item.cls = static_cast<int>(at - dataset.names.begin());
        items.push_back(std::move(item));
      }
    }
  }
  std::vector<Findings> findings(items.size());
  PictureCount count(items.size(), progress);
  for_each_parallel(items.size(), 0, [&](std::size_t i, std::size_t) {
    items[i].size = picture_size(items[i].image, {}, findings[i], limits).value_or(Size{});
    count.one();
  });
  for (std::size_t i = 0; i < items.size(); ++i) {
    add_findings(dataset.findings, std::move(findings[i]));
    if (items[i].size == Size{}) continue;
    items[i].id = static_cast<std::int64_t>(dataset.items.size());
    dataset.items.push_back(std::move(items[i]));
  }
  return dataset;
}

/// A class's name as a folder: nothing that leads elsewhere.
Path folder_name(const std::string& name) {
  std::string result = printable(name, 200);
  std::replace(result.begin(), result.end(), '/', '_');
  if (result.empty() || result.front() == '.') result.insert(result.begin(), '_');
  return result;
}

/// The picture of each box, for what has boxes.
void write_crops(const Item& item, const std::vector<std::string>& names, const Path& sub,
                 Target& target) {
  const Image image = load_image(item.image);
  for (const Truth& truth : item.truths) {
    const BoxXywh box = clipped(truth.box, image.width, image.height);
    const int x = static_cast<int>(box.x), y = static_cast<int>(box.y);
    const int w = std::min(image.width, static_cast<int>(std::ceil(box.x + box.w))) - x;
    const int h = std::min(image.height, static_cast<int>(std::ceil(box.y + box.h))) - y;
    if (truth.crowd || w < 1 || h < 1) continue;
    Image crop(w, h, 3);
    paste(image, x, y, w, h, crop, 0, 0);
    const Path folder = sub / folder_name(names[static_cast<std::size_t>(truth.cls)]);
    save_image(target.unique(folder, item.image.stem(), ".jpg"), crop.view());
  }
}

Findings write(std::span<const Part> parts, const Path& folder, const WriteOptions& options) {
  if (options.pictures == Pictures::none) {
    throw Error(ErrorKind::usage, "expected pictures to be copied or linked, found none",
                {.file = {}, .item = "--pictures"}, "the folders of pictures are the classes");
  }
  Target target(folder, parts, Target::Holds::classes);
  std::int64_t done = 0, total = 0, boxes = 0;
  for (const Part& part : parts) total += static_cast<std::int64_t>(part.data.items.size());
  for (const Part& part : parts) {
    const Path sub = part.split == Split::all ? Path() : Path(word(part.split));
    for (const Item& item : part.data.items) {
      if (item.cls >= 0) {
        const std::string& name = part.data.names[static_cast<std::size_t>(item.cls)];
        target.picture(item, sub / folder_name(name), options.pictures);
      } else {
        write_crops(item, part.data.names, sub, target);
        boxes += std::ssize(item.truths);
      }
      if (options.progress) options.progress(++done, total);
    }
  }
  Findings findings;
  if (boxes > 0) {
    findings.push_back(found("not-kept", {},
                             format("classes cannot hold the places of {} boxes: each is a picture "
                                    "of its own now, crowds are left out",
                                    grouped(boxes))));
  }
  return findings;
}

}  // namespace

DatasetFormat classes_format() {
  return {"classes", "a folder of pictures for each class, perhaps below train/, val/, test/",
          matches,   splits,
          read,      write};
}

}  // namespace syolo::data
