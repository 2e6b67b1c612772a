#include "syolo/data/coco.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <unordered_map>
#include <utility>

#include "syolo/base/file.h"
#include "syolo/data/json_reader.h"
#include "syolo/data/rules.h"

namespace syolo {
namespace {

constexpr std::int64_t kAnnotationsPerBox = 64;
constexpr std::int64_t kReportBytes = std::int64_t{8} << 20;  // between two reports of progress

/// An annotation before its image and class are known: they may stand behind it.
struct Raw {
  std::int64_t id = 0, image = 0, category = 0, byte = 0;
  std::array<double, 4> box{};
  double area = std::numeric_limits<double>::quiet_NaN();  // NaN: not given
  bool has_id = false, has_image = false, has_category = false, has_box = false;
  bool crowd = false, ignore = false, polygons = false, rle = false;
};

class CocoReader {
 public:
  CocoReader(const Path& path, const Limits& limits, const ReadProgress& progress) :
      limits_(limits), progress_(progress), file_(MappedFile::open(path, limits.file_bytes)),
      in_(file_->text(), path.string()) {}

  Dataset read() {
    in_.object([&](std::string_view key) {
      if (key == "images") {
        images();
      } else if (key == "categories") {
        categories();
      } else if (key == "annotations") {
        annotations();
      } else {
        in_.skip();
      }
    });
    in_.end();
    check_parts();
    join();
    return std::move(data_);
  }

 private:
  void say(std::string_view rule, std::int64_t byte, std::string text, std::string item = {}) {
    Where where{.file = file_->path().string()};
    where.byte = byte, where.item = std::move(item);
    data_.findings.push_back(found(rule, std::move(where), std::move(text)));
  }

  void check_parts() const {
    const Where where{.file = file_->path().string()};
    const auto demand = [&where](bool there, std::string_view key) {
      if (there) return;
      throw Error(ErrorKind::input, format("expected a COCO dataset, found no \"{}\"", key), where,
                  "instances JSON holds images, annotations and categories");
    };
    demand(images_seen_, "images");
    demand(categories_seen_ || raw_.empty(), "categories");
  }

  void tell_progress(std::int64_t byte) {
    if (byte - told_ < kReportBytes) return;
    file_->forget(file_->text().data() + told_, static_cast<std::size_t>(byte - told_));
    told_ = byte;
    if (progress_) progress_(byte, static_cast<std::int64_t>(file_->bytes().size()), "bytes");
  }

  [[noreturn]] void repeated(std::string_view what, std::int64_t id, std::int64_t first,
                             std::int64_t second) const {
    Where where{.file = file_->path().string()};
    where.byte = second;
    throw Error(
        ErrorKind::input,
        format("expected {} ids that differ, found {} twice: here and at byte {}", what, id, first),
        std::move(where), "readers that go by id would silently drop one of the two");
  }

  int side() {
    const double value = in_.real();
    return value >= 1 && value <= std::numeric_limits<int>::max() ? static_cast<int>(value) : 0;
  }

  void images() {
    images_seen_ = true;
    in_.array([&] {
      in_.peek();
      const std::int64_t byte = in_.byte();
      Item item;
      bool has_id = false;
      in_.object([&](std::string_view key) {
        if (key == "id") {
          item.id = in_.integer();
          has_id = true;
        } else if (key == "file_name" && in_.peek() == JsonReader::Kind::string) {
          item.image = in_.string();
        } else if (key == "width" && in_.peek() == JsonReader::Kind::number) {
          item.size.width = side();
        } else if (key == "height" && in_.peek() == JsonReader::Kind::number) {
          item.size.height = side();
        } else {
          in_.skip();
        }
      });
      require_id(has_id, byte, "an image");
      const auto [at, added] = image_of_.emplace(item.id, std::pair(data_.items.size(), byte));
      if (!added) repeated("image", item.id, at->second.second, byte);
      data_.items.push_back(std::move(item));
      tell_progress(in_.byte());
    });
  }

  void require_id(bool has_id, std::int64_t byte, std::string_view what) const {
    if (has_id) return;
    Where where{.file = file_->path().string()};
    where.byte = byte;
    throw Error(ErrorKind::input, format("expected {} with an id, found none", what), where);
  }

  void categories() {
    categories_seen_ = true;
    in_.array([&] {
      in_.peek();
      const std::int64_t byte = in_.byte();
      std::int64_t id = 0;
      bool has_id = false;
      std::string name;
      in_.object([&](std::string_view key) {
        if (key == "id") {
          id = in_.integer();
          has_id = true;
        } else if (key == "name" && in_.peek() == JsonReader::Kind::string) {
          name = in_.string();
        } else {
          in_.skip();
        }
      });
      require_id(has_id, byte, "a category");
      const auto [at, added] = class_of_.emplace(id, std::pair(data_.names.size(), byte));
      if (!added) repeated("category", id, at->second.second, byte);
      if (name.empty()) {
        name = format("{}", id);
        say("coco-category-name", byte,
            format("category {} has no name, it is called by its id", id));
      }
      data_.names.push_back(std::move(name));
      data_.class_ids.push_back(id);
    });
  }

  void annotations() {
    annotations_seen_ = true;
    in_.array([&] {
      in_.peek();
      Raw raw;
      raw.byte = in_.byte();
      in_.object([&](std::string_view key) { annotation_member(key, raw); });
      raw_.push_back(raw);
      if (static_cast<std::int64_t>(raw_.size()) > limits_.boxes * kAnnotationsPerBox) {
        throw Error(
            ErrorKind::limit,
            format("expected at most {} annotations", grouped(limits_.boxes * kAnnotationsPerBox)),
            in_.here());
      }
      tell_progress(in_.byte());
    });
  }

  void annotation_member(std::string_view key, Raw& raw) {
    if (key == "id") {
      raw.id = in_.integer();
      raw.has_id = true;
    } else if (key == "image_id") {
      raw.image = in_.integer();
      raw.has_image = true;
    } else if (key == "category_id") {
      raw.category = in_.integer();
      raw.has_category = true;
    } else if (key == "bbox" && in_.peek() == JsonReader::Kind::array) {
      std::size_t n = 0;
      in_.array([&] {
        const double value = in_.real();
        if (n < 4) raw.box[n] = value;
        ++n;
      });
      raw.has_box = n == 4;
    } else if (key == "area" && in_.peek() == JsonReader::Kind::number) {
      raw.area = in_.real();
    } else if (key == "iscrowd") {
      raw.crowd = in_.flag();
    } else if (key == "ignore") {
      raw.ignore = in_.flag();
    } else {
      if (key == "segmentation") {
        raw.polygons = in_.peek() == JsonReader::Kind::array;
        raw.rle = in_.peek() == JsonReader::Kind::object;
      }
      in_.skip();
    }
  }

  void check_annotation_ids() {
    std::vector<std::pair<std::int64_t, std::int64_t>> ids;
    ids.reserve(raw_.size());
    for (const Raw& raw : raw_) {
      if (raw.has_id) ids.emplace_back(raw.id, raw.byte);
    }
    std::sort(ids.begin(), ids.end());
    for (std::size_t i = 1; i < ids.size(); ++i) {
      if (ids[i].first == ids[i - 1].first) {
        repeated("annotation", ids[i].first, ids[i - 1].second, ids[i].second);
      }
    }
  }

  void reserve_truths() {
    std::vector<std::size_t> counts(data_.items.size());
    for (const Raw& raw : raw_) {
      const auto image = image_of_.find(raw.image);
      if (raw.has_image && image != image_of_.end()) ++counts[image->second.first];
    }
    for (std::size_t i = 0; i < counts.size(); ++i) data_.items[i].truths.reserve(counts[i]);
  }

  void join() {
    check_annotation_ids();
    std::int64_t polygons = 0, rle = 0, crowds = 0, ignored = 0;
    reserve_truths();
    for (; !raw_.empty(); raw_.pop_front()) {
      const Raw& raw = raw_.front();
      if (raw.has_id && raw.id == 0) {
        say("coco-id-zero", raw.byte, "annotation 0: ids should begin with 1");
      }
      polygons += raw.polygons, rle += raw.rle, crowds += raw.crowd, ignored += raw.ignore;
      place(raw);
    }
    const LabelState without = annotations_seen_ ? LabelState::empty : LabelState::missing;
    for (Item& item : data_.items) {
      item.state = item.truths.empty() ? without : LabelState::present;
    }
    if (polygons + rle > 0) {
      say("coco-masks", -1,
          format("{} masks as polygons and {} as RLE: only boxes are kept", grouped(polygons),
                 grouped(rle)));
    }
    if (crowds > 0) {
      say("coco-crowds", -1, format("{} crowd boxes", grouped(crowds)));
    }
    if (ignored > 0) {
      say("coco-ignore", -1,
          format("{} annotations say \"ignore\": only \"iscrowd\" counts, as in COCO's protocol",
                 grouped(ignored)));
    }
  }

  /// The annotation as a truth of its image, or a finding.
  void place(const Raw& raw) {
    const auto leave_out = [&](std::string_view rule, const std::string& why) {
      say(rule, raw.byte, format("annotation {} left out: {}", raw.id, why));
    };
    const auto image = image_of_.find(raw.image);
    const auto cls = class_of_.find(raw.category);
    if (!raw.has_image || image == image_of_.end()) {
      return leave_out("coco-image",
                       raw.has_image
                           ? format("expected an image of the file, found id {}", raw.image)
                           : std::string("expected an image_id, found none"));
    }
    if (!raw.has_category || cls == class_of_.end()) {
      return leave_out("coco-category",
                       raw.has_category
                           ? format("expected a category of the file, found id {}", raw.category)
                           : std::string("expected a category_id, found none"));
    }
    if (!raw.has_box) return leave_out("coco-bbox", "expected a bbox of four numbers");
    for (const double value : raw.box) {
      if (!std::isfinite(value)) return leave_out("coco-bbox", "expected finite numbers in bbox");
    }
    if (raw.box[2] <= 0 || raw.box[3] <= 0) {
      say("coco-empty-box", raw.byte,
          format("box of {} x {} has no area", json_number(raw.box[2]), json_number(raw.box[3])),
          format("annotation {}", raw.id));
    }
    Truth truth;
    truth.box = {raw.box[0], raw.box[1], raw.box[2], raw.box[3]};
    truth.area = std::isfinite(raw.area) ? raw.area : raw.box[2] * raw.box[3];
    truth.cls = static_cast<int>(cls->second.first);
    truth.crowd = raw.crowd;
    truth.id = raw.id;
    data_.items[image->second.first].truths.push_back(truth);
  }

  Limits limits_;
  const ReadProgress& progress_;
  std::shared_ptr<const MappedFile> file_;
  JsonReader in_;
  Dataset data_;
  std::deque<Raw> raw_;  // grows without copies, and shrinks while its truths are made
  // id -> position and byte
  std::unordered_map<std::int64_t, std::pair<std::size_t, std::int64_t>> image_of_, class_of_;
  std::int64_t told_ = 0;
  bool images_seen_ = false, categories_seen_ = false, annotations_seen_ = false;
};

bool repeats(std::vector<std::int64_t> ids) {
  std::sort(ids.begin(), ids.end());
  return std::adjacent_find(ids.begin(), ids.end()) != ids.end();
}

bool image_ids_repeat(const Dataset& data) {
  std::vector<std::int64_t> ids;
  for (const Item& item : data.items) ids.push_back(item.id);
  return repeats(std::move(ids));
}

bool annotation_ids_repeat(const Dataset& data) {
  std::vector<std::int64_t> ids;
  for (const Item& item : data.items) {
    for (const Truth& truth : item.truths) ids.push_back(truth.id);
  }
  // One annotation without an id is no repetition, but 0 means "none" to pycocotools.
  return (ids.size() == 1 && ids[0] == 0) || repeats(std::move(ids));
}

std::string images_text(const Dataset& data, bool count) {
  std::string out;
  std::int64_t n = 0;
  for (const Item& item : data.items) {
    ++n;
    out += format("{}\n{{\"id\":{},\"file_name\":{},\"width\":{},\"height\":{}}}",
                  n == 1 ? "" : ",", count ? n : item.id, json_quoted(item.image.generic_string()),
                  item.size.width, item.size.height);
  }
  return out;
}

std::string annotations_text(const Dataset& data, bool count_images,
                             const std::vector<std::int64_t>& class_ids) {
  const bool count = annotation_ids_repeat(data);
  std::string out;
  std::int64_t n = 0, image = 0;
  for (const Item& item : data.items) {
    ++image;
    for (const Truth& truth : item.truths) {
      ++n;
      out += format(
          "{}\n{{\"id\":{},\"image_id\":{},\"category_id\":{},\"bbox\":[{},{},{},{}],"
          "\"area\":{},\"iscrowd\":{}}}",
          n == 1 ? "" : ",", count ? n : truth.id, count_images ? image : item.id,
          class_ids.at(static_cast<std::size_t>(truth.cls)), json_number(truth.box.x),
          json_number(truth.box.y), json_number(truth.box.w), json_number(truth.box.h),
          json_number(truth.area), truth.crowd ? 1 : 0);
    }
  }
  return out;
}

}  // namespace

Dataset read_coco(const Path& file, const Limits& limits, const ReadProgress& progress) {
  return CocoReader(file, limits, progress).read();
}

std::string coco_text(const Dataset& dataset) {
  std::vector<std::int64_t> class_ids = dataset.class_ids;
  if (class_ids.size() != dataset.names.size()) {
    class_ids.clear();
    for (std::size_t i = 0; i < dataset.names.size(); ++i) {
      class_ids.push_back(static_cast<std::int64_t>(i) + 1);
    }
  }
  const bool labelled =
      std::any_of(dataset.items.begin(), dataset.items.end(),
                  [](const Item& item) { return item.state != LabelState::missing; });
  const bool count = image_ids_repeat(dataset);
  std::string text = "{\"images\":[" + images_text(dataset, count) + "\n],\n";
  if (labelled) {
    text += "\"annotations\":[" + annotations_text(dataset, count, class_ids) + "\n],\n";
  }
  text += "\"categories\":[";
  for (std::size_t i = 0; i < dataset.names.size(); ++i) {
    text += format("{}\n{{\"id\":{},\"name\":{}}}", i == 0 ? "" : ",", class_ids[i],
                   json_quoted(dataset.names[i]));
  }
  return text + "\n]}\n";
}

void write_coco(const Dataset& dataset, const Path& file) {
  write_file_atomic(file, coco_text(dataset));
}

}  // namespace syolo
