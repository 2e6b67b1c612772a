#include "app/cli/hyperparameters.h"

#include <functional>

#include "syolo/base/file.h"

namespace syolo::cli {
namespace {

struct Hyperparameter {
  std::string_view name;
  double low, high;
  std::function<double&(TrainOptions& options)> at;
};

Hyperparameter of_run(std::string_view name, double low, double high,
                      double TrainOptions::*member) {
  return {name, low, high, [=](TrainOptions& options) -> double& { return options.*member; }};
}

Hyperparameter of_pictures(std::string_view name, double low, double high,
                           double AugmentOptions::*member) {
  return {name, low, high,
          [=](TrainOptions& options) -> double& { return options.augmentation.*member; }};
}

std::vector<Hyperparameter> rows_of_run() {
  using T = TrainOptions;
  return {
      of_run("lr0", 1e-9, 10, &T::lr0),
      of_run("lrf", 0, 1, &T::lrf),
      of_run("momentum", 0, 0.9999, &T::momentum),
      of_run("weight_decay", 0, 1, &T::weight_decay),
      of_run("warmup_epochs", 0, 1e6, &T::warmup_epochs),
      of_run("warmup_momentum", 0, 0.9999, &T::warmup_momentum),
      of_run("warmup_bias_lr", 0, 10, &T::warmup_bias_lr),
      of_run("box", 0, 1000, &T::box),
      of_run("obj", 0, 1000, &T::obj),
      of_run("cls", 0, 1000, &T::cls),
      of_run("obj_pw", 1e-6, 1e6, &T::obj_pw),
      of_run("cls_pw", 1e-6, 1e6, &T::cls_pw),
      of_run("anchor_t", 1.01, 1000, &T::anchor_t),
      of_run("fl_gamma", 0, 10, &T::fl_gamma),
      of_run("label_smoothing", 0, 0.9999, &T::label_smoothing),
      of_run("dropout", 0, 0.9, &T::dropout),
      of_run("dropblock", 0, 0.9, &T::dropblock),
      of_run("dropconnect", 0, 0.9, &T::dropconnect),
      of_run("cmbn", 0, 1, &T::cmbn),
      of_run("cbn", 0, 32, &T::cbn),
      of_run("adversarial", 0, 1000, &T::adversarial),
      of_run("distill", 0, 1000, &T::distill),
      of_run("distill_features", 0, 1e6, &T::distill_features),
      of_run("distill_temperature", 0.1, 100, &T::distill_temperature),
      of_run("nominal_batch", 0, 1e6, &T::nominal_batch),
      of_run("average_decay", 0, 0.999999, &T::average_decay),
      of_run("average_ramp", 0, 1e9, &T::average_ramp),
  };
}

std::vector<Hyperparameter> rows_of_pictures() {
  using A = AugmentOptions;
  return {
      of_pictures("hsv_h", 0, 1, &A::hsv_h),
      of_pictures("hsv_s", 0, 1, &A::hsv_s),
      of_pictures("hsv_v", 0, 1, &A::hsv_v),
      of_pictures("degrees", 0, 180, &A::degrees),
      of_pictures("translate", 0, 1, &A::translate),
      of_pictures("scale", 0, 0.99, &A::scale),
      of_pictures("shear", 0, 60, &A::shear),
      of_pictures("perspective", 0, 0.01, &A::perspective),
      of_pictures("flipud", 0, 1, &A::flipud),
      of_pictures("fliplr", 0, 1, &A::fliplr),
      of_pictures("mosaic", 0, 1, &A::mosaic),
      of_pictures("mosaic9", 0, 1, &A::mosaic9),
      of_pictures("mosaic_classes", 0, 1, &A::mosaic_classes),
      of_pictures("mixup", 0, 1, &A::mixup),
      of_pictures("cutmix", 0, 1, &A::cutmix),
      of_pictures("copy_paste", 0, 1, &A::copy_paste),
      of_pictures("cutout", 0, 1, &A::cutout),
      of_pictures("erase", 0, 1, &A::erase),
      of_pictures("hide", 0, 1, &A::hide),
      of_pictures("gridmask", 0, 1, &A::gridmask),
      of_pictures("brightness", 0, 1, &A::brightness),
      of_pictures("contrast", 0, 1, &A::contrast),
      of_pictures("noise", 0, 1, &A::noise),
      of_pictures("blur", 0, 1, &A::blur),
      of_pictures("jpeg", 0, 1, &A::jpeg),
      of_pictures("randconv", 0, 1, &A::randconv),
      of_pictures("fourier", 0, 1, &A::fourier),
  };
}

const std::vector<Hyperparameter>& table() {
  static const std::vector<Hyperparameter> rows = [] {
    std::vector<Hyperparameter> all = rows_of_run();
    const std::vector<Hyperparameter> more = rows_of_pictures();
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  return rows;
}

/// ScaledYOLOv4's older files say giou for box.
std::string_view today(std::string_view name) {
  return name == "giou" ? "box" : name;
}

void set(std::string_view name, std::optional<double> value, std::string_view found,
         TrainOptions& options) {
  std::vector<std::string_view> names;
  for (const Hyperparameter& h : table()) {
    names.push_back(h.name);
    if (h.name != today(name)) continue;
    require(value && *value >= h.low && *value <= h.high, "expected {} from {} to {}, found {}",
            h.name, h.low, h.high, printable(found, 40));
    h.at(options) = *value;
    return;
  }
  const std::string_view near = nearest(name, names);
  throw Error(
      ErrorKind::input, format("expected a hyper-parameter, found \"{}\"", printable(name, 40)), {},
      near.empty() ? std::string("docs/training.md lists them") : format("{} is near", near));
}

}  // namespace

void read_hyperparameters(const Path& file, TrainOptions& options) {
  const std::string text = read_text(file, Limits{}.text_bytes);
  int number = 0;
  for (std::string_view line : lines(text)) {
    ++number;
    line = trim(line.substr(0, line.find('#')));
    if (line.empty() || line == "---") continue;
    with_where({.file = file.string(), .line = number, .item = {}}, [&] {
      const std::size_t colon = line.find(':');
      require(colon != std::string_view::npos, "expected \"name: value\", found \"{}\"",
              printable(line, 80));
      const std::string_view name = trim(line.substr(0, colon));
      const std::string_view value = trim(line.substr(colon + 1));
      if (name == "iou_t") return;  // in every published file, read by nothing
      set(name, parse_real(value), value, options);
    });
  }
}

Json hyperparameters(const TrainOptions& options) {
  TrainOptions copy = options;
  Json values = Json::object();
  for (const Hyperparameter& h : table()) values[std::string(h.name)] = h.at(copy);
  return values;
}

void set_hyperparameters(const Json& values, const Where& where, TrainOptions& options) {
  with_where(where, [&] {
    require(values.is_object(), "expected names and values, found another");
    for (const auto& [name, value] : values.items()) {
      std::optional<double> number;
      if (value.is_number()) number = value.get<double>();
      set(name, number, value.dump(), options);
    }
  });
}

}  // namespace syolo::cli
