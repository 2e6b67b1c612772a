// One function per family of necks: from a backbone's features to heads.
#pragma once

#include <map>

#include "syolo/zoo/blocks_impl.h"

namespace syolo::zoo {

class Assembly {
 public:
  explicit Assembly(const Recipe& recipe);

  const Recipe& recipe;
  Builder b;

  int count() const { return static_cast<int>(recipe.levels.size()); }
  const Level& level(int i) const { return recipe.levels[static_cast<std::size_t>(i)]; }
  int width(int i) const { return level(i).width; }
  Act act() const { return recipe.neck_act; }
  const Feature& feature(int log2_stride) const { return features_.at(log2_stride); }
  /// The backbone's feature of level i; the topmost is the backbone's end.
  NodeId tap(int i) const;
  int log2_stride(int i) const { return recipe.lowest_level + i; }

  /// The head of level i on `x`: at once or behind everything else, as the recipe says.
  void head(int i, NodeId x);
  void neck_part(std::string_view label, int i);
  Blueprint finish();

 private:
  void backbone();
  void emit_head(int i, NodeId x);
  std::map<int, Feature> features_;
  NodeId end_ = -1;
  std::vector<std::pair<int, NodeId>> late_heads_;
};

void classifier_family(Assembly& a);
void fpn_family(Assembly& a);   // yolov3 and the tiny networks
void pan_family(Assembly& a);   // yolov4, yolov4-csp, P5 to P7
void efm_family(Assembly& a);   // exact fusion
void lite_family(Assembly& a);  // MobileNetV2-YOLOv3
void bfm_family(Assembly& a);   // yolov4-sam-mish-csp-reorg-bfm

}  // namespace syolo::zoo
