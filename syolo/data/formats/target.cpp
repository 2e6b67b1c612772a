// What writers share: the folder they fill, unique names, and the account of what is lost.

#include <algorithm>

#include "syolo/data/formats/formats_impl.h"

namespace syolo::data {

namespace fs = std::filesystem;

namespace {

bool inside(const Path& path, const Path& folder) {
  std::error_code error;
  const Path a = fs::weakly_canonical(path, error), b = fs::weakly_canonical(folder, error);
  return std::mismatch(b.begin(), b.end(), a.begin(), a.end()).first == b.end();
}

}  // namespace

Target::Target(const Path& folder, std::span<const Part> parts, Holds holds) : folder_(folder) {
  std::error_code error;
  for (const Part& part : parts) {
    if (holds == Holds::classes || part.data.items.empty() || part.data.items[0].cls < 0) continue;
    throw Error(ErrorKind::usage, "expected a dataset with boxes, found classes of whole pictures",
                {.file = {}, .item = "--to"}, "folders of classes are written by --to classes");
  }
  if (fs::exists(folder, error) && !fs::is_empty(folder, error)) {
    throw Error(ErrorKind::usage, "expected a new or empty folder, found one with files in it",
                {.file = folder.string(), .item = "--out"});
  }
  std::set<Path> sources;
  for (const Part& part : parts) {
    for (const Item& item : part.data.items) {
      sources.insert(item.image.parent_path());
      if (!item.label.empty()) sources.insert(item.label.parent_path());
    }
  }
  for (const Path& source : sources) {
    if (source.empty() || !inside(folder, source)) continue;
    throw Error(ErrorKind::usage, "expected a folder outside the dataset's own folders",
                {.file = folder.string(), .item = "--out"},
                "the source is never written to: " + source.string());
  }
  fs::create_directories(folder, error);
  if (error) {
    throw Error(ErrorKind::io, "cannot make this folder: " + error.message(),
                {.file = folder.string()});
  }
}

void Target::text(const Path& relative, std::string_view text) const {
  const Path path = folder_ / relative;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  write_file_atomic(path, text);
}

Path Target::unique(const Path& sub, const Path& stem, const Path& suffix) {
  // Two pictures may share a name in different folders, or a stem with different suffixes.
  Path key = sub / stem, name = stem;
  for (int i = 2; !used_.insert(key).second; ++i) {
    name = Path(stem.string() + "-" + std::to_string(i));
    key = sub / name;
  }
  Path path = folder_ / sub / Path(name.string() + suffix.string());
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  return path;
}

Path Target::picture(const Item& item, const Path& sub, Pictures how) {
  if (how == Pictures::none) return fs::absolute(item.image);
  Path path = unique(sub, item.image.stem(), item.image.extension());
  std::error_code error;
  if (how == Pictures::copy) {
    fs::copy_file(item.image, path, error);
  } else {
    fs::create_symlink(fs::absolute(item.image), path, error);
  }
  if (error) {
    throw Error(ErrorKind::io, "cannot copy this picture: " + error.message(),
                {.file = item.image.string()});
  }
  return path;
}

std::string yolo_text(const Item& item) {
  std::string text;
  const double w = item.size.width, h = item.size.height;
  for (const Truth& truth : item.truths) {
    const BoxXywh& box = truth.box;
    text += format("{} {} {} {} {}\n", truth.cls, (box.x + box.w / 2) / w, (box.y + box.h / 2) / h,
                   box.w / w, box.h / h);
  }
  return text;
}

Findings losses(std::span<const Part> parts, const Losses& cannot, std::string_view form) {
  std::int64_t areas = 0, crowds = 0, difficult = 0, ids = 0, missing = 0;
  bool class_ids = false;
  for (const Part& part : parts) {
    for (std::size_t i = 0; i < part.data.class_ids.size(); ++i) {
      class_ids = class_ids || part.data.class_ids[i] != static_cast<std::int64_t>(i);
    }
    for (const Item& item : part.data.items) {
      missing += item.state == LabelState::missing ? 1 : 0;
      for (const Truth& truth : item.truths) {
        areas += std::abs(truth.area - truth.box.w * truth.box.h) > 1e-6 * truth.area ? 1 : 0;
        crowds += truth.crowd ? 1 : 0;
        difficult += truth.difficult ? 1 : 0;
        ids += truth.id != 0 ? 1 : 0;
      }
    }
  }
  Findings findings;
  const auto say = [&](bool lost, std::int64_t count, std::string_view what) {
    if (!lost || count == 0) return;
    findings.push_back(
        found("not-kept", {},
              format("{} cannot hold {} of {} boxes or pictures", form, what, grouped(count))));
  };
  say(cannot.area, areas, "the areas (of masks)");
  say(cannot.crowd, crowds, "the crowd mark");
  say(cannot.difficult, difficult, "the mark \"difficult\"");
  say(cannot.ids, ids, "the annotation numbers");
  say(cannot.labels_missing, missing, "the difference between missing and empty labels");
  if (cannot.class_ids && class_ids) {
    findings.push_back(found("not-kept", {}, format("{} numbers classes from 0 on", form)));
  }
  return findings;
}

}  // namespace syolo::data
