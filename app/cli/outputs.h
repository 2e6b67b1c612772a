// Detections as documents: table, JSON, NDJSON, CSV, COCO results, YOLO txt, Darknet JSON. Each
// format is a row of three functions over results; no file is opened here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/boxes/postprocess.h"

namespace syolo::cli {

struct ImageResult {
  std::string image;
  std::optional<std::int64_t> frame;  // of a video, from 0
  Size size;
  std::vector<Detection> detections;
  double decode_ms = 0, preprocess_ms = 0, infer_ms = 0, postprocess_ms = 0;
  std::string error;  // set only where the image failed
};

struct ResultContext {
  const std::vector<std::string>* names = nullptr;
  bool color = false;      // bold image lines, for a terminal
  std::int64_t items = 0;  // results before this one
  std::int64_t rows = 0;   // detections before this one
};

struct ResultFormat {
  std::string_view name, suffix, what;
  std::string_view begin, end;
  /// The text of one result; updates the counts of the context.
  std::string (*item)(ResultContext& context, const ImageResult& result);
};
std::span<const ResultFormat> result_formats();
const ResultFormat& result_format(std::string_view name);

std::string class_name(const std::vector<std::string>& names, int cls);

/// True when the names are COCO's 80: categories then get COCO's own numbers (1..90).
bool is_coco(const std::vector<std::string>& names);

}  // namespace syolo::cli
