#include "syolo/eval/predictions.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "syolo/data/json_reader.h"
#include "syolo/data/rules.h"

namespace syolo {
namespace {

constexpr std::int64_t kRowsPerBox = 256;
constexpr std::int64_t kReportBytes = std::int64_t{8} << 20;
constexpr double kUnknownShare = 0.1;  // of the predictions: more than this is an error
constexpr int kUnknown = -1;

bool finite(const Prediction& row) {
  return std::isfinite(row.box.x) && std::isfinite(row.box.y) && std::isfinite(row.box.w) &&
         std::isfinite(row.box.h) && std::isfinite(row.score);
}

/// The dataset's pictures and classes as files of predictions name them.
class Lookup {
 public:
  explicit Lookup(const Dataset& dataset) : dataset_(dataset) {
    const bool with_ids = dataset.class_ids.size() == dataset.names.size();
    for (std::size_t i = 0; i < dataset.names.size(); ++i) {
      const auto number = static_cast<std::int64_t>(i);
      class_of_.emplace(with_ids ? dataset.class_ids[i] : number + 1, static_cast<int>(i));
    }
    for (std::size_t i = 0; i < dataset.items.size(); ++i) {
      item_of_.emplace(dataset.items[i].id, static_cast<int>(i));
    }
  }

  int item(std::int64_t id) const { return find(item_of_, id); }
  int cls(std::int64_t category) const { return find(class_of_, category); }

  /// By the whole name, by the name without folders, or by that without suffix; a number counts as
  /// an id at last. Names that fit several pictures fit none.
  int item(const std::string& name) {
    if (names_.empty()) index_names();
    const Path path(name);
    for (const std::string& key :
         {path.generic_string(), path.filename().string(), path.stem().string()}) {
      const auto found = names_.find(key);
      if (found != names_.end()) return found->second;
    }
    const std::optional<std::int64_t> number = parse_int(name);
    return number ? item(*number) : kUnknown;
  }

 private:
  template <class Map, class Key>
  static int find(const Map& map, const Key& key) {
    const auto found = map.find(key);
    return found == map.end() ? kUnknown : found->second;
  }

  void index_names() {
    for (std::size_t i = 0; i < dataset_.items.size(); ++i) {
      const Path& image = dataset_.items[i].image;
      std::array<std::string, 3> keys = {image.generic_string(), image.filename().string(),
                                         image.stem().string()};
      const auto end = std::unique(keys.begin(), keys.end());
      for (auto key = keys.begin(); key != end; ++key) {
        const auto [at, added] = names_.emplace(*key, static_cast<int>(i));
        if (!added) at->second = kUnknown;
      }
    }
  }

  const Dataset& dataset_;
  std::unordered_map<std::int64_t, int> item_of_, class_of_;
  std::unordered_map<std::string, int> names_;
};

/// Counts what does not fit, and says so at the end.
class Tally {
 public:
  explicit Tally(Predictions& out) : out_(out) {}

  void take(const Prediction& row, std::int64_t image, std::int64_t category, Where where) {
    ++all_;
    if (row.item == kUnknown) {
      if (images_++ == 0) first_image_ = {format("{}", image), where};
    } else if (row.cls == kUnknown) {
      if (classes_++ == 0) first_class_ = {format("{}", category), where};
    } else {
      if (!finite(row) && not_finite_++ == 0) first_not_finite_ = std::move(where);
      out_.rows.push_back(row);
    }
  }
  void unknown_image(std::string name, Where where, std::int64_t rows) {
    all_ += rows;
    if (images_ == 0) first_image_ = {std::move(name), std::move(where)};
    images_ += rows;
  }

  void finish() {
    const auto share =
        static_cast<double>(images_) / static_cast<double>(std::max<std::int64_t>(all_, 1));
    if (share > kUnknownShare) {
      throw Error(ErrorKind::input,
                  format("expected predictions for the pictures of the dataset, found {} of {} "
                         "for others (the first: {})",
                         grouped(images_), grouped(all_), printable(first_image_.first)),
                  first_image_.second, "image ids and names must be those of the annotations");
    }
    if (classes_ > 0 && out_.rows.empty()) {
      throw Error(
          ErrorKind::input,
          format("expected classes of the dataset, found none (the first: {})", first_class_.first),
          first_class_.second, "category ids must be those of the annotations");
    }
    report("predictions-image", images_, first_image_.second,
           "left out: of pictures that the dataset has not");
    report("predictions-class", classes_, first_class_.second,
           "left out: of classes that the dataset has not");
    report("predictions-not-finite", not_finite_, first_not_finite_,
           "with a box or score that is not finite: such a box matches nothing, such a score ranks "
           "by its sign, NaN last");
  }

 private:
  void report(std::string_view rule, std::int64_t count, const Where& where,
              std::string_view text) {
    if (count == 0) return;
    out_.findings.push_back(found(rule, where,
                                  format("{} prediction{} {} (the first is here)", grouped(count),
                                         count == 1 ? "" : "s", text)));
  }

  Predictions& out_;
  std::int64_t all_ = 0, images_ = 0, classes_ = 0, not_finite_ = 0;
  std::pair<std::string, Where> first_image_, first_class_;
  Where first_not_finite_;
};

/// One JSON file, COCO results or Darknet's frames; the first object decides.
class JsonPredictions {
 public:
  JsonPredictions(const Path& path, const Dataset& dataset, const Limits& limits,
                  const ReadProgress& progress) :
      dataset_(dataset),
      limits_(limits), progress_(progress), file_(MappedFile::open(path, limits.file_bytes)),
      in_(file_->text(), path.string()), lookup_(dataset), tally_(out_) {}

  Predictions read() {
    if (in_.peek() != JsonReader::Kind::array) in_.fail("an array of predictions");
    in_.array([&] {
      in_.peek();
      const std::int64_t begin = in_.byte();
      object();
      tell_progress(begin);
    });
    in_.end();
    tally_.finish();
    return std::move(out_);
  }

 private:
  struct Fields {
    std::int64_t image = 0, category = 0;
    std::string name;
    bool has_image = false, has_category = false, has_box = false, has_score = false;
    bool frame = false;  // held "objects"
    Prediction row;
  };

  void tell_progress(std::int64_t byte) {
    if (static_cast<std::int64_t>(out_.rows.size()) > limits_.boxes * kRowsPerBox) {
      throw Error(ErrorKind::limit,
                  format("expected at most {} predictions", grouped(limits_.boxes * kRowsPerBox)),
                  in_.here());
    }
    if (byte - told_ < kReportBytes) return;
    file_->forget(file_->text().data() + told_, static_cast<std::size_t>(byte - told_));
    told_ = byte;
    if (progress_) progress_(byte, static_cast<std::int64_t>(file_->bytes().size()), "bytes");
  }

  void object() {
    const Where where = in_.here();
    Fields fields;
    frame_.clear();
    in_.object([&](std::string_view key) { member(key, fields); });
    if (fields.frame) return frame(fields, where);
    const auto demand = [&where](bool there, std::string_view what) {
      if (there) return;
      throw Error(
          ErrorKind::input, format("expected a prediction with {}, found none", what), where,
          "a COCO result: {\"image_id\":1,\"category_id\":1,\"bbox\":[x,y,w,h],\"score\":0.9}");
    };
    demand(fields.has_image, "an \"image_id\"");
    demand(fields.has_category, "a \"category_id\"");
    demand(fields.has_box, "a \"bbox\" of four numbers");
    demand(fields.has_score, "a \"score\"");
    fields.row.item = fields.name.empty() ? lookup_.item(fields.image) : lookup_.item(fields.name);
    fields.row.cls = lookup_.cls(fields.category);
    tally_.take(fields.row, fields.image, fields.category, where);
  }

  void member(std::string_view key, Fields& fields) {
    if (key == "image_id") {
      if (in_.peek() == JsonReader::Kind::string) {
        fields.name = in_.string();
      } else {
        fields.image = in_.integer();
      }
      fields.has_image = true;
    } else if (key == "category_id") {
      fields.category = in_.integer();
      fields.has_category = true;
    } else if (key == "bbox") {
      std::array<double, 4> box{};
      std::size_t n = 0;
      in_.array([&] {
        const double value = in_.real();
        if (n < 4) box[n] = value;
        ++n;
      });
      fields.has_box = n == 4;
      fields.row.box = {box[0], box[1], box[2], box[3]};
    } else if (key == "score") {
      fields.row.score = in_.real();
      fields.has_score = true;
    } else if (key == "filename" && in_.peek() == JsonReader::Kind::string) {
      fields.name = in_.string();
    } else if (key == "objects" && in_.peek() == JsonReader::Kind::array) {
      fields.frame = true;
      in_.array([&] { frame_.push_back(darknet_object()); });
    } else {
      in_.skip();
    }
  }

  /// A box in fractions of the picture: x, y are its centre here.
  Prediction darknet_object() {
    Prediction row;
    row.cls = kUnknown;
    bool has_score = false;
    int coordinates = 0;
    const auto real = [&](double& value) { value = in_.real(), ++coordinates; };
    const Where where = in_.here();
    in_.object([&](std::string_view key) {
      if (key == "class_id") {
        const std::int64_t cls = in_.integer();
        const auto classes = static_cast<std::int64_t>(dataset_.names.size());
        row.cls = cls >= 0 && cls < classes ? static_cast<int>(cls) : kUnknown;
      } else if (key == "confidence") {
        row.score = in_.real();
        has_score = true;
      } else if (key == "relative_coordinates") {
        in_.object([&](std::string_view side) {
          if (side == "center_x") return real(row.box.x);
          if (side == "center_y") return real(row.box.y);
          if (side == "width") return real(row.box.w);
          if (side == "height") return real(row.box.h);
          in_.skip();
        });
      } else {
        in_.skip();
      }
    });
    if (coordinates != 4 || !has_score) {
      throw Error(
          ErrorKind::input,
          "expected an object with relative_coordinates and a confidence, found parts of it",
          where);
    }
    return row;
  }

  void frame(const Fields& fields, const Where& where) {
    const int item = lookup_.item(fields.name);
    if (item == kUnknown) {
      tally_.unknown_image(fields.name, where, static_cast<std::int64_t>(frame_.size()));
      return;
    }
    const Size size = dataset_.items[static_cast<std::size_t>(item)].size;
    if (size.width <= 0 || size.height <= 0) {
      throw Error(ErrorKind::input,
                  format("expected a picture of known size for boxes in fractions, found none for "
                         "\"{}\"",
                         printable(fields.name)),
                  where, "the annotations must give width and height");
    }
    for (Prediction& row : frame_) {
      row.item = item;
      row.box.w *= size.width, row.box.h *= size.height;
      row.box.x = row.box.x * size.width - row.box.w / 2;
      row.box.y = row.box.y * size.height - row.box.h / 2;
      tally_.take(row, 0, row.cls, where);
    }
  }

  const Dataset& dataset_;
  Limits limits_;
  const ReadProgress& progress_;
  std::shared_ptr<const MappedFile> file_;
  JsonReader in_;
  Lookup lookup_;
  Predictions out_;
  Tally tally_;
  std::vector<Prediction> frame_;
  std::int64_t told_ = 0;
};

/// "class cx cy w h score" in fractions of the picture.
Prediction yolo_row(std::string_view line, Size size, int classes, const Where& where) {
  std::array<double, 6> values{};
  std::size_t n = 0;
  for (const std::string_view field : split(line, ' ')) {
    if (trim(field).empty()) continue;
    const std::optional<double> value = parse_real(trim(field));
    if (!value || n == values.size()) {
      throw Error(ErrorKind::input, format("expected six numbers, found \"{}\"", printable(line)),
                  where, "class, centre x, centre y, width, height, score");
    }
    values[n++] = *value;
  }
  if (n != values.size()) {
    throw Error(ErrorKind::input, format("expected six numbers, found {}", n), where,
                "class, centre x, centre y, width, height, score");
  }
  Prediction row;
  const bool known = values[0] >= 0 && values[0] < classes && values[0] == std::floor(values[0]);
  row.cls = known ? static_cast<int>(values[0]) : kUnknown;
  row.box.w = values[3] * size.width, row.box.h = values[4] * size.height;
  row.box.x = values[1] * size.width - row.box.w / 2;
  row.box.y = values[2] * size.height - row.box.h / 2;
  row.score = values[5];
  return row;
}

Predictions read_yolo_folder(const Path& folder, const Dataset& dataset, const Limits& limits) {
  Predictions out;
  Tally tally(out);
  std::int64_t files = 0;
  for (std::size_t i = 0; i < dataset.items.size(); ++i) {
    const Item& item = dataset.items[i];
    const Path file = folder / (item.image.stem().string() + ".txt");
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) continue;
    ++files;
    const std::string text = read_text(file, limits.text_bytes * 64);
    Where where{.file = file.string()};
    for (const std::string_view line : lines(text)) {
      ++where.line;
      if (trim(line).empty()) continue;
      if (item.size.width <= 0) {
        throw Error(ErrorKind::input, "expected a picture of known size, found none",
                    {.file = item.image.string()});
      }
      Prediction row = yolo_row(line, item.size, static_cast<int>(dataset.names.size()), where);
      row.item = static_cast<int>(i);
      tally.take(row, item.id, row.cls, where);
    }
  }
  if (files == 0) {
    throw Error(ErrorKind::input,
                "expected a folder of predictions, one .txt per picture or per class, found none "
                "that fits the dataset",
                {.file = folder.string()});
  }
  tally.finish();
  return out;
}

/// "picture score xmin ymin xmax ymax": the fields, or nothing when they are not six.
std::optional<std::array<std::string_view, 6>> voc_fields(std::string_view line) {
  std::array<std::string_view, 6> fields;
  std::size_t n = 0;
  for (const std::string_view field : split(line, ' ')) {
    if (trim(field).empty()) continue;
    if (n == fields.size()) return std::nullopt;
    fields[n++] = trim(field);
  }
  return n == fields.size() ? std::optional(fields) : std::nullopt;
}

/// The class of a VOC file, "<class>.txt" or "comp4_det_test_<class>.txt"; kUnknown for others.
int voc_class(const Path& file, const Dataset& dataset) {
  if (file.extension() != ".txt") return kUnknown;
  const std::string stem = file.stem().string();
  int best = kUnknown;
  std::size_t length = 0;
  for (std::size_t i = 0; i < dataset.names.size(); ++i) {
    const std::string& name = dataset.names[i];
    if (stem != name && !stem.ends_with("_" + name)) continue;
    if (name.size() >= length) best = static_cast<int>(i), length = name.size();
  }
  return best;
}

/// Files named after classes, sorted. One file per picture may have such a name too; a last column
/// above 1 is no score, so those here hold pixels.
std::vector<std::pair<Path, int>> voc_files(const Path& folder, const Dataset& dataset,
                                            const Limits& limits) {
  std::vector<std::pair<Path, int>> files;
  bool pixels = false;
  std::error_code error;
  std::filesystem::directory_iterator it(folder, error);
  for (; !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const int cls = voc_class(it->path(), dataset);
    if (cls == kUnknown) continue;
    files.emplace_back(it->path(), cls);
    if (pixels) continue;
    const std::string text = read_text(it->path(), limits.text_bytes * 64);
    for (const std::string_view line : lines(text)) {
      const auto fields = voc_fields(line);
      const std::optional<double> last = fields ? parse_real((*fields)[5]) : std::nullopt;
      pixels = pixels || (last && *last > 1);
    }
  }
  if (!pixels) return {};
  std::sort(files.begin(), files.end());
  return files;
}

Predictions read_voc_files(const std::vector<std::pair<Path, int>>& files, const Dataset& dataset,
                           const Limits& limits) {
  Predictions out;
  Tally tally(out);
  Lookup lookup(dataset);
  for (const auto& [file, cls] : files) {
    const std::string text = read_text(file, limits.text_bytes * 64);
    Where where{.file = file.string()};
    for (const std::string_view line : lines(text)) {
      ++where.line;
      if (trim(line).empty()) continue;
      const auto fields = voc_fields(line);
      std::array<double, 5> values{};
      bool good = fields.has_value();
      for (std::size_t i = 0; good && i < values.size(); ++i) {
        const std::optional<double> value = parse_real((*fields)[i + 1]);
        good = value.has_value();
        values[i] = value.value_or(0);
      }
      if (!good) {
        throw Error(
            ErrorKind::input,
            format("expected a picture and five numbers, found \"{}\"", printable(line, 80)), where,
            "picture, score, xmin, ymin, xmax, ymax");
      }
      Prediction row{lookup.item(std::string((*fields)[0])), cls, {}, values[0]};
      row.box = {values[1] - 1, values[2] - 1, values[3] - values[1] + 1,
                 values[4] - values[2] + 1};
      if (row.item == kUnknown) {
        tally.unknown_image(std::string((*fields)[0]), where, 1);
      } else {
        tally.take(row, 0, cls, where);
      }
    }
  }
  tally.finish();
  return out;
}

}  // namespace

Predictions read_predictions(const Path& path, const Dataset& dataset, const Limits& limits,
                             const ReadProgress& progress) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    const auto files = voc_files(path, dataset, limits);
    return files.empty() ? read_yolo_folder(path, dataset, limits)
                         : read_voc_files(files, dataset, limits);
  }
  return JsonPredictions(path, dataset, limits, progress).read();
}

std::vector<int> class_map(std::span<const std::string> detector, const Dataset& dataset) {
  const auto count = static_cast<int>(dataset.names.size());
  std::unordered_map<std::string_view, int> of_name;
  bool numbered = true;
  for (int i = 0; i < count; ++i) {
    const std::string& name = dataset.names[static_cast<std::size_t>(i)];
    of_name.emplace(name, i);
    numbered = numbered && name == std::to_string(i);
  }
  std::vector<int> result;
  int found = 0;
  for (std::size_t i = 0; i < detector.size(); ++i) {
    const auto at = of_name.find(detector[i]);
    const int number = static_cast<int>(i);
    result.push_back(at != of_name.end()          ? at->second
                     : numbered && number < count ? number
                                                  : kUnknown);
    found += result.back() >= 0 ? 1 : 0;
  }
  if (found == 0) {
    throw Error(
        ErrorKind::input,
        format("expected class names of the dataset ({}, ...), found none of them ({}, ...)",
               count > 0 ? printable(dataset.names[0], 40) : "none",
               detector.empty() ? "none" : printable(detector[0], 40)),
        {}, "--names gives the model other class names");
  }
  return result;
}

void append(std::vector<Prediction>& rows, int item, std::span<const Detection> detections,
            std::span<const int> classes) {
  for (const Detection& found : detections) {
    const int cls = classes.empty() ? found.cls : classes[static_cast<std::size_t>(found.cls)];
    if (cls < 0) continue;
    const Box& box = found.box;
    rows.push_back({item, cls, {box.x1, box.y1, box.width(), box.height()}, found.score});
  }
}

}  // namespace syolo
