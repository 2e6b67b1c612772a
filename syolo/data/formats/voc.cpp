// Pascal VOC: a folder with Annotations/*.xml, JPEGImages/ and ImageSets/Main/*.txt. Document types
// are skipped, so no entity is ever expanded.

#include <algorithm>
#include <array>
#include <pugixml.hpp>
#include <sstream>

#include "syolo/base/parallel.h"
#include "syolo/data/formats/formats_impl.h"

namespace syolo {
namespace {

namespace fs = std::filesystem;

constexpr double kOvershoot = 0.01;

/// Line numbers of byte offsets that are asked for in growing order.
class Lines {
 public:
  explicit Lines(std::string_view text) : text_(text) {}
  int at(std::ptrdiff_t offset) {
    const auto end = static_cast<std::size_t>(std::max<std::ptrdiff_t>(offset, 0));
    if (end < at_) at_ = 0, line_ = 1;
    for (; at_ < end && at_ < text_.size(); ++at_) line_ += text_[at_] == '\n' ? 1 : 0;
    return line_;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
};

std::optional<double> number(const pugi::xml_node& node, const char* key) {
  return parse_real(trim(node.child_value(key)));
}

/// One <object>; nothing when it has no usable box.
std::optional<VocObject> read_object(const pugi::xml_node& node, const Where& where,
                                     Findings& findings) {
  VocObject object;
  object.line = where.line;
  object.name = trim(node.child_value("name"));
  object.difficult = trim(node.child_value("difficult")) == "1";
  if (object.name.empty()) {
    findings.push_back(found("label-class", where, "expected a <name>, found none"));
    return std::nullopt;
  }
  const pugi::xml_node box = node.child("bndbox");
  std::array<double, 4> corner{};
  constexpr std::array<const char*, 4> kKeys = {"xmin", "ymin", "xmax", "ymax"};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::optional<double> value = number(box, kKeys[i]);
    if (!value) {
      findings.push_back(found("label-number", where,
                               format("expected a number in <{}>, found \"{}\"", kKeys[i],
                                      printable(box.child_value(kKeys[i]), 40))));
      return std::nullopt;
    }
    corner[i] = *value;
  }
  if (corner[2] < corner[0] || corner[3] < corner[1]) {
    findings.push_back(found("label-swapped", where,
                             format("expected xmin < xmax and ymin < ymax, found {} {} {} {}",
                                    corner[0], corner[1], corner[2], corner[3])));
    if (corner[2] < corner[0]) std::swap(corner[0], corner[2]);
    if (corner[3] < corner[1]) std::swap(corner[1], corner[3]);
  } else if (corner[2] <= corner[0] || corner[3] <= corner[1]) {
    findings.push_back(found("label-size", where,
                             format("expected xmin < xmax and ymin < ymax, found {} {} {} {}",
                                    corner[0], corner[1], corner[2], corner[3])));
    return std::nullopt;
  }
  object.box = {corner[0] - 1, corner[1] - 1, corner[2] - corner[0] + 1, corner[3] - corner[1] + 1};
  return object;
}

/// Clips to the picture; false when more than 1 % lies outside.
bool fit(VocObject& object, Size size, const Where& where, Findings& findings) {
  BoxXywh& box = object.box;
  const double w = size.width, h = size.height;
  const double over =
      std::max({-box.x / w, -box.y / h, (box.x + box.w - w) / w, (box.y + box.h - h) / h});
  if (over <= 0) return true;
  // Tools that count pixels from 0 write a first pixel 0, here -1: no more than rounding.
  const double one_pixel = std::max(1 / w, 1 / h) + 1e-9;
  const bool keep = over <= std::max(kOvershoot, one_pixel);
  if (!keep || over > one_pixel) {
    findings.push_back(found(keep ? "label-overshoot" : "label-range", where,
                             format("{:.2f} % of the picture beyond its border", 100 * over)));
  }
  if (!keep) return false;
  const double right = std::min(w, box.x + box.w), bottom = std::min(h, box.y + box.h);
  box.x = std::max(0.0, box.x), box.y = std::max(0.0, box.y);
  box.w = right - box.x, box.h = bottom - box.y;
  return box.w > 0 && box.h > 0;
}

// Places -----------------------------------------------------------------------------------------

Path child(const Path& folder, std::initializer_list<std::string_view> names) {
  std::error_code error;
  for (const std::string_view name : names) {
    if (fs::is_directory(folder / name, error)) return folder / name;
  }
  return {};
}
Path annotations_of(const Path& folder) {
  return child(folder, {"Annotations", "annotations"});
}
Path pictures_folder(const Path& folder) {
  const Path found = child(folder, {"JPEGImages", "images", "Images"});
  return found.empty() ? folder : found;
}

std::vector<Path> xml_files(const Path& folder) {
  std::vector<Path> files;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error);
  for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".xml") files.push_back(it->path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

bool matches(const Path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return false;
  const Path folder = annotations_of(path);
  fs::directory_iterator it(folder.empty() ? path : folder, error);
  for (int i = 0; i < 1000 && !error && it != fs::directory_iterator(); ++i, it.increment(error)) {
    if (it->path().extension() == ".xml") return true;
  }
  return false;
}

Path list_file(const Path& folder, Split split) {
  return folder / "ImageSets" / "Main" / (std::string(word(split)) + ".txt");
}

std::vector<Split> splits(const Path& path, const Limits&) {
  std::vector<Split> result;
  std::error_code error;
  for (const Split split : {Split::train, Split::val, Split::test}) {
    if (fs::is_regular_file(list_file(path, split), error)) result.push_back(split);
  }
  if (result.empty()) result.push_back(Split::all);
  return result;
}

// Reading ----------------------------------------------------------------------------------------

struct Read {
  Item item;
  std::vector<VocObject> objects;
  Findings findings;
  bool usable = false;
};

/// <filename> as written, else the annotation's own name with any known suffix.
Path picture_of(const Path& folder, const Path& xml, const std::string& filename) {
  std::error_code error;
  const Path pictures = pictures_folder(folder);
  const Path own = pictures / xml.stem();
  for (const std::string_view suffix : {".jpg", ".jpeg", ".png", ".JPG", ".webp", ".bmp"}) {
    Path path = own.string() + std::string(suffix);
    if (fs::exists(path, error)) return path;
  }
  const Path named = Path(filename).filename();
  if (!named.empty()) return pictures / named;
  return own.string() + ".jpg";
}

void check_size(const Read& read, Size given, Size size, Findings& findings) {
  if (given == Size{} || given == size) return;
  const bool turned = given.width == size.height && given.height == size.width;
  findings.push_back(found(turned ? "image-exif-labels" : "image-size",
                           {.file = read.item.label.string()},
                           format("expected the picture's size {}x{}, found {}x{}", size.width,
                                  size.height, given.width, given.height)));
}

Read read_one(const Path& folder, const Path& xml, const Limits& limits) {
  Read read;
  read.item.label = xml;
  const std::string file = xml.string();
  VocAnnotation annotation;
  bool readable = true;
  try {
    annotation = parse_voc(read_text(xml, limits.text_bytes), file, read.findings, limits);
  } catch (const Error& error) {
    readable = false;
    const bool missing = error.kind() == ErrorKind::io;
    Where where = error.where();
    where.file = file;
    read.findings.push_back(
        found(missing ? "label-missing" : "label-unreadable", std::move(where), error.text()));
  }
  read.item.image = picture_of(folder, xml, annotation.filename);
  const std::optional<Size> size = data::picture_size(read.item.image, {}, read.findings, limits);
  read.usable = size.has_value();
  if (!size) return read;
  read.item.size = *size;
  check_size(read, annotation.size, *size, read.findings);
  for (VocObject& object : annotation.objects) {
    if (fit(object, *size, {.file = file, .line = object.line}, read.findings)) {
      read.objects.push_back(std::move(object));
    }
  }
  read.item.state = !readable              ? LabelState::missing
                    : read.objects.empty() ? LabelState::empty
                                           : LabelState::present;
  return read;
}

std::vector<Path> wanted_files(const Path& path, Split split, Findings& findings,
                               const Limits& limits) {
  const Path annotated = annotations_of(path);
  const Path folder = annotated.empty() ? path : annotated;
  const std::vector<Split> known = splits(path, limits);
  if (split == Split::all || known.front() == Split::all) return xml_files(folder);
  std::vector<Path> files;
  std::set<std::string> seen;
  const Path list = list_file(path, split);
  int line = 0;
  const std::string text = read_text(list, limits.text_bytes * 64);
  for (const std::string_view row : lines(text)) {
    ++line;
    // Lists of one class have a second column, 1 or -1.
    const std::string name(trim(row).substr(0, trim(row).find_first_of(" \t")));
    if (name.empty()) continue;
    if (!seen.insert(name).second) {
      findings.push_back(found("list-repeated", {.file = list.string(), .line = line},
                               "named before: " + printable(name)));
      continue;
    }
    files.push_back(folder / (name + ".xml"));
  }
  return files;
}

/// VOC has no list of classes: the names of all annotations, sorted.
std::vector<std::string> class_names(const Path& path, const Limits& limits) {
  const Path own = data::names_beside(path);
  if (!own.empty()) return data::read_class_names(own, limits);
  const Path folder = annotations_of(path);
  const std::vector<Path> files = xml_files(folder.empty() ? path : folder);
  std::vector<std::set<std::string>> each(files.size());
  for_each_parallel(files.size(), 0, [&](std::size_t i, std::size_t) {
    try {
      Findings ignored;  // told when the part is read
      for (VocObject& object :
           parse_voc(read_text(files[i], limits.text_bytes), files[i].string(), ignored, limits)
               .objects) {
        each[i].insert(std::move(object.name));
      }
    } catch (const Error&) {
      each[i].clear();  // told when the part is read
    }
  });
  std::set<std::string> names;
  for (auto& some : each) names.merge(some);
  return {names.begin(), names.end()};
}

Dataset read(const Path& path, Split split, const Limits& limits, const ReadProgress& progress) {
  Dataset dataset;
  dataset.names = class_names(path, limits);
  std::map<std::string_view, int> numbers;
  for (const std::string& name : dataset.names) {
    dataset.class_ids.push_back(static_cast<std::int64_t>(numbers.size()));
    numbers.emplace(name, static_cast<int>(numbers.size()));
  }
  const std::vector<Path> files = wanted_files(path, split, dataset.findings, limits);
  std::vector<Read> reads(files.size());
  data::PictureCount count(files.size(), progress);
  for_each_parallel(files.size(), 0, [&](std::size_t i, std::size_t) {
    reads[i] = read_one(path, files[i], limits);
    count.one();
  });
  for (Read& read : reads) {
    data::add_findings(dataset.findings, std::move(read.findings));
    if (!read.usable) continue;
    for (const VocObject& object : read.objects) {
      const auto number = numbers.find(object.name);
      if (number == numbers.end()) {
        dataset.findings.push_back(found("label-class",
                                         {.file = read.item.label.string(), .line = object.line},
                                         format("expected one of {} class names, found \"{}\"",
                                                dataset.names.size(), printable(object.name))));
        continue;
      }
      Truth truth;
      truth.box = object.box;
      truth.area = object.box.w * object.box.h;
      truth.cls = number->second;
      truth.difficult = object.difficult;
      truth.line = object.line;
      read.item.truths.push_back(truth);
    }
    read.item.id = static_cast<std::int64_t>(dataset.items.size());
    dataset.items.push_back(std::move(read.item));
  }
  return dataset;
}

// Writing ----------------------------------------------------------------------------------------

std::string xml_of(const Item& item, const std::string& filename,
                   const std::vector<std::string>& names) {
  pugi::xml_document document;
  pugi::xml_node root = document.append_child("annotation");
  const auto put = [](pugi::xml_node to, const char* key, const std::string& value) {
    to.append_child(key).text().set(value.c_str());
  };
  put(root, "folder", "JPEGImages");
  put(root, "filename", filename);
  pugi::xml_node size = root.append_child("size");
  put(size, "width", std::to_string(item.size.width));
  put(size, "height", std::to_string(item.size.height));
  put(size, "depth", "3");
  for (const Truth& truth : item.truths) {
    pugi::xml_node object = root.append_child("object");
    put(object, "name", names[static_cast<std::size_t>(truth.cls)]);
    put(object, "truncated", "0");
    put(object, "difficult", truth.difficult ? "1" : "0");
    pugi::xml_node box = object.append_child("bndbox");
    put(box, "xmin", data::number_text(truth.box.x + 1));
    put(box, "ymin", data::number_text(truth.box.y + 1));
    put(box, "xmax", data::number_text(truth.box.x + truth.box.w));
    put(box, "ymax", data::number_text(truth.box.y + truth.box.h));
  }
  std::ostringstream out;
  document.save(out, "  ", pugi::format_default | pugi::format_no_declaration);
  return out.str();
}

Findings write(std::span<const Part> parts, const Path& folder, const WriteOptions& options) {
  data::Target target(folder, parts);
  std::int64_t done = 0, total = 0;
  for (const Part& part : parts) total += static_cast<std::int64_t>(part.data.items.size());
  std::string names;
  for (const std::string& name : parts.front().data.names) names += name + "\n";
  target.text("classes.txt", names);
  for (const Part& part : parts) {
    std::string list;
    for (const Item& item : part.data.items) {
      const Path image = target.picture(item, "JPEGImages", options.pictures);
      const std::string stem = image.stem().string();
      list += stem + "\n";
      target.text(Path("Annotations") / (stem + ".xml"),
                  xml_of(item, image.filename().string(), part.data.names));
      if (options.progress) options.progress(++done, total);
    }
    const std::string name(part.split == Split::all ? "trainval" : word(part.split));
    target.text(Path("ImageSets") / "Main" / (name + ".txt"), list);
  }
  return data::losses(
      parts, {.area = true, .crowd = true, .ids = true, .class_ids = true, .labels_missing = true},
      "voc");
}

}  // namespace

VocAnnotation parse_voc(std::string_view text, const std::string& file, Findings& findings,
                        const Limits& limits) {
  pugi::xml_document document;
  const pugi::xml_parse_result result =
      document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  Lines lines_of(text);
  if (!result) {
    throw Error(ErrorKind::input,
                std::string("expected XML, found an error: ") + result.description(),
                {.file = file, .line = lines_of.at(result.offset)});
  }
  const pugi::xml_node root = document.child("annotation");
  if (!root) throw Error(ErrorKind::input, "expected <annotation>, found none", {.file = file});
  VocAnnotation annotation;
  annotation.filename = trim(root.child_value("filename"));
  const auto side = [&](const char* key) {
    const auto value = parse_int(trim(root.child("size").child_value(key)));
    return value && *value > 0 && *value <= limits.side ? static_cast<int>(*value) : 0;
  };
  annotation.size = {side("width"), side("height")};
  if (annotation.size.width == 0 || annotation.size.height == 0) annotation.size = {};
  int count = 0;
  for (const pugi::xml_node& node : root.children("object")) {
    if (++count > limits.boxes) {
      throw Error(ErrorKind::limit, format("expected up to {} objects", grouped(limits.boxes)),
                  {.file = file});
    }
    auto object =
        read_object(node, {.file = file, .line = lines_of.at(node.offset_debug())}, findings);
    if (object) annotation.objects.push_back(std::move(*object));
  }
  return annotation;
}

DatasetFormat data::voc_format() {
  return {"voc",   "Pascal VOC: Annotations/*.xml, JPEGImages/, ImageSets/Main/",
          matches, splits,
          read,    write};
}

}  // namespace syolo
