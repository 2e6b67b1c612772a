// COCO instances JSON: a dataset as COCO publishes it. Read in one pass over the mapped file,
// whatever the order of its parts; masks are noted, boxes are kept.
#pragma once

#include <filesystem>

#include "syolo/base/limits.h"
#include "syolo/data/dataset.h"

namespace syolo {

/// Reads "images", "annotations" and "categories"; everything else may be missing or of any form.
/// Items keep the order of the file, truths of an item too; classes keep the order of "categories",
/// `class_ids` holds their ids. Item::image is "file_name" as it stands there: the folder of the
/// pictures is the caller's business. An area that is missing is w * h; "ignore" is noted, only
/// "iscrowd" counts. Without "annotations" every item's labels are `missing`.
/// Findings: annotations left out (of unknown images or categories, without a box of four finite
/// numbers), boxes without area (kept: the protocol counts them), masks, crowds.
/// @throws Error(input) with the byte for what is no COCO JSON and for repeated ids (both places);
///         Error(io, limit) as MappedFile::open, and beyond limits.boxes x 64 annotations
Dataset read_coco(const std::filesystem::path& file, const Limits& limits = {},
                  const ReadProgress& progress = {});

/// What read_coco reads: the same images, ids, boxes, areas and flags. Ids that repeat (missing
/// ones are all 0) are counted anew from 1.
std::string coco_text(const Dataset& dataset);
void write_coco(const Dataset& dataset, const std::filesystem::path& file);

}  // namespace syolo
