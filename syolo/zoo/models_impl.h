// Recipes whose backbones are not Darknet's, rows of the zoo like the others.
#pragma once

#include <vector>

#include "syolo/zoo/recipe.h"

namespace syolo::zoo {

/// Levels of neck widths, heads of twice the width, `per_level` anchors each.
std::vector<Level> even_levels(const std::vector<int>& widths, int per_level, double scale_xy);

/// CSPResNet50 and CSPResNeXt50 as classifiers.
Recipe csresnet50();
Recipe csresnext50();
/// The same backbones in place of `yolov4`'s.
Recipe csresnet50_panet_spp(const Recipe& yolov4);
Recipe csresnext50_panet_spp(const Recipe& yolov4);
Recipe csresnext50_panet_spp_original_optimal(const Recipe& yolov4);

/// MobileNetV2-YOLOv3-Nano of dog-qiuqiu/MobileNet-Yolo.
Recipe mobilenetv2_yolov3_nano();
/// MobileNetV2 under yolov4-csp's neck, of a few GFLOPs: ours, nobody trained it yet.
Recipe yolov4_mobilenetv2(const Recipe& yolov4_csp);

}  // namespace syolo::zoo
