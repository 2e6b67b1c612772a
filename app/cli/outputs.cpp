#include "app/cli/outputs.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "app/cli/json.h"
#include "syolo/base/error.h"
#include "syolo/base/text.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kNameColumns = 24;

std::size_t columns(std::string_view text) {  // UTF-8 code points; wide glyphs count once
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::size_t name_width(const std::vector<std::string>& names) {
  std::size_t width = 5;
  for (const std::string& name : names) width = std::max(width, columns(printable(name, 80)));
  return std::min(width, kNameColumns);
}

std::string shown_image(const ImageResult& result) {
  std::string name = printable(result.image, 4000);
  if (result.frame) name += format(" frame {}", *result.frame);
  return name;
}

std::string table_item(ResultContext& context, const ImageResult& result) {
  const std::string name = shown_image(result);
  const char* on = context.color ? "\x1b[1m" : "";
  const char* off = context.color ? "\x1b[0m" : "";
  ++context.items;
  if (!result.error.empty()) return format("{}{}{}  failed\n", on, name, off);
  const std::size_t count = result.detections.size();
  std::string out =
      format("{}{}{}  {}x{}  {}\n", on, name, off, result.size.width, result.size.height,
             count == 0   ? std::string("nothing found")
             : count == 1 ? std::string("1 object")
                          : format("{} objects", count));
  const std::size_t width = name_width(*context.names);
  for (const Detection& found : result.detections) {
    std::string cls = printable(class_name(*context.names, found.cls), 80);
    cls.append(width - std::min(width, columns(cls)), ' ');
    out += format("  {}  {:.3f}  {:>7.1f} {:>7.1f} {:>7.1f} {:>7.1f}\n", cls, found.score,
                  found.box.x1, found.box.y1, found.box.x2, found.box.y2);
  }
  return out;
}

Json to_json(const ResultContext& context, const ImageResult& result) {
  Json detections = Json::array();
  for (const Detection& found : result.detections) {
    detections.push_back({{"class", found.cls},
                          {"name", class_name(*context.names, found.cls)},
                          {"score", shortest(found.score)},
                          {"box",
                           {shortest(found.box.x1), shortest(found.box.y1), shortest(found.box.x2),
                            shortest(found.box.y2)}}});
  }
  Json json = {{"image", result.image}};
  if (result.frame) json["frame"] = *result.frame;
  json["width"] = result.size.width;
  json["height"] = result.size.height;
  json["detections"] = std::move(detections);
  json["ms"] = {{"decode", rounded(result.decode_ms, 3)},
                {"preprocess", rounded(result.preprocess_ms, 3)},
                {"infer", rounded(result.infer_ms, 3)},
                {"postprocess", rounded(result.postprocess_ms, 3)}};
  if (!result.error.empty()) json["error"] = result.error;
  return json;
}

std::string json_item(ResultContext& context, const ImageResult& result) {
  return (context.items++ == 0 ? "" : ",\n") + compact(to_json(context, result));
}

std::string ndjson_item(ResultContext& context, const ImageResult& result) {
  ++context.items;
  return compact(to_json(context, result)) + "\n";
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::string csv_item(ResultContext& context, const ImageResult& result) {
  std::string out;
  ++context.items;
  for (const Detection& found : result.detections) {
    out += format("{},{},{},{},{},{},{},{},{}\n", csv_field(result.image),
                  result.frame ? format("{}", *result.frame) : std::string(), found.cls,
                  csv_field(class_name(*context.names, found.cls)), compact(shortest(found.score)),
                  compact(shortest(found.box.x1)), compact(shortest(found.box.y1)),
                  compact(shortest(found.box.x2)), compact(shortest(found.box.y2)));
  }
  return out;
}

/// COCO's ids skip numbers of categories that were never annotated. Source: the category list of
/// the COCO 2017 annotations.
int coco_category(int cls) {
  constexpr std::array<int, 11> kSkipped = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83, 91};
  int id = cls + 1;
  for (const int skipped : kSkipped) id += id >= skipped ? 1 : 0;
  return id;
}

/// "000000000042.jpg", "COCO_val2014_000000000042.jpg" -> 42; others: the running number, from 1.
std::int64_t image_id(const ImageResult& result, std::int64_t running) {
  const std::string stem = fs::path(result.image).stem().string();
  const std::size_t digits = stem.size() - (stem.find_last_not_of("0123456789") + 1);
  const bool whole = digits > 0 && digits == stem.size() && digits <= 15;
  const bool coco = digits == 12 && stem.size() > 12 && stem[stem.size() - 13] == '_';
  if (result.frame || !(whole || coco)) return running;
  return parse_int(stem.substr(stem.size() - digits)).value_or(running);
}

std::string coco_item(ResultContext& context, const ImageResult& result) {
  std::string out;
  const std::int64_t id = image_id(result, ++context.items);
  const bool coco = is_coco(*context.names);
  for (const Detection& found : result.detections) {
    const Json json = {{"image_id", id},
                       {"category_id", coco ? coco_category(found.cls) : found.cls + 1},
                       {"bbox",
                        {shortest(found.box.x1), shortest(found.box.y1),
                         shortest(found.box.width()), shortest(found.box.height())}},
                       {"score", shortest(found.score)}};
    out += (context.rows++ == 0 ? "" : ",\n") + compact(json);
  }
  return out;
}

struct Relative {
  double cx, cy, w, h;
};
Relative relative(const Box& box, Size size) {
  const double w = std::max(size.width, 1);
  const double h = std::max(size.height, 1);
  return {(box.x1 + box.x2) / 2.0 / w, (box.y1 + box.y2) / 2.0 / h, box.width() / w,
          box.height() / h};
}

std::string yolo_item(ResultContext& context, const ImageResult& result) {
  std::string out;
  ++context.items;
  for (const Detection& found : result.detections) {
    const Relative box = relative(found.box, result.size);
    out += format("{} {:.6f} {:.6f} {:.6f} {:.6f} {:.6f}\n", found.cls, box.cx, box.cy, box.w,
                  box.h, found.score);
  }
  return out;
}

std::string darknet_item(ResultContext& context, const ImageResult& result) {
  Json objects = Json::array();
  for (const Detection& found : result.detections) {
    const Relative box = relative(found.box, result.size);
    objects.push_back({{"class_id", found.cls},
                       {"name", class_name(*context.names, found.cls)},
                       {"relative_coordinates",
                        {{"center_x", rounded(box.cx, 6)},
                         {"center_y", rounded(box.cy, 6)},
                         {"width", rounded(box.w, 6)},
                         {"height", rounded(box.h, 6)}}},
                       {"confidence", shortest(found.score)}});
  }
  const char* comma = context.items++ == 0 ? "" : ",\n";
  const Json json = {
      {"frame_id", context.items}, {"filename", result.image}, {"objects", std::move(objects)}};
  return comma + compact(json);
}

}  // namespace

std::string class_name(const std::vector<std::string>& names, int cls) {
  const auto at = static_cast<std::size_t>(cls);
  return cls >= 0 && at < names.size() ? names[at] : format("{}", cls);
}

bool is_coco(const std::vector<std::string>& names) {
  return names.size() == 80 && names[0] == "person" && names[16] == "dog" &&
         names[79] == "toothbrush";
}

std::span<const ResultFormat> result_formats() {
  static constexpr std::array<ResultFormat, 7> rows = {{
      {"table", ".txt", "for people: class, score, box", "", "", table_item},
      {"json", ".json", "one document, boxes in pixels x1 y1 x2 y2", "[\n", "\n]\n", json_item},
      {"ndjson", ".ndjson", "one JSON object per line and image", "", "", ndjson_item},
      {"csv", ".csv", "one line per box", "image,frame,class,name,score,x1,y1,x2,y2\n", "",
       csv_item},
      {"coco", ".json", "COCO results: image_id, category_id, bbox x y w h, score", "[\n", "\n]\n",
       coco_item},
      {"yolo", ".txt", "one file per image: class cx cy w h score, relative", "", "", yolo_item},
      {"darknet", ".json", "as darknet detector test -out writes", "[\n", "\n]\n", darknet_item},
  }};
  return rows;
}

const ResultFormat& result_format(std::string_view name) {
  const ResultFormat* found = nullptr;
  for (const ResultFormat& row : result_formats()) {
    if (row.name == name) found = &row;
  }
  SYOLO_ASSERT(found != nullptr, "a result format without a row");
  return *found;
}

}  // namespace syolo::cli
