// Averages of other published protocols, each with its own rules for matching and for the area
// under the curve. They differ from COCO's and from each other: never compare across.
#pragma once

#include <array>
#include <span>
#include <string_view>
#include <vector>

#include "syolo/eval/predictions.h"

namespace syolo {

enum class Protocol {
  voc07,         // Pascal VOC 2007: 11 recall points, IoU >= 0.5
  voc,           // Pascal VOC 2010 and later: area under the envelope, IoU >= 0.5
  darknet,       // Darknet's `detector map`: area under the envelope, IoU > 0.5
  scaled_yolov4  // the Scaled-YOLOv4 trainer's test: 101 points interpolated, IoU > 0.5 ... 0.95
};
constexpr std::array<std::string_view, 4> kProtocolNames = {"voc07", "voc", "darknet",
                                                            "scaled-yolov4"};

struct ProtocolClass {
  int cls = 0;                               // position in Dataset::names
  std::int64_t truths = 0, predictions = 0;  // truths that count
  double ap50 = -1;                          // -1: no truth counts
  double ap = -1;                            // mean over 0.50 ... 0.95; scaled_yolov4 alone
  double precision = 0, recall = 0, f1 = 0;  // at `score` of the report
};

struct ProtocolReport {
  Protocol protocol = Protocol::voc;
  double map50 = -1, map = -1;
  double score = 0.25;  // where precision, recall and f1 are taken
  double precision = 0, recall = 0, f1 = 0;
  double mean_iou = 0;  // darknet: of what is found, false boxes count as 0
  std::vector<ProtocolClass> classes;
};

/// Difficult truths and crowds do not count, neither does a prediction that finds one. Predictions
/// of one picture and class are taken best first, equal scores in the order given.
ProtocolReport evaluate(Protocol protocol, const Dataset& dataset,
                        std::span<const Prediction> predictions);

/// Of a curve by falling score. Source: the devkits of Pascal VOC 2007 and 2010.
double voc07_ap(std::span<const double> recall, std::span<const double> precision);
double envelope_ap(std::span<const double> recall, std::span<const double> precision);
/// Source: arXiv:2011.08036, its test program: the envelope, linearly interpolated at 101 points.
double interpolated_ap(std::span<const double> recall, std::span<const double> precision);

}  // namespace syolo
