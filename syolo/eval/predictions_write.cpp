// Predictions as the files that other programs read. Numbers are the shortest that read back equal.
#include <algorithm>
#include <cmath>

#include "syolo/data/json_reader.h"
#include "syolo/eval/predictions.h"

namespace syolo {
namespace {

std::string python_number(double value) {
  if (std::isfinite(value)) return json_number(value);
  return std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

void make_folder(const Path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error(ErrorKind::io, "cannot make this folder: " + error.message(),
                {.file = folder.string()});
  }
}

}  // namespace

std::string coco_results_text(std::span<const Prediction> rows, const Dataset& dataset) {
  std::string text = "[";
  const bool with_ids = dataset.class_ids.size() == dataset.names.size();
  for (const Prediction& row : rows) {
    const auto cls = static_cast<std::size_t>(row.cls);
    const std::int64_t category =
        with_ids ? dataset.class_ids[cls] : static_cast<std::int64_t>(cls) + 1;
    text +=
        format("{}\n{{\"image_id\":{},\"category_id\":{},\"bbox\":[{},{},{},{}],\"score\":{}}}",
               text.size() == 1 ? "" : ",", dataset.items[static_cast<std::size_t>(row.item)].id,
               category, python_number(row.box.x), python_number(row.box.y),
               python_number(row.box.w), python_number(row.box.h), python_number(row.score));
  }
  return text + "\n]\n";
}

void write_coco_results(std::span<const Prediction> rows, const Dataset& dataset,
                        const Path& file) {
  write_file_atomic(file, coco_results_text(rows, dataset));
}

/// "class cx cy w h score" in fractions of the picture, one file per picture.
void write_yolo_predictions(std::span<const Prediction> rows, const Dataset& dataset,
                            const Path& folder) {
  std::vector<std::string> texts(dataset.items.size());
  for (const Prediction& row : rows) {
    const auto item = static_cast<std::size_t>(row.item);
    const double w = dataset.items[item].size.width, h = dataset.items[item].size.height;
    texts[item] += format("{} {} {} {} {} {}\n", row.cls, (row.box.x + row.box.w / 2) / w,
                          (row.box.y + row.box.h / 2) / h, row.box.w / w, row.box.h / h, row.score);
  }
  make_folder(folder);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const std::string name = dataset.items[i].image.stem().string() + ".txt";
    write_file_atomic(folder / name, texts[i]);
  }
}

void write_voc_predictions(std::span<const Prediction> rows, const Dataset& dataset,
                           const Path& folder) {
  std::vector<std::string> texts(dataset.names.size());
  for (const Prediction& row : rows) {
    const Item& item = dataset.items[static_cast<std::size_t>(row.item)];
    texts[static_cast<std::size_t>(row.cls)] +=
        format("{} {} {} {} {} {}\n", item.image.stem().string(), row.score, row.box.x + 1,
               row.box.y + 1, row.box.x + row.box.w, row.box.y + row.box.h);
  }
  make_folder(folder);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    std::string name = printable(dataset.names[i], 200);
    std::replace(name.begin(), name.end(), '/', '_');
    write_file_atomic(folder / ("comp4_det_test_" + name + ".txt"), texts[i]);
  }
}

void write_darknet_predictions(std::span<const Prediction> rows, const Dataset& dataset,
                               const Path& file) {
  std::vector<std::string> objects(dataset.items.size());
  for (const Prediction& row : rows) {
    const auto item = static_cast<std::size_t>(row.item);
    const double w = dataset.items[item].size.width, h = dataset.items[item].size.height;
    objects[item] += format(
        "{}{{\"class_id\":{},\"name\":{},\"relative_coordinates\":{{\"center_x\":{},"
        "\"center_y\":{},\"width\":{},\"height\":{}}},\"confidence\":{}}}",
        objects[item].empty() ? "" : ",", row.cls,
        json_quoted(dataset.names[static_cast<std::size_t>(row.cls)]),
        python_number((row.box.x + row.box.w / 2) / w),
        python_number((row.box.y + row.box.h / 2) / h), python_number(row.box.w / w),
        python_number(row.box.h / h), python_number(row.score));
  }
  std::string text = "[";
  for (std::size_t i = 0; i < objects.size(); ++i) {
    text += format("{}\n{{\"frame_id\":{},\"filename\":{},\"objects\":[{}]}}", i == 0 ? "" : ",",
                   i + 1, json_quoted(dataset.items[i].image.generic_string()), objects[i]);
  }
  write_file_atomic(file, text + "\n]\n");
}

}  // namespace syolo
