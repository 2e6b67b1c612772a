// How often a classifier names a picture's class first, or among its first five.
#pragma once

#include "syolo/eval/curves.h"
#include "syolo/eval/plot.h"

namespace syolo {

/// Pictures sorted by class, without boxes.
bool has_picture_classes(const Dataset& dataset);

struct TopClass {
  std::int64_t pictures = 0, first = 0, among_five = 0;
  std::int64_t named = 0;    // pictures, of any class, that this class is first for
  double top1() const;       // share of its pictures that it is first for; -1 without any
  double precision() const;  // share of those it is first for that are its own; -1 without any
};

struct TopReport {
  std::int64_t pictures = 0;
  double top1 = -1, top5 = -1;    // -1: nothing to measure
  std::vector<TopClass> classes;  // as Dataset::names
  Confusion confusion;            // of the first; pictures without any in the last column
};

/// Of the pictures that have a class (Item::cls).
/// @param predictions  in any order; those of a picture rank by score, then class
TopReport top_accuracy(const Dataset& dataset, std::span<const Prediction> predictions);

/// The classes with most pictures, truth by row, first prediction by column.
Sheet confusion_sheet(const TopReport& report, const Dataset& dataset);
/// Numbers and the matrix, to be part of a page.
std::string top_section(const TopReport& report, const Dataset& dataset);

}  // namespace syolo
