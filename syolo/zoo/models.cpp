// The rows. Widths, depths and keys are facts of the published cfgs (AlexeyAB/darknet) and, for
// the pytorch dialect, of ScaledYOLOv4's models; see docs/scaling.md.
#include "syolo/zoo/models.h"

#include <algorithm>
#include <array>

#include "syolo/base/error.h"
#include "syolo/base/text.h"
#include "syolo/zoo/anchors_impl.h"
#include "syolo/zoo/models_impl.h"
#include "syolo/zoo/scaling.h"

namespace syolo {

namespace zoo {

std::vector<Level> even_levels(const std::vector<int>& widths, int per_level, double scale_xy) {
  std::vector<Level> levels;
  int next = 0;
  for (const int width : widths) {
    Level level{.width = width, .head_width = 2 * width, .mask = {}, .scale_xy = scale_xy};
    for (int i = 0; i < per_level; ++i) level.mask.push_back(next++);
    levels.push_back(std::move(level));
  }
  return levels;
}

}  // namespace zoo

namespace {

using zoo::even_levels;

// ---- training keys of [net] ------------------------------------------------------------------
constexpr std::string_view kNetV3 =
    "batch=64 subdivisions=16 momentum=0.9 decay=0.0005 angle=0 saturation=1.5 exposure=1.5 hue=.1 "
    "learning_rate=0.001 burn_in=1000 max_batches=500200 policy=steps steps=400000,450000 "
    "scales=.1,.1";
constexpr std::string_view kNetTiny =
    "batch=64 subdivisions=1 momentum=0.9 decay=0.0005 angle=0 saturation=1.5 exposure=1.5 hue=.1 "
    "learning_rate=0.00261 burn_in=1000 max_batches=2000200 policy=steps steps=1600000,1800000 "
    "scales=.1,.1";
constexpr std::string_view kNetTiny3l =
    "batch=64 subdivisions=1 momentum=0.9 decay=0.0005 angle=0 saturation=1.5 exposure=1.5 hue=.1 "
    "learning_rate=0.00261 burn_in=1000 max_batches=500200 policy=steps steps=400000,450000 "
    "scales=.1,.1";
constexpr std::string_view kNetV4 =
    "batch=64 subdivisions=8 momentum=0.949 decay=0.0005 angle=0 saturation=1.5 exposure=1.5 "
    "hue=.1 learning_rate=0.0013 burn_in=1000 max_batches=500500 policy=steps "
    "steps=400000,450000 scales=.1,.1 mosaic=1";
constexpr std::string_view kNetLarge =
    "batch=64 subdivisions=8 momentum=0.949 decay=0.0005 angle=0 saturation=1.5 exposure=1.5 "
    "hue=.1 learning_rate=0.001 burn_in=1000 max_batches=500500 policy=steps "
    "steps=400000,450000 scales=.1,.1 mosaic=1";
constexpr std::string_view kNetLargeEma =
    "batch=64 subdivisions=8 momentum=0.949 decay=0.0005 angle=0 saturation=1.5 exposure=1.5 "
    "hue=.1 learning_rate=0.001 burn_in=1000 max_batches=500500 policy=steps "
    "steps=400000,450000 scales=.1,.1 mosaic=1 ema_alpha=0.9998";
constexpr std::string_view kNetFastEma =
    "batch=64 subdivisions=8 momentum=0.949 decay=0.0005 angle=0 saturation=1.5 exposure=1.5 "
    "hue=.1 learning_rate=0.00261 burn_in=1000 max_batches=500500 policy=steps "
    "steps=400000,450000 scales=.1,.1 mosaic=1 ema_alpha=0.9998";
constexpr std::string_view kNetClassifier =
    "batch=128 subdivisions=4 min_crop=128 max_crop=448 burn_in=1000 learning_rate=0.1 policy=poly "
    "power=4 max_batches=800000 momentum=0.9 decay=0.0005 angle=7 hue=.1 saturation=.75 "
    "exposure=.75 aspect=.75";
constexpr std::string_view kNetClassifierMosaic =
    "batch=128 subdivisions=4 label_smooth_eps=0.1 min_crop=128 max_crop=448 mosaic=1 cutmix=1 "
    "burn_in=1000 learning_rate=0.1 policy=poly power=4 max_batches=1200000 momentum=0.9 "
    "decay=0.0005 angle=7 hue=.1 saturation=.75 exposure=.75 aspect=.75";

// ---- training keys of the heads ----------------------------------------------------------------
constexpr std::string_view kHeadV3 = "jitter=.3 ignore_thresh=.7 truth_thresh=1 random=1";
constexpr std::string_view kHeadTiny =
    "jitter=.3 cls_normalizer=1.0 iou_normalizer=0.07 iou_loss=ciou ignore_thresh=.7 "
    "truth_thresh=1 random=0 resize=1.5";
constexpr std::string_view kHeadV4 =
    "jitter=.3 ignore_thresh=.7 truth_thresh=1 iou_thresh=0.213 cls_normalizer=1.0 "
    "iou_normalizer=0.07 iou_loss=ciou max_delta=5";
constexpr std::string_view kHeadBfm =
    "ignore_thresh=.7 truth_thresh=1 random=0 resize=1.5 iou_thresh=0.213 cls_normalizer=1.0 "
    "iou_normalizer=0.07 uc_normalizer=0.07 iou_loss=ciou beta1=0.6 max_delta=5";
constexpr std::string_view kHeadNew =  // csp-swish, csp-x, csp-s
    "jitter=.1 objectness_smooth=1 ignore_thresh=.7 truth_thresh=1 resize=1.5 iou_normalizer=0.05 "
    "cls_normalizer=0.5 obj_normalizer=0.4 iou_loss=ciou max_delta=2";
constexpr std::string_view kHeadLarge =  // P5, P6, P7
    "jitter=.1 objectness_smooth=1 ignore_thresh=.7 truth_thresh=1 resize=1.5 iou_thresh=0.2 "
    "iou_normalizer=0.05 cls_normalizer=0.5 obj_normalizer=1.0 iou_loss=ciou max_delta=2";
constexpr std::string_view kHeadCsp =  // yolov4-csp, yolov4x-mish; the rest differs by level
    "jitter=.1 ignore_thresh=.7 truth_thresh=1 resize=1.5 iou_thresh=0.2 iou_normalizer=0.05 "
    "cls_normalizer=0.5 iou_loss=ciou";
constexpr std::string_view kHeadP7 =
    "ignore_thresh=.7 truth_thresh=1 resize=1.5 jitter=.1 objectness_smooth=1 iou_thresh=0.2 "
    "iou_normalizer=0.05 cls_normalizer=0.5 iou_loss=ciou max_delta=40";

// ---- parts that several rows share -------------------------------------------------------------
Act mish() {
  return Act::of<formula::Mish>();
}
Act leaky() {
  return Act::of<formula::Leaky>();
}
Act swish() {
  return Act::of<formula::Swish>();
}

/// Stages of residual layers, CSP-ized from the second on; the first as `first` says.
std::vector<Stage> dark_stages(const std::vector<int>& widths, const std::vector<int>& depths,
                               Csp first, Csp others) {
  std::vector<Stage> stages;
  for (std::size_t i = 0; i < widths.size(); ++i) {
    stages.push_back({.width = widths[i], .depth = depths[i], .csp = i == 0 ? first : others});
  }
  return stages;
}

Recipe darknet53() {
  Recipe r{.name = "darknet53", .input = {256, 256}, .act = leaky(), .neck_act = leaky()};
  r.stem = {{32}};
  r.stages = dark_stages({64, 128, 256, 512, 1024}, {1, 2, 8, 8, 4}, Csp::none, Csp::none);
  r.neck = {.kind = NeckKind::none};
  r.heads.classes = 1000;
  r.training = kNetClassifier;
  return r;
}

Recipe csdarknet53() {
  Recipe r = darknet53();
  r.name = "csdarknet53";
  r.act = r.neck_act = mish();
  r.stages = dark_stages({64, 128, 256, 512, 1024}, {1, 2, 8, 8, 4}, Csp::full, Csp::half);
  r.training = kNetClassifierMosaic;
  return r;
}

Recipe yolov3() {
  Recipe r = darknet53();
  r.name = "yolov3", r.input = {416, 416};
  r.neck = {.kind = NeckKind::fpn, .depth = 2, .spp = false};
  r.levels = even_levels({128, 256, 512}, 3, 1);
  r.heads = {.form = DecodeForm::classic,
             .nms = NmsKind::iou,
             .anchors = zoo::anchors_v3(),
             .training = kHeadV3};
  r.training = kNetV3;
  return r;
}

Recipe yolov3_spp() {
  Recipe r = yolov3();
  r.name = "yolov3-spp", r.input = {608, 608};
  r.neck.spp = true;
  return r;
}

Recipe yolov3_tiny() {
  Recipe r{.name = "yolov3-tiny", .input = {416, 416}, .act = leaky(), .neck_act = leaky()};
  r.stem = {{16}};
  for (const int width : {32, 64, 128, 256, 512}) {
    r.stages.push_back({.width = width, .block = Block::plain, .down = Down::pool});
  }
  r.stages.push_back({.width = 1024, .block = Block::plain, .down = Down::pool, .stride = 1});
  r.neck = {.kind = NeckKind::tiny, .spp = false};
  r.lowest_level = 4;
  r.levels = {{.width = 128, .head_width = 0, .mask = {0, 1, 2}},
              {.width = 256, .head_width = 512, .mask = {3, 4, 5}}};
  r.heads = {.form = DecodeForm::classic,
             .nms = NmsKind::iou,
             .anchors = zoo::anchors_tiny(),
             .training = kHeadV3};
  r.training = kNetV3;
  return r;
}

Recipe yolov4_tiny() {
  Recipe r{.name = "yolov4-tiny", .input = {416, 416}, .act = leaky(), .neck_act = leaky()};
  r.stem = {{32, 3, 2}, {64, 3, 2}};
  r.stages = {{.width = 64, .block = Block::osa_pcb, .down = Down::none},
              {.width = 128, .block = Block::osa_pcb, .down = Down::pool},
              {.width = 256, .block = Block::osa_pcb, .down = Down::pool},
              {.width = 512, .block = Block::plain, .down = Down::pool}};
  r.neck = {.kind = NeckKind::tiny, .spp = false};
  r.lowest_level = 4;
  r.levels = {{.width = 128, .head_width = 0, .mask = {1, 2, 3}, .scale_xy = 1.05},
              {.width = 256, .head_width = 512, .mask = {3, 4, 5}, .scale_xy = 1.05}};
  r.heads = {.form = DecodeForm::classic,
             .nms = NmsKind::greedy_diou,
             .anchors = zoo::anchors_tiny(),
             .training = kHeadTiny};
  r.training = kNetTiny;
  return r;
}

Recipe yolov4_tiny_3l() {
  Recipe r = yolov4_tiny();
  r.name = "yolov4-tiny-3l", r.input = {608, 608};
  r.lowest_level = 3;
  r.levels = {{.width = 64, .head_width = 0, .mask = {0, 1, 2}, .scale_xy = 1.05},
              {.width = 128, .head_width = 0, .mask = {3, 4, 5}, .scale_xy = 1.05},
              {.width = 256, .head_width = 512, .mask = {6, 7, 8}, .scale_xy = 1.05}};
  r.heads.anchors = zoo::anchors_v4();
  r.training = kNetTiny3l;
  return r;
}

Recipe yolov4() {
  Recipe r{.name = "yolov4", .input = {608, 608}, .act = mish(), .neck_act = leaky()};
  r.stem = {{32}};
  r.stages = dark_stages({64, 128, 256, 512, 1024}, {1, 2, 8, 8, 4}, Csp::full, Csp::half);
  r.neck = {.kind = NeckKind::pan};
  r.levels = even_levels({128, 256, 512}, 3, 1.2);
  r.levels[1].scale_xy = 1.1, r.levels[2].scale_xy = 1.05;
  r.levels[2].training = "random=1";
  r.heads = {.form = DecodeForm::classic,
             .nms = NmsKind::greedy_diou,
             .anchors = zoo::anchors_v4(),
             .training = kHeadV4};
  r.training = kNetV4;
  return r;
}

Recipe yolov4_bfm() {
  Recipe r = yolov4();
  r.name = "yolov4-sam-mish-csp-reorg-bfm", r.input = {512, 512};
  r.neck_act = mish();
  r.neck = {.kind = NeckKind::bfm};
  r.levels[0].training = r.levels[1].training = "jitter=.2";
  r.levels[2].training = "jitter=.1";
  r.heads.training = kHeadBfm;
  r.fit = Fit::letterbox, r.training = kNetLarge;
  return r;
}

Recipe yolov4_csp() {
  Recipe r{.name = "yolov4-csp", .input = {512, 512}, .act = mish(), .neck_act = mish()};
  r.stem = {{32}};
  r.stages = dark_stages({64, 128, 256, 512, 1024}, {1, 2, 8, 8, 4}, Csp::none, Csp::half);
  r.levels = even_levels({128, 256, 512}, 3, 2);
  r.levels[0].training = "objectness_smooth=0 obj_normalizer=4.0 max_delta=5";
  r.levels[1].training = "objectness_smooth=1 obj_normalizer=1.0 max_delta=5";
  r.levels[2].training = "objectness_smooth=1 obj_normalizer=0.4 max_delta=2";
  r.heads = {.anchors = zoo::anchors_v4(), .training = kHeadCsp};
  r.fit = Fit::letterbox, r.training = kNetLargeEma;
  return r;
}

Recipe yolov4_csp_leaky() {
  Recipe r = yolov4_csp();
  r.name = "yolov4-csp-leaky", r.input = {640, 640}, r.act = r.neck_act = leaky();
  return r;
}

Recipe yolov4_csp_swish() {
  Recipe r = yolov4_csp();
  r.name = "yolov4-csp-swish", r.input = {640, 640}, r.act = r.neck_act = swish();
  r.levels = even_levels({128, 256, 512}, 3, 2);
  r.heads.training = kHeadNew, r.heads.order = HeadOrder::last;
  return r;
}

Recipe yolov4_csp_s() {
  Recipe r = yolov4_csp_swish();
  r.name = "yolov4-csp-s-mish", r.act = r.neck_act = mish();
  r.stages = dark_stages({32, 64, 128, 256, 512}, {1, 1, 1, 1, 1}, Csp::none, Csp::half);
  r.stages[0].hidden = 32;
  r.neck.depth = 1, r.neck.pairs_before = 0;
  r.levels = even_levels({64, 128, 256}, 3, 2);
  r.training = kNetFastEma;
  return r;
}

Recipe yolov4x_mish() {
  Recipe r = yolov4_csp();
  r.name = "yolov4x-mish", r.input = {640, 640};
  r.stages = dark_stages({80, 160, 320, 640, 1280}, {1, 3, 10, 10, 5}, Csp::none, Csp::half);
  r.neck.depth = 3, r.neck.pairs_after = 2;
  const std::vector<Level> csp = r.levels;
  r.levels = even_levels({160, 320, 640}, 3, 2);
  for (std::size_t i = 0; i < csp.size(); ++i) r.levels[i].training = csp[i].training;
  r.training = kNetLarge;
  return r;
}

Recipe yolov4_csp_x(std::string_view name, Act act) {
  Recipe r = yolov4x_mish();
  r.name = name, r.act = r.neck_act = act;
  r.levels = even_levels({160, 320, 640}, 3, 2);
  r.heads.training = kHeadNew, r.heads.order = HeadOrder::last;
  r.training = kNetFastEma;
  return r;
}
Recipe yolov4_csp_x_mish() {
  return yolov4_csp_x("yolov4-csp-x-mish", mish());
}
Recipe yolov4_csp_x_swish() {
  return yolov4_csp_x("yolov4-csp-x-swish", swish());
}

Recipe yolov4_p5() {
  Recipe r = yolov4_csp_swish();
  r.name = "yolov4-p5", r.input = {896, 896}, r.act = r.neck_act = mish();
  r.stages = dark_stages({64, 128, 256, 512, 1024}, {1, 3, 15, 15, 7}, Csp::half, Csp::half);
  r.neck.depth = 3;
  r.levels = even_levels({128, 256, 512}, 4, 2);
  r.heads.anchors = zoo::anchors_p5(), r.heads.training = kHeadLarge;
  return r;
}

Recipe yolov4_p6() {
  Recipe r = yolov4_p5();
  r.name = "yolov4-p6", r.input = {1280, 1280};
  r.stages.push_back({.width = 1024, .depth = 7, .csp = Csp::half});
  r.levels = even_levels({128, 256, 512, 512}, 4, 2);
  r.heads.anchors = zoo::anchors_p6();
  return r;
}

Recipe yolov4_p7() {
  Recipe r = yolov4_p6();
  r.name = "yolov4-p7", r.input = {1536, 1536};
  r.stem = {{40}};
  r.stages = dark_stages({80, 160, 320, 640, 1280, 1280, 1280}, {1, 3, 15, 15, 7, 7, 7}, Csp::half,
                         Csp::half);
  r.levels = even_levels({160, 320, 640, 640, 640}, 4, 2);
  r.heads.anchors = zoo::anchors_p7();
  return r;
}

/// The attention variant that Darknet ships as cspx-p7-mish.
Recipe cspx_p7_mish() {
  Recipe r = yolov4_p7();
  r.name = "cspx-p7-mish";
  r.stem = {{80}};
  r.stages[0].csp = Csp::none;
  r.levels[0].width = 128;
  constexpr std::array<std::string_view, 5> balance = {"obj_normalizer=4.0", "obj_normalizer=1.0",
                                                       "obj_normalizer=0.5", "obj_normalizer=0.4",
                                                       "obj_normalizer=0.1"};
  for (std::size_t i = 0; i < balance.size(); ++i) r.levels[i].training = balance[i];
  r.heads.kind = HeadKind::attention, r.heads.training = kHeadP7;
  r.training = kNetLarge;
  return r;
}

Recipe pytorch(Recipe r) {
  r.name += "-pytorch";
  r.dialect = Dialect::pytorch;
  return r;
}
Recipe yolov4_csp_pytorch() {
  Recipe r = pytorch(yolov4_csp());
  r.input = {640, 640};
  r.heads.order = HeadOrder::last;
  return r;
}
Recipe yolov4_p5_pytorch() {
  return pytorch(yolov4_p5());
}
Recipe yolov4_p6_pytorch() {
  return pytorch(yolov4_p6());
}
Recipe yolov4_p7_pytorch() {
  return pytorch(yolov4_p7());
}

/// The u5 branch scales one network in depth and width.
Recipe yolov4_u5(std::string_view name, double depth, double width) {
  Recipe r = scaled(yolov4_csp_pytorch(), {.depth = depth, .width = width});
  r.name = name;
  return r;
}
Recipe yolov4s_pytorch() {
  return yolov4_u5("yolov4s-mish-pytorch", 0.33, 0.5);
}
Recipe yolov4m_pytorch() {
  return yolov4_u5("yolov4m-mish-pytorch", 0.67, 0.75);
}
Recipe yolov4l_pytorch() {
  return yolov4_u5("yolov4l-mish-pytorch", 1, 1);
}
Recipe yolov4x_pytorch() {
  return yolov4_u5("yolov4x-mish-pytorch", 1.33, 1.25);
}

Recipe csresnet50_panet_spp() {
  return zoo::csresnet50_panet_spp(yolov4());
}
Recipe csresnext50_panet_spp() {
  return zoo::csresnext50_panet_spp(yolov4());
}
Recipe csresnext50_optimal() {
  return zoo::csresnext50_panet_spp_original_optimal(yolov4());
}
Recipe yolov4_mobilenetv2() {
  return zoo::yolov4_mobilenetv2(yolov4_csp());
}

constexpr std::string_view kAlexey = "AlexeyAB/darknet";
constexpr std::string_view kPytorch = "WongKinYiu/PyTorch_YOLOv4";
constexpr std::string_view kU5 = "WongKinYiu/PyTorch_YOLOv4, branch u5";
constexpr std::string_view kMobileNet = "dog-qiuqiu/MobileNet-Yolo";
constexpr std::string_view kScaled = "WongKinYiu/ScaledYOLOv4";

constexpr std::array kRows = {
    ZooModel{"yolov3-tiny",
             "YOLOv3's small network",
             yolov3_tiny,
             {8'852'366, 5.565, "AP50 33.1 at 416", kAlexey}},
    ZooModel{"yolov3",
             "Darknet53 and top-down levels",
             yolov3,
             {61'949'149, 65.864, "AP50 55.3 at 416", kAlexey}},
    ZooModel{"yolov3-spp",
             "with a pooling pyramid",
             yolov3_spp,
             {62'998'749, 141.449, "AP50 60.6 at 608", kAlexey}},
    ZooModel{"yolov4-tiny",
             "OSA with split base, two levels",
             yolov4_tiny,
             {6'056'606, 6.908, "AP50 40.2 at 416", kAlexey}},
    ZooModel{"yolov4-tiny-3l", "three levels", yolov4_tiny_3l, {6'327'453, 17.735, "", kAlexey}},
    ZooModel{"yolov4",
             "CSPDarknet53, SPP, PAN",
             yolov4,
             {64'363'101, 128.389, "AP 43.5, AP50 65.7 at 608", kAlexey}},
    ZooModel{"csresnext50-panet-spp",
             "YOLOv4 on CSPResNeXt50",
             csresnext50_panet_spp,
             {56'942'525, 71.291, "", kAlexey}},
    ZooModel{"csresnext50-panet-spp-original-optimal",
             "YOLOv4 on CSPResNeXt50, YOLOv4's anchors",
             csresnext50_optimal,
             {56'942'525, 100.532, "AP 43.2, AP50 65.4 at 608", kAlexey}},
    ZooModel{"csresnet50-panet-spp", "YOLOv4 on CSPResNet50", csresnet50_panet_spp, {}},
    ZooModel{"mobilenetv2-yolov3-nano",
             "MobileNetV2 for processors, two levels",
             zoo::mobilenetv2_yolov3_nano,
             {873'150, 0.549, "AP50 30.1 at 320", kMobileNet}},
    ZooModel{"yolov4-mobilenetv2", "MobileNetV2, CSP-PAN, three levels", yolov4_mobilenetv2, {}},
    ZooModel{"yolov4-sam-mish-csp-reorg-bfm",
             "gated heads, finer pixels joined",
             yolov4_bfm,
             {61'490'141, 84.268, "", kAlexey}},
    ZooModel{"yolov4-csp",
             "CSP throughout, Mish",
             yolov4_csp,
             {52'921'437, 76.953, "AP 46.2, AP50 64.8 at 512", kAlexey}},
    ZooModel{"yolov4-csp-leaky",
             "CSP throughout, leaky ReLU",
             yolov4_csp_leaky,
             {52'921'437, 120.240, "", kPytorch}},
    ZooModel{"yolov4-csp-swish",
             "CSP throughout, Swish",
             yolov4_csp_swish,
             {52'921'437, 120.240, "AP 50.0, AP50 68.7 at 640", kAlexey}},
    ZooModel{"yolov4-csp-s-mish",
             "half the width, one layer a stage",
             yolov4_csp_s,
             {8'270'621, 20.890, "", kAlexey}},
    ZooModel{"yolov4x-mish",
             "width x 1.25, depth x 1.25",
             yolov4x_mish,
             {99'751'053, 221.885, "AP 50.1, AP50 68.5 at 640", kAlexey}},
    ZooModel{"yolov4-csp-x-mish",
             "the same, heads at the end",
             yolov4_csp_x_mish,
             {99'751'053, 221.885, "", kAlexey}},
    ZooModel{"yolov4-csp-x-swish",
             "the same with Swish",
             yolov4_csp_x_swish,
             {99'751'053, 221.885, "AP 51.5, AP50 69.9 at 640", kAlexey}},
    ZooModel{"yolov4-p5",
             "large, levels P3 to P5",
             yolov4_p5,
             {70'830'684, 326.643, "AP 51.6, AP50 70.0 at 896", kAlexey}},
    ZooModel{"yolov4-p6",
             "large, levels P3 to P6",
             yolov4_p6,
             {127'585'200, 717.020, "AP 54.0, AP50 72.1 at 1280", kAlexey}},
    ZooModel{"yolov4-p7", "large, levels P3 to P7, width x 1.25", yolov4_p7, {}},
    ZooModel{
        "cspx-p7-mish", "P7 with gated heads", cspx_p7_mish, {276'316'196, 1600.465, "", kAlexey}},
    ZooModel{"yolov4-csp-pytorch",
             "as ScaledYOLOv4's modules say",
             yolov4_csp_pytorch,
             {52'924'765, 120.240, "AP 48.7, AP50 67.0 at 640", kScaled}},
    ZooModel{"yolov4-p5-pytorch",
             "as ScaledYOLOv4's modules say",
             yolov4_p5_pytorch,
             {70'834'012, 326.643, "AP 51.4, AP50 69.9 at 896", kScaled}},
    ZooModel{"yolov4-p6-pytorch",
             "as ScaledYOLOv4's modules say",
             yolov4_p6_pytorch,
             {127'590'576, 717.020, "AP 54.3, AP50 72.3 at 1280", kScaled}},
    ZooModel{"yolov4-p7-pytorch",
             "as ScaledYOLOv4's modules say",
             yolov4_p7_pytorch,
             {287'575'580, 1636.704, "AP 55.4, AP50 73.3 at 1536", kScaled}},
    ZooModel{"yolov4s-mish-pytorch",
             "yolov4-csp at depth 0.33, width 0.5",
             yolov4s_pytorch,
             {9'329'581, 21.165, "AP 40.8 at 640", kU5}},
    ZooModel{"yolov4m-mish-pytorch",
             "depth 0.67, width 0.75",
             yolov4m_pytorch,
             {24'676'485, 53.886, "AP 45.6 at 640", kU5}},
    ZooModel{"yolov4l-mish-pytorch",
             "depth 1, width 1",
             yolov4l_pytorch,
             {52'924'765, 120.24, "AP 49.0 at 640", kU5}},
    ZooModel{"yolov4x-mish-pytorch",
             "depth 1.33, width 1.25",
             yolov4x_pytorch,
             {96'944'565, 226.518, "AP 50.7 at 640", kU5}},
    ZooModel{"darknet53", "YOLOv3's backbone, classifier", darknet53, {}},
    ZooModel{"csdarknet53",
             "YOLOv4's backbone, classifier",
             csdarknet53,
             {27'642'184, 13.067, "", kAlexey}},
    ZooModel{"csresnet50", "CSP-ized ResNet50, classifier", zoo::csresnet50, {}},
    ZooModel{"csresnext50", "CSP-ized ResNeXt50, classifier", zoo::csresnext50, {}},
};

}  // namespace

std::span<const ZooModel> zoo_models() {
  return kRows;
}

const ZooModel* find_zoo_model(std::string_view name) {
  const auto rows = zoo_models();
  const auto at =
      std::find_if(rows.begin(), rows.end(), [&](const ZooModel& row) { return row.name == name; });
  return at == rows.end() ? nullptr : &*at;
}

std::string_view nearest_zoo_name(std::string_view name) {
  std::vector<std::string_view> names;
  for (const ZooModel& row : zoo_models()) names.push_back(row.name);
  return nearest(name, names);
}

Recipe recipe(std::string_view name) {
  if (const ZooModel* row = find_zoo_model(name)) return row->recipe();
  const std::string_view near = nearest_zoo_name(name);
  throw Error(ErrorKind::usage,
              format("expected a network of the zoo, found \"{}\"", printable(name, 60)), {},
              format("{}all names: syolo list models",
                     near.empty() ? "" : format("did you mean \"{}\"? ", near)));
}

}  // namespace syolo
