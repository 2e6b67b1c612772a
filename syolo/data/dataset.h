// A labelled dataset in memory, whatever format it came from. Paths of pictures and their truths;
// no pixels. Readers are in formats/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/base/error.h"
#include "syolo/base/geometry.h"

namespace syolo {

/// Corners are not used here: COCO's rules are defined on x, y, width, height in double, and AP
/// equal to the last bit needs the numbers as the file gave them.
struct BoxXywh {
  double x = 0, y = 0, w = 0, h = 0;  // pixels, top left corner and size
  bool operator==(const BoxXywh&) const = default;
};
Box to_box(const BoxXywh& box);

/// A label box. `area` is what the size classes of evaluation compare: the annotation's own where
/// the format gives one, else w * h.
struct Truth {
  BoxXywh box;
  double area = 0;
  int cls = 0;  // index into Dataset::names
  bool crowd = false, difficult = false;
  std::int64_t id = 0;  // the annotation's, 0 where the format has none
  int line = 0;         // in Item::label, 0 where the format has no lines
  bool operator==(const Truth&) const = default;
};

/// Missing labels and labels that are there and empty are two things.
enum class LabelState { present, empty, missing };

struct Item {
  std::filesystem::path image;
  std::filesystem::path label;  // the file its truths come from; empty where all share one
  std::int64_t id = 0;          // the format's, or the position in the list
  Size size;                    // as the format or the picture's header says; 0 x 0 if unknown
  LabelState state = LabelState::present;
  std::vector<Truth> truths;
  int cls = -1;  // of the whole picture, in datasets for classification; else -1
};

/// Told now and then while a dataset is read, by one thread at a time; counts `what`: "bytes" of a
/// large file, "pictures" looked at.
using ReadProgress =
    std::function<void(std::int64_t done, std::int64_t total, std::string_view what)>;

struct Dataset {
  std::vector<std::string> names;
  std::vector<std::int64_t> class_ids;  // the format's id of each name (COCO: not contiguous)
  std::vector<Item> items;
  Findings findings;
};

}  // namespace syolo
