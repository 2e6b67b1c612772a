// ResNet, ResNeXt and MobileNet under the family's necks. CSPResNeXt50's widths and layers are
// those that give the published cfg's work at every stride; CSPResNet50 follows it without groups.
#include "syolo/zoo/anchors_impl.h"
#include "syolo/zoo/models_impl.h"

namespace syolo::zoo {
namespace {

constexpr std::string_view kNetClassifier =
    "batch=128 subdivisions=4 min_crop=128 max_crop=448 burn_in=1000 learning_rate=0.1 policy=poly "
    "power=4 max_batches=1200000 momentum=0.9 decay=0.0005 angle=7 hue=.1 saturation=.75 "
    "exposure=.75 aspect=.75";
constexpr std::string_view kNetNano =
    "batch=128 subdivisions=2 momentum=0.949 decay=0.0005 angle=0 saturation=1.5 exposure=1.5 "
    "hue=.1 learning_rate=0.001 burn_in=4000 max_batches=800020 policy=steps "
    "steps=400000,650000 scales=.1,.1";
constexpr std::string_view kHeadNano =
    "jitter=.1 ignore_thresh=.5 truth_thresh=1 random=0 iou_thresh=0.213 cls_normalizer=1.0 "
    "iou_normalizer=0.07 iou_loss=ciou";

/// 7x7, a maximum, and four stages; the three later ones spend a layer of theirs on the halving.
void set_backbone(Recipe& r, Block block) {
  r.stem = {{64, 7, 2}};
  r.stem_pool = true;
  const auto stage = [block](int width, int depth, Down down) {
    return Stage{.width = width, .depth = depth, .block = block, .csp = Csp::half, .down = down};
  };
  r.stages = {stage(256, 3, Down::none), stage(512, 3, Down::narrow), stage(1024, 5, Down::narrow),
              stage(2048, 2, Down::narrow)};
  r.stages[0].entry = 64;
}

Recipe classifier(std::string_view name, Block block) {
  const Act leaky = Act::of<formula::Leaky>();
  Recipe r{.name = std::string(name), .input = {256, 256}, .act = leaky, .neck_act = leaky};
  set_backbone(r, block);
  r.neck = {.kind = NeckKind::none};
  r.heads.classes = 1000;
  r.training = kNetClassifier;
  return r;
}

Recipe panet_spp(const Recipe& yolov4, std::string_view name, Block block, int side) {
  Recipe r = yolov4;
  r.name = name, r.input = {side, side};
  r.act = r.neck_act = Act::of<formula::Leaky>();
  set_backbone(r, block);
  return r;
}

/// Inverted residuals of these widths and depths; where the map halves, the first layer does it.
struct Inverted {
  int width, depth, stride;
};
void set_inverted(Recipe& r, const std::vector<Inverted>& rows) {
  r.stages = {{.width = rows[0].width,
               .depth = rows[0].depth,
               .block = Block::inverted,
               .down = Down::none,
               .expansion = 1}};
  for (std::size_t i = 1; i < rows.size(); ++i) {
    r.stages.push_back({.width = rows[i].width,
                        .depth = rows[i].depth,
                        .block = Block::inverted,
                        .down = rows[i].stride == 2 ? Down::inside : Down::none,
                        .stride = rows[i].stride});
  }
}

}  // namespace

Recipe csresnet50() {
  return classifier("csresnet50", Block::resnet);
}
Recipe csresnext50() {
  return classifier("csresnext50", Block::resnext);
}

Recipe csresnet50_panet_spp(const Recipe& yolov4) {
  return panet_spp(yolov4, "csresnet50-panet-spp", Block::resnet, 512);
}
Recipe csresnext50_panet_spp(const Recipe& yolov4) {
  Recipe r = panet_spp(yolov4, "csresnext50-panet-spp", Block::resnext, 512);
  r.heads.anchors = anchors_v3();
  for (Level& level : r.levels) level.scale_xy = 1;
  return r;
}
Recipe csresnext50_panet_spp_original_optimal(const Recipe& yolov4) {
  return panet_spp(yolov4, "csresnext50-panet-spp-original-optimal", Block::resnext, 608);
}

Recipe mobilenetv2_yolov3_nano() {
  const Act relu = Act::of<formula::Relu>();
  Recipe r{.name = "mobilenetv2-yolov3-nano", .input = {320, 320}, .act = relu, .neck_act = relu};
  r.stem = {{16, 3, 2}};
  set_inverted(r, {{8, 1, 1}, {12, 2, 2}, {16, 3, 2}, {32, 4, 2}, {48, 3, 1}, {80, 3, 2}});
  r.neck = {.kind = NeckKind::lite};
  r.lowest_level = 4;
  r.levels = {{.width = 288,
               .head_width = 288,
               .entry = 80,
               .project = 192,
               .mask = {0, 1, 2},
               .scale_xy = 1.05},
              {.width = 288, .head_width = 384, .project = 96, .mask = {3, 4, 5}, .scale_xy = 1.1}};
  r.heads = {.form = DecodeForm::classic,
             .nms = NmsKind::greedy_diou,
             .anchors = {{12, 18}, {37, 49}, {52, 132}, {115, 74}, {119, 199}, {243, 238}},
             .kind = HeadKind::pointwise,
             .training = kHeadNano};
  r.training = kNetNano;
  return r;
}

Recipe yolov4_mobilenetv2(const Recipe& yolov4_csp) {
  Recipe r = yolov4_csp;
  r.name = "yolov4-mobilenetv2", r.input = {416, 416};
  r.act = Act::of<formula::Relu6>(), r.neck_act = Act::of<formula::Leaky>();
  r.stem = {{32, 3, 2}};
  set_inverted(
      r, {{16, 1, 1}, {24, 2, 2}, {32, 3, 2}, {64, 4, 2}, {96, 3, 1}, {160, 3, 2}, {320, 1, 1}});
  r.neck.depth = 1;
  const std::vector<Level> before = r.levels;
  r.levels = even_levels({64, 96, 160}, 3, 2);
  for (std::size_t i = 0; i < before.size(); ++i) r.levels[i].training = before[i].training;
  return r;
}

}  // namespace syolo::zoo
