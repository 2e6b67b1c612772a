// What the commands over datasets share: loading with a report, and the parts asked for.
#pragma once

#include <vector>

#include "app/cli/console.h"
#include "app/cli/json.h"
#include "syolo/data/formats.h"

namespace syolo::cli {

/// Reads every part and reports what was found where.
std::vector<Part> load_parts_for(const std::string& path, Console& out);
/// The bar while a dataset is read; the caller ends it.
ReadProgress reading(Console& out);
/// Where only truths are asked for, missing pictures are nobody's concern.
enum class PicturesNeeded { yes, no };
/// One part, or all of them joined, with a report of what was found.
Dataset load_part_for(const std::string& path, Split split, Console& out,
                      PicturesNeeded needed = PicturesNeeded::yes);

/// Findings by rule: a few of each as lines on stderr, then their number.
void report(const Findings& findings, Console& out, std::size_t most_per_rule = 3);

/// @throws Error(data_refused) when more than this share of the pictures was left out
void refuse_unusable(const Dataset& data, double most, const std::string& path);

/// {"train": {"pictures", "boxes"}, ...}
Json parts_json(const std::vector<Part>& parts);

/// "3 parts: train 205, val 87, test 72 pictures".
std::string parts_text(const std::vector<Part>& parts);

/// @throws Error(usage) when `out` lies in the dataset's folder, which is only read
void refuse_inside(const std::string& out, const std::string& dataset);

std::int64_t pictures_in(const std::vector<Part>& parts);
std::int64_t boxes_in(const Dataset& dataset);

}  // namespace syolo::cli
