// [yolo], [Gaussian_yolo], [region]: the detection heads.
#include <algorithm>
#include <array>

#include "syolo/graph/layers/rows.h"
#include "syolo/graph/lower.h"
#include "syolo/graph/number_text.h"

namespace syolo {
namespace {

constexpr int kMaxClasses = 100'000;
constexpr std::array<std::string_view, 4> kNms = {"default", "greedynms", "diounms", "cornersnms"};
constexpr std::array<std::string_view, 3> kPoints = {"center", "left_top", "right_bottom"};

struct HeadLayer final : Layer {
  HeadSpec spec;

  void write(CfgWriter& out) const override {
    const bool region = spec.form == DecodeForm::region;
    out.text("anchors", anchor_list(spec.all_anchors));
    out.integer("num", static_cast<std::int64_t>(spec.all_anchors.size()));
    out.integer("classes", spec.classes);
    if (region) return write_region(out);
    std::string mask;
    for (const int m : spec.mask) mask += format("{}{}", mask.empty() ? "" : ",", m);
    out.text("mask", mask);
    if (spec.scale_xy != 1) out.real("scale_x_y", spec.scale_xy);
    out.flag("new_coords", spec.form == DecodeForm::new_coords);
    if (spec.nms != NmsKind::iou) out.text("nms_kind", kNms[static_cast<std::size_t>(spec.nms)]);
    if (spec.beta_nms != 0.6) out.real("beta_nms", spec.beta_nms);
    if (spec.point != BoxPoint::center)
      out.text("yolo_point", kPoints[static_cast<std::size_t>(spec.point)]);
  }

  void write_region(CfgWriter& out) const {
    out.flag("softmax", spec.softmax);
    if (spec.zero_low_objectness) out.integer("classfix", -1);
  }

  Shape infer(std::span<const Shape> src) const override {
    require(src[0].c == spec.channels(),
            "expected {} channels (({} + {} classes) x {} anchors), found {}", spec.channels(),
            spec.coordinates(), spec.classes, spec.anchors.size(), src[0].c);
    return src[0];
  }

  ValueId lower(Lowering& to, std::span<const ValueId> src) const override {
    return to.emit(Head{spec}, src, to.shape(src[0]));
  }
};

/// The file's list. Published cfgs exist whose `num` and list disagree; masks decide what is used.
void read_anchors(CfgSection& in, HeadSpec& spec) {
  const auto values = in.reals("anchors");
  if (values.size() % 2 != 0) {
    in.fail("anchors",
            format("expected pairs of width and height, found {} numbers", values.size()));
  }
  const auto pairs = values.size() / 2;
  const int num = in.integer("num", 1, 1, 10'000);
  for (std::size_t i = 0; i < pairs; ++i) {
    const Anchor anchor{static_cast<float>(values[2 * i]), static_cast<float>(values[2 * i + 1])};
    if (!(anchor.w > 0 && anchor.h > 0 && anchor.w < 1e6F && anchor.h < 1e6F)) {
      in.fail("anchors", format("expected sizes above 0, found {}, {}", anchor.w, anchor.h));
    }
    spec.all_anchors.push_back(anchor);
  }
  const auto wanted = static_cast<std::size_t>(num);
  if (pairs > wanted)
    in.note("num", format("num={} but {} anchors are listed; all of them are used", num, pairs));
  if (pairs < wanted) {
    in.note("anchors", format("num={} but {} anchors are listed; the others are Darknet's 0.5,0.5",
                              num, pairs));
    spec.all_anchors.resize(wanted, {0.5F, 0.5F});
  }
}

void read_mask(CfgSection& in, HeadSpec& spec) {
  const int last = static_cast<int>(spec.all_anchors.size()) - 1;
  spec.mask = in.integers("mask", 0, last);
  if (spec.mask.empty()) {
    for (int i = 0; i <= last; ++i) spec.mask.push_back(i);
  }
  for (const int m : spec.mask)
    spec.anchors.push_back(spec.all_anchors[static_cast<std::size_t>(m)]);
}

ReadLayer read_yolo(CfgSection& in, DecodeForm form) {
  static constexpr std::array<std::string_view, 37> kTraining = {"max",
                                                                 "jitter",
                                                                 "resize",
                                                                 "ignore_thresh",
                                                                 "truth_thresh",
                                                                 "iou_thresh",
                                                                 "iou_thresh_kind",
                                                                 "iou_loss",
                                                                 "iou_normalizer",
                                                                 "obj_normalizer",
                                                                 "cls_normalizer",
                                                                 "delta_normalizer",
                                                                 "uc_normalizer",
                                                                 "objectness_smooth",
                                                                 "label_smooth_eps",
                                                                 "focal_loss",
                                                                 "max_delta",
                                                                 "random",
                                                                 "counters_per_class",
                                                                 "map",
                                                                 "embedding_layer",
                                                                 "track_history_size",
                                                                 "sim_thresh",
                                                                 "dets_for_track",
                                                                 "dets_for_show",
                                                                 "track_ciou_norm",
                                                                 "show_details",
                                                                 "beta1",
                                                                 "show_chart",
                                                                 "threshold",
                                                                 "cls_smooth",
                                                                 "iou_aware",
                                                                 "absolute",
                                                                 "rescore",
                                                                 "thresh",
                                                                 "classfix",
                                                                 "embedding_size"};
  auto head = std::make_shared<HeadLayer>();
  HeadSpec& spec = head->spec;
  spec.form = form;
  spec.classes = in.integer("classes", 20, 1, kMaxClasses);
  read_anchors(in, spec);
  read_mask(in, spec);
  spec.scale_xy = in.real("scale_x_y", 1, 0.01, 100);
  if (form == DecodeForm::classic && in.flag("new_coords")) spec.form = DecodeForm::new_coords;
  spec.nms = static_cast<NmsKind>(in.choice("nms_kind", kNms, 0));
  spec.beta_nms = in.real("beta_nms", 0.6, 0, 100);
  if (form == DecodeForm::gaussian) {
    spec.point = static_cast<BoxPoint>(in.choice("yolo_point", kPoints, 0));
  }
  in.training_only(kTraining);
  return {head, {in.previous()}};
}

ReadLayer read_classic(CfgSection& in) {
  return read_yolo(in, DecodeForm::classic);
}
ReadLayer read_gaussian(CfgSection& in) {
  return read_yolo(in, DecodeForm::gaussian);
}

ReadLayer read_region(CfgSection& in) {
  static constexpr std::array<std::string_view, 14> kTraining = {
      "thresh",     "rescore", "object_scale", "noobject_scale", "class_scale", "coord_scale",
      "bias_match", "jitter",  "absolute",     "random",         "max",         "focal_loss",
      "log",        "sqrt"};
  auto head = std::make_shared<HeadLayer>();
  HeadSpec& spec = head->spec;
  spec.form = DecodeForm::region;
  spec.classes = in.integer("classes", 20, 1, kMaxClasses);
  in.unsupported_unless("coords", "4");
  in.unsupported_unless("tree", "");
  in.unsupported_unless("map", "");
  read_anchors(in, spec);
  read_mask(in, spec);
  spec.softmax = in.flag("softmax");
  spec.zero_low_objectness = in.integer("classfix", 0, -1, 2) == -1;
  in.training_only(kTraining);
  return {head, {in.previous()}};
}

}  // namespace

LayerType yolo_layer() {
  return {"yolo", "", read_classic};
}
LayerType gaussian_yolo_layer() {
  return {"Gaussian_yolo", "", read_gaussian};
}
LayerType region_layer() {
  return {"region", "", read_region};
}

}  // namespace syolo
