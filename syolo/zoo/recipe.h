// A family of networks as data: what a network is made of, stage by stage and level by level.
// Building a graph from it is arithmetic on these numbers; nothing edits a finished graph.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "syolo/base/geometry.h"
#include "syolo/graph/activation.h"
#include "syolo/graph/graph.h"
#include "syolo/graph/head.h"

namespace syolo {

/// One layer of a stage of width b (docs/scaling.md). plain: 3x3 b. darknet: 1x1 b/2, 3x3 b, sum.
/// resnet: 1x1 b/4, 3x3 b/4, 1x1 b, sum. resnext: 1x1 b/2, 3x3 b/2 in 32 groups, 1x1 b, sum.
/// dense: 3x3 `growth`, joined to its input. osa: 3x3 `growth`, all joined at the end, 1x1 b.
/// osa_pcb: yolov4-tiny's block, which joins half of its channels and hands on 2b.
/// inverted: MobileNetV2's 1x1 expansion, depthwise 3x3, linear 1x1, sum.
enum class Block { plain, darknet, resnet, resnext, dense, osa, osa_pcb, inverted };

/// Cross stage partial: two 1x1 entries, the layers run in one of them, both are joined.
/// half: each entry carries b/2; full: b (the first stage of YOLOv4).
enum class Csp { none, half, full };
/// Where CSP's transitions (1x1) stand: behind the layers and behind the joining (both), only
/// behind the joining (first), only behind the layers (last). CSPNet, arXiv:1911.11929, figure 3.
enum class Fusion { both, first, last };

/// How a stage halves the map: 3x3 convolution of the stage's width, 2x2 maximum, not at all,
/// inside its first layer (inverted), or by a 3x3 of half the width in 32 groups (CSPResNeXt50).
enum class Down { conv, pool, none, inside, narrow };

struct StemConv {
  int filters = 32, size = 3, stride = 1;
};

struct Stage {
  int width = 64;  // b
  int depth = 1;   // layers
  Block block = Block::darknet;
  Csp csp = Csp::none;
  Down down = Down::conv;
  Fusion fusion = Fusion::both;
  int stride = 2;     // of `down`
  int hidden = 0;     // of a residual layer; 0: what the block says
  int entry = 0;      // of CSP's path of layers; 0: as its layers carry
  int growth = 32;    // dense, osa
  int expansion = 6;  // inverted
};

/// none: a classifier. tiny: one 1x1 at the top, a 3x3 at each finer level. fpn: YOLOv3's top-down
/// path. pan: YOLOv4's, up and down again. csp_pan: the same of CSP groups. bfm: the SAM + reorg
/// variant, which also joins the finer level's pixels. efm: exact fusion, where each level joins
/// itself and both neighbours and keeps the greatest of their channels (maxout); arXiv:1911.11929.
/// lite: MobileNetV2-YOLOv3's depthwise groups, top down.
enum class NeckKind { none, tiny, fpn, pan, csp_pan, bfm, efm, lite };

/// How a level of pan and csp_pan takes in another map: side by side, as a sum, or as a sum of
/// learned weights in which the way down also sees the backbone (MiWRC; EfficientDet's BiFPN).
enum class Join { concat, sum, weighted };

struct Neck {
  NeckKind kind = NeckKind::csp_pan;
  Join join = Join::concat;
  int depth = 2;         // pairs of 1x1 and 3x3 in each group
  bool spp = true;       // maxima of 5, 9, 13 (lite: 3, 5, 9) in the topmost group
  int pairs_before = 1;  // csp_pan: pairs before the maxima, a 1x1 follows them
  int pairs_after = 1;   // csp_pan: pairs behind them
};

/// One detection scale: the neck's width at it, and its head. Levels are listed finest first.
struct Level {
  int width = 128;
  int head_width = 256;  // of the head's 3x3 (lite: 1x1); 0: none
  int entry = 0;         // lite: of the 1x1 before the group; 0: none
  int project = 0;       // lite: of the 1x1 behind the depthwise 3x3
  std::vector<int> mask = {};
  double scale_xy = 1;
  std::string_view training = {};  // keys of this head's section that only training reads
};

enum class HeadOrder { each, last };  // behind each level, or all behind the neck
/// plain: one 3x3. attention: two 1x1 with a SAM between (P7 attention). pointwise: one 1x1.
enum class HeadKind { plain, attention, pointwise };

struct HeadSet {
  DecodeForm form = DecodeForm::new_coords;
  NmsKind nms = NmsKind::diou;
  int classes = 80;
  std::vector<Anchor> anchors = {};
  HeadOrder order = HeadOrder::each;
  HeadKind kind = HeadKind::plain;
  std::string_view training = {};  // keys of every head's section, "key=value ..."
};

/// darknet: what Darknet's cfgs say. pytorch: what ScaledYOLOv4's modules do: joined maps are
/// normalised and activated once more, other order of the maxima, batch-norm epsilon 1e-3.
enum class Dialect { darknet, pytorch };

struct Recipe {
  std::string name = {};
  Size input{640, 640};
  Act act = {}, neck_act = {};
  std::vector<StemConv> stem = {};
  bool stem_pool = false;
  std::vector<Stage> stages = {};
  int classifier_width = 0;  // NeckKind::none: a 1x1 before the classes; 0: none
  Neck neck = {};
  int lowest_level = 3;  // of levels[0]: stride 2^lowest
  std::vector<Level> levels = {};
  HeadSet heads = {};
  Dialect dialect = Dialect::darknet;
  Fit fit = Fit::stretch;
  std::string_view training = {};  // keys of [net] that only training reads

  int top_level() const { return lowest_level + static_cast<int>(levels.size()) - 1; }
};

/// A part of a built network, for pictures and tables: nodes first..last.
struct NetworkPart {
  enum class Kind { stem, stage, neck, head };
  Kind kind = Kind::stem;
  std::string label;  // "CSP 256 x 8"
  int level = 0;      // log2 of its stride
  NodeId first = 0, last = -1;
};

struct Blueprint {
  Graph graph;
  std::vector<NetworkPart> parts;
};

/// @throws Error(usage) with the nearest valid value when the numbers contradict each other
void check(const Recipe& recipe);
/// @throws as check
Blueprint blueprint(const Recipe& recipe);
Graph build(const Recipe& recipe);

}  // namespace syolo
