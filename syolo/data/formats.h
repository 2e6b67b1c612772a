// Dataset formats: told apart by content, read into a Dataset, written from one. Rows are listed
// in formats/rows.cpp. Nothing is ever written into the folder that was read.
#pragma once

#include <functional>
#include <optional>

#include "syolo/base/file.h"
#include "syolo/base/limits.h"
#include "syolo/data/dataset.h"

namespace syolo {

/// `all`: every picture of every part.
enum class Split { train, val, test, all };
std::string_view word(Split split);  // "train", "val", "test", "all"

struct Part {
  Split split = Split::all;
  Dataset data;
};

enum class Pictures { copy, link, none };

struct WriteOptions {
  Pictures pictures = Pictures::copy;  // none: labels refer to the pictures where they are
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

struct DatasetFormat {
  std::string_view name, what;
  /// True when path is of this kind; never throws, reads little.
  bool (*matches)(const Path& path);
  /// The parts that are there; {all} where the format knows no parts.
  std::vector<Split> (*splits)(const Path& path, const Limits& limits);
  Dataset (*read)(const Path& path, Split split, const Limits& limits,
                  const ReadProgress& progress);
  /// Into an empty or new folder; the result says what the format cannot hold. Null: not written.
  Findings (*write)(std::span<const Part> parts, const Path& folder, const WriteOptions& options);
};
std::span<const DatasetFormat> dataset_formats();

/// The format of `path` by its content. @throws Error(input) that lists what would be one
const DatasetFormat& dataset_format(const Path& path);
const DatasetFormat* find_format(std::string_view name);  // null if unknown

/// Reads one part. Problems with single pictures and labels are findings (rules.h) with file and
/// line; the picture or box is left out as the rule says.
/// @throws Error(io, input, limit) when the dataset as a whole cannot be read
Dataset load_dataset(const Path& path, Split split = Split::all, const Limits& limits = {},
                     const ReadProgress& progress = {});

/// Every part on its own, with the same names in all.
std::vector<Part> load_parts(const Path& path, const Limits& limits = {},
                             const ReadProgress& progress = {});

/// One dataset of all parts, each picture once, items in order; ids that clash are counted anew.
Dataset joined(std::vector<Part> parts);

/// Lines "class x y w h" (centre form, fractions): one label file.
struct YoloRow {
  int cls = 0;
  double x = 0, y = 0, w = 0, h = 0;  // corner and size, fractions, inside the picture
  int line = 0;
  bool operator==(const YoloRow&) const = default;
};
/// @param classes  number of names, or -1 when unknown (then up to 100,000)
std::vector<YoloRow> parse_yolo_labels(std::string_view text, const std::string& file, int classes,
                                       Findings& findings, const Limits& limits = {});

/// A dataset's YAML: path train val test nc names. Splits are folders, lists or several of these.
struct DatasetYaml {
  std::string path;
  std::vector<std::string> train, val, test;
  std::vector<std::string> names;
};
/// @throws Error(input) with the line
DatasetYaml parse_dataset_yaml(std::string_view text, const std::string& file);

/// Darknet's .data file: "key = value".
struct DarknetData {
  int classes = -1;
  std::string train, valid, test, names;
};
DarknetData parse_darknet_data(std::string_view text, const std::string& file);

/// One Pascal VOC annotation. Corners count pixels from 1 and include both ends.
struct VocObject {
  std::string name;
  BoxXywh box;
  bool difficult = false;
  int line = 0;
};
struct VocAnnotation {
  std::string filename;
  Size size;  // 0 x 0 when not given
  std::vector<VocObject> objects;
};
/// Boxes are corrected as the rules say, but not clipped: the picture's size is not known here.
VocAnnotation parse_voc(std::string_view text, const std::string& file, Findings& findings,
                        const Limits& limits = {});

}  // namespace syolo
