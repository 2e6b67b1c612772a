#include "syolo/data/rules.h"

#include <array>

namespace syolo {
namespace {

constexpr auto kError = Severity::error;
constexpr auto kWarning = Severity::warning;
constexpr auto kNote = Severity::note;

constexpr Rule kRules[] = {
    {"image-missing", kError, "left out", "a listed picture does not exist or cannot be opened"},
    {"image-empty", kError, "left out", "the picture's file has no bytes"},
    {"image-type", kError, "left out", "the file is no picture, or of a kind that is not read"},
    {"image-damaged", kError, "left out", "the picture is truncated or cannot be decoded"},
    {"image-huge", kError, "left out", "the picture exceeds the limit of pixels or sides"},
    {"image-large", kNote, "kept", "more than 40 million pixels: small objects vanish on resizing"},
    {"image-tiny", kWarning, "kept", "a side of less than 10 pixels"},
    {"image-suffix", kWarning, "kept", "the suffix names another format than the bytes"},
    {"image-exif", kWarning, "kept", "stored rotated (EXIF): labels must fit the upright picture"},
    {"image-exif-labels", kError, "kept",
     "the labels were made on the picture before EXIF rotation"},
    {"image-exif-damaged", kWarning, "kept", "the EXIF block is damaged, no rotation is applied"},
    {"image-size", kWarning, "kept", "the annotation gives another size than the picture has"},
    {"image-duplicate", kWarning, "kept", "the same bytes under two names"},
    {"picture-two-classes", kError, "kept", "the same picture in the folders of two classes"},
    {"split-leak", kError, "kept", "the same picture in training and in validation"},
    {"split-near", kWarning, "kept", "nearly the same picture in training and in validation"},
    {"label-missing", kWarning, "taken as empty", "a picture without a label file"},
    {"label-empty", kNote, "kept", "an empty label file: a picture meant to have no objects"},
    {"label-orphan", kWarning, "not read", "a label file without a picture"},
    {"label-place", kWarning, "kept", "labels lie in more than one kind of place"},
    {"label-unreadable", kError, "left out", "a label file that cannot be read as text or XML"},
    {"label-columns", kError, "left out", "a row with too few or too many columns"},
    {"label-number", kError, "left out", "a column is no finite number"},
    {"label-class", kError, "left out", "the class is no whole number, or not among the names"},
    {"label-pixels", kError, "left out", "pixels where fractions of the picture are expected"},
    {"label-corners", kError, "left out", "two corners where centre and size are expected"},
    {"label-swapped", kError, "corners exchanged", "the second corner lies before the first"},
    {"label-size", kError, "left out", "a width or height of zero or less"},
    {"label-range", kError, "left out", "more than 1 % of the picture beyond its border"},
    {"label-overshoot", kWarning, "clipped", "up to 1 % of the picture beyond its border"},
    {"label-polygon", kNote, "reduced to its box", "a polygon where a box is expected"},
    {"label-mixed", kError, "kept", "files of one dataset follow different conventions"},
    {"box-duplicate", kWarning, "kept", "the same box and class twice in one picture"},
    {"box-two-classes", kWarning, "kept", "the same box with two classes"},
    {"box-repeated", kWarning, "kept", "the very same box in a great many pictures"},
    {"box-below-cell", kNote, "kept", "smaller than one cell of the finest level after resizing"},
    {"box-unmatched", kWarning, "kept", "no anchor has a side ratio below the limit"},
    {"class-unused", kNote, "kept", "a class name without a box or picture"},
    {"class-names", kWarning, "kept", "two lists of class names differ"},
    {"class-permuted", kError, "kept", "two lists hold the same class names in another order"},
    {"class-numbers", kNote, "numbered", "no class names were found"},
    {"many-empty", kWarning, "kept", "more than 30 % of the pictures have no label"},
    {"no-boxes", kError, "kept", "a part of the dataset holds no usable box"},
    {"list-entry", kWarning, "left out", "a line of a list that names no picture"},
    {"list-repeated", kWarning, "read once", "a list names one picture twice"},
    {"label-source", kNote, "read", "where the labels were found"},
    {"coco-image", kError, "left out", "an annotation of an image that the file does not list"},
    {"coco-category", kError, "left out",
     "an annotation of a category that the file does not list"},
    {"coco-bbox", kError, "left out", "an annotation without a box of four finite numbers"},
    {"coco-empty-box", kWarning, "kept", "an annotation's box without area"},
    {"coco-category-name", kWarning, "called by its id", "a category without a name"},
    {"coco-masks", kNote, "reduced to their boxes", "masks as polygons or runs"},
    {"coco-crowds", kNote, "kept", "boxes around crowds"},
    {"coco-id-zero", kWarning, "kept",
     "an annotation with id 0: pycocotools takes what finds it for a false box"},
    {"coco-ignore", kNote, "kept", "annotations marked \"ignore\": only crowds count"},
    {"predictions-image", kWarning, "left out", "predictions for pictures the dataset has not"},
    {"predictions-class", kWarning, "left out", "predictions of classes the dataset has not"},
    {"predictions-not-finite", kWarning, "kept", "a predicted box or score that is not finite"},
    {"suspect-missing", kWarning, "kept", "a model sees an object where no label is"},
    {"suspect-class", kWarning, "kept", "a model sees another class than the label says"},
    {"suspect-place", kWarning, "kept", "a model sees the object, but places it elsewhere"},
    {"suspect-unseen", kNote, "kept", "a label where a model sees nothing"},
    {"more", kNote, "as above", "further findings of one file, not listed"},
    {"not-kept", kNote, "dropped", "something that the written format cannot hold"},
};

}  // namespace

std::span<const Rule> data_rules() {
  return kRules;
}

const Rule* find_rule(std::string_view id) {
  for (const Rule& rule : kRules) {
    if (rule.id == id) return &rule;
  }
  return nullptr;
}

const Rule& rule_of(const Finding& finding) {
  const Rule* row = find_rule(finding.rule);
  SYOLO_ASSERT(row != nullptr, "a finding of a rule that is not listed");
  return *row;
}

Finding found(std::string_view rule, Where where, std::string text) {
  Finding finding{Severity::warning, rule, std::move(where), std::move(text)};
  const Rule& row = rule_of(finding);
  finding.severity = row.severity;
  finding.rule = row.id;
  return finding;
}

}  // namespace syolo
