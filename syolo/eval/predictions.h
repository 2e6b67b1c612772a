// Predictions: what a detector said about the pictures of a dataset, from files of several forms
// or straight from a Detector. In double, as files give them: AP is defined on these numbers.
#pragma once

#include <span>
#include <vector>

#include "syolo/base/file.h"
#include "syolo/base/limits.h"
#include "syolo/boxes/postprocess.h"
#include "syolo/data/coco.h"
#include "syolo/data/dataset.h"

namespace syolo {

struct Prediction {
  int item = 0;  // position in Dataset::items
  int cls = 0;   // position in Dataset::names
  BoxXywh box;   // pixels
  double score = 0;
  bool operator==(const Prediction&) const = default;
};

struct Predictions {
  std::vector<Prediction> rows;  // in the order of the file
  Findings findings;
};

/// Reads predictions for `dataset`, told apart by content:
/// - COCO results: [{"image_id", "category_id", "bbox": [x, y, w, h], "score"}, ...]. An image_id
///   that is text is the picture's name, with or without suffix.
/// - Darknet JSON: [{"filename", "objects": [{"class_id", "relative_coordinates", "confidence"}]}]
/// - a folder of YOLO txt files, one per picture: class, centre x, centre y, width, height, score
/// - a folder of Pascal VOC's files, one per class, <class>.txt or comp4_det_test_<class>.txt:
///   picture, score, xmin, ymin, xmax, ymax in pixels from 1, both ends included
/// Predictions of classes that the dataset has not, and up to a tenth of unknown pictures, are left
/// out with a finding. A box or score that is not finite stays: it matches nothing, and it ranks
/// last (score).
/// @throws Error(input) with the place for other content, when more than a tenth of the pictures
///         or all of the classes are unknown to the dataset; Error(io, limit)
Predictions read_predictions(const Path& path, const Dataset& dataset, const Limits& limits = {},
                             const ReadProgress& progress = {});

/// The dataset's class of each of a detector's classes, -1 for none: by name, or by number where
/// the dataset's names are its numbers. @throws Error(input) when no class fits
std::vector<int> class_map(std::span<const std::string> detector, const Dataset& dataset);

/// The detections of one picture. @param classes  the dataset's class of each of the detector's,
/// -1 for none; empty: the same
void append(std::vector<Prediction>& rows, int item, std::span<const Detection> detections,
            std::span<const int> classes = {});

/// The COCO results array; reading it gives the same rows. Numbers that are not finite are written
/// as Python does: NaN, Infinity, -Infinity.
std::string coco_results_text(std::span<const Prediction> rows, const Dataset& dataset);
void write_coco_results(std::span<const Prediction> rows, const Dataset& dataset, const Path& file);
/// The other forms that read_predictions reads. Fractions need sizes of the pictures.
/// @throws Error(io)
void write_yolo_predictions(std::span<const Prediction> rows, const Dataset& dataset,
                            const Path& folder);
void write_voc_predictions(std::span<const Prediction> rows, const Dataset& dataset,
                           const Path& folder);
void write_darknet_predictions(std::span<const Prediction> rows, const Dataset& dataset,
                               const Path& file);

}  // namespace syolo
