// Why a truth was missed and where a false box comes from, at one score and IoU 0.5.
#pragma once

#include <optional>

#include "syolo/eval/predictions.h"
#include "syolo/graph/head.h"
#include "syolo/graph/net.h"

namespace syolo {

enum class MissCause {
  other_class,  // a kept box lies there, of another class
  low_score,    // a box of the class lies there, below the score
  suppressed,   // a box of the class lay there until suppression
  shared,       // the box there was counted for a neighbour
  place,        // a kept box of the class overlaps, but by less than 0.5
  small,        // nothing near; both sides below a cell of the finest level
  unmatched,    // nothing near; no anchor has a side ratio below the limit
  nothing       // nothing near
};
enum class FalseCause {
  duplicate,    // of a truth that a better box found
  other_class,  // on a truth of another class
  place,        // overlaps a truth of the class by 0.1 to 0.5
  background    // none of these
};
std::string_view word(MissCause cause);
std::string_view word(FalseCause cause);
constexpr int kMissCauses = 8, kFalseCauses = 4;

struct Miss {
  int item = 0;
  std::size_t truth = 0;  // in Item::truths
  MissCause cause = MissCause::nothing;
  std::optional<Prediction> box;  // the one that explains it
  double iou = 0;                 // of that box
  double width = 0, height = 0;   // of the truth in input pixels
};
struct FalseBox {
  Prediction box;
  FalseCause cause = FalseCause::background;
  int truth = -1;  // the one that explains it
  double iou = 0;
};

struct CauseOptions {
  double score = 0.25;  // boxes above it are kept
  Size input = {640, 640};
  Fit fit = Fit::letterbox;
  int finest_stride = 8;
  std::vector<Anchor> anchors;  // in input pixels; empty: `unmatched` is not asked
  double anchor_t = 4;
};

struct Causes {
  std::vector<Miss> misses;           // by picture
  std::vector<FalseBox> false_boxes;  // by picture, best score first
  std::int64_t found = 0, truths = 0;
};

/// Pairs as COCO makes them at IoU 0.5, best score first; crowds and difficult truths, and boxes on
/// them, are neither. @param unsuppressed  what the network gave before suppression; may be empty
Causes causes(const Dataset& dataset, std::span<const Prediction> predictions,
              std::span<const Prediction> unsuppressed, const CauseOptions& options);

/// One self-contained page: counts, and of each cause up to `most` crops with truth (green), box
/// (red) and numbers. Pictures that cannot be read are left out of the gallery.
std::string causes_html(const Causes& causes, const Dataset& dataset, std::string_view title,
                        int most = 24, const Limits& limits = {});

}  // namespace syolo
