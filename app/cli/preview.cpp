// syolo preview: what training will see: augmented samples with their boxes, as pictures.

#include <algorithm>
#include <filesystem>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/datasets.h"
#include "app/cli/json.h"
#include "app/cli/options.h"
#include "syolo/data/augment.h"
#include "syolo/image/codec.h"
#include "syolo/image/draw.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

struct PreviewArgs {
  std::string data, out, styles;
  std::optional<Size> input;
  int number = 16, recipe = 0, only = -1;
  AugmentOptions options;
};

std::vector<std::string_view> row_names() {
  std::vector<std::string_view> names;
  for (const Augmentation& row : augmentations()) names.push_back(row.name);
  return names;
}

void draw_boxes(Sample& sample, const std::vector<std::string>& names) {
  for (const Truth& truth : sample.truths) {
    draw_detection(sample.image, to_box(truth.box), truth.cls,
                   printable(names[static_cast<std::size_t>(truth.cls)], 40));
  }
  std::string shares;
  for (const ClassShare& one : sample.classes) {
    shares += format("{}{} {:.2f}", shares.empty() ? "" : ", ",
                     printable(names[static_cast<std::size_t>(one.cls)], 40), one.share);
  }
  if (!shares.empty()) {
    draw_label(sample.image, 0, 20, shares, class_color(sample.classes.front().cls), 1);
  }
}

/// One row of the table alone, on a letterboxed sample where the row keeps the size.
Sample one_row(const Augmentation& row, std::size_t item, std::size_t count,
               const std::function<Sample(std::size_t)>& load, const AugmentOptions& options,
               Rng& rng) {
  const Pick other = [&](Rng& r) {
    return load(static_cast<std::size_t>(r.below(static_cast<int>(count))));
  };
  Sample sample = load(item);
  if (!row.to_input) sample = letterboxed(sample, options.input, options.pad);
  return row.apply(std::move(sample), options, rng, other);
}

Exit run(const PreviewArgs& args, Console& out) {
  refuse_inside(args.out, args.data);
  const std::vector<Part> parts = load_parts_for(args.data, out);
  const Dataset& data = parts.front().data;
  if (data.items.empty()) {
    throw Error(ErrorKind::input, "expected pictures, found none that can be read",
                {.file = args.data});
  }
  AugmentOptions options = args.options;
  if (args.input) options.input = *args.input;
  options.recipe = static_cast<AugmentRecipe>(args.recipe);
  std::error_code error;
  fs::create_directories(args.out, error);
  if (!args.styles.empty()) options.style = style_pictures(args.styles);
  const auto load = [&](std::size_t i) {
    Sample sample{load_image(data.items[i].image), data.items[i].truths};
    if (data.items[i].cls >= 0) sample.classes = {{data.items[i].cls}};
    return sample;
  };
  const auto whole = data.items.front().cls >= 0 ? classification_sample : training_sample;
  const std::size_t count = data.items.size();
  Json files = Json::array();
  for (int i = 0; i < args.number; ++i) {
    Rng order(out.globals.seed, Stream::sampler, 0, static_cast<std::uint64_t>(i));
    const auto item = static_cast<std::size_t>(order.below(static_cast<int>(count)));
    Rng rng(out.globals.seed, Stream::augment, 0, static_cast<std::uint64_t>(i));
    Sample sample = args.only < 0 ? whole(item, count, load, options, rng)
                                  : one_row(augmentations()[static_cast<std::size_t>(args.only)],
                                            item, count, load, options, rng);
    const std::size_t boxes = sample.truths.size();
    draw_boxes(sample, data.names);
    const fs::path path = fs::path(args.out) / format("sample_{:03}.jpg", i);
    save_image(path, sample.image.view());
    files.push_back({{"file", path.string()}, {"boxes", boxes}});
    if (!out.globals.json)
      out.print(format("{}  {} boxes\n", printable(path.string(), 4000), boxes));
    out.progress(i + 1, args.number, "samples");
  }
  out.end_progress();
  if (out.globals.json) out.print(document(files));
  return Exit::done;
}

/// Rows that a recipe has not: how often each acts.
void add_chances(CLI::App& cli, AugmentOptions& o) {
  const std::pair<const char*, double*> rows[] = {{"--mosaic9", &o.mosaic9},
                                                  {"--cutmix", &o.cutmix},
                                                  {"--erase", &o.erase},
                                                  {"--cutout", &o.cutout},
                                                  {"--hide", &o.hide},
                                                  {"--gridmask", &o.gridmask},
                                                  {"--brightness", &o.brightness},
                                                  {"--contrast", &o.contrast},
                                                  {"--noise", &o.noise},
                                                  {"--blur", &o.blur},
                                                  {"--jpeg", &o.jpeg},
                                                  {"--randconv", &o.randconv},
                                                  {"--fourier", &o.fourier},
                                                  {"--copy-paste", &o.copy_paste}};
  for (const auto& [name, value] : rows) {
    add_real(cli, name, *value, 0, 1, "P", "probability (default: 0)");
  }
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<PreviewArgs>();
  AugmentOptions& o = args->options;
  add_text(cli, "data,--data", args->data, "DATASET", "a dataset in any format; its first part")
      ->required();
  add_text(cli, "--out", args->out, "DIR", "folder for the pictures (required)")->required();
  add_int(cli, "--number", args->number, 1, 100'000, "N", "samples (default: 16)");
  add_size(cli, "--input", args->input, "input size (default: 640)");
  add_choice(cli, "--recipe", args->recipe, {"scaled-yolov4", "darknet"}, "R",
             "scaled-yolov4 (default), darknet");
  add_choice(cli, "--only", args->only, row_names(), "ROW",
             "one augmentation alone (syolo list augmentations)");
  add_real(cli, "--degrees", o.degrees, 0, 180, "D", "rotation +- (default: 0)");
  add_real(cli, "--translate", o.translate, 0, 1, "T", "shift +- (default: 0.5)");
  add_real(cli, "--scale", o.scale, 0, 0.99, "S", "scale 1 +- (default: 0.5)");
  add_real(cli, "--shear", o.shear, 0, 80, "D", "shear +- degrees (default: 0)");
  add_real(cli, "--perspective", o.perspective, 0, 0.001, "P", "(default: 0)");
  add_real(cli, "--mosaic", o.mosaic, 0, 1, "P", "probability (default: 1)");
  add_real(cli, "--mixup", o.mixup, 0, 1, "P", "probability (default: 0)");
  add_chances(cli, args->options);
  add_text(cli, "--styles", args->styles, "DIR",
           "pictures whose style fourier takes (default: others of the dataset)");
  return [args](Console& out) { return run(*args, out); };
}

}  // namespace

Command preview_command() {
  return {"preview",
          "",
          "augmented samples with their boxes: what training will see",
          "DATASET --out DIR [options]",
          "syolo preview my/dataset.yaml --out samples --recipe darknet",
          bind};
}

}  // namespace syolo::cli
