// syolo detect: pictures in, boxes out. Decoding runs one picture ahead of the network; results
// keep the order of the inputs.

#include <sys/stat.h>

#include <array>
#include <chrono>
#include <filesystem>
#include <memory>

#include "app/cli/command.h"
#include "app/cli/frames.h"
#include "app/cli/interrupt.h"
#include "app/cli/outputs.h"
#include "app/cli/pictures.h"
#include "app/cli/setup.h"
#include "syolo/runtime/detector.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

struct DetectArgs {
  ModelArgs model;
  PlanArgs plan;
  std::vector<std::string> inputs;
  double conf = 0.25, nms = 0.45;
  int nms_kind = 0;  // of NmsKindWord
  int max_det = 300;
  int format = -1;  // of result_formats(); -1 = not given
  std::string classes, out, save;
  bool agnostic = false, letterbox = false, stretch = false, ignore_exif = false;
  bool explain = false, raw = false, strict = false, recursive = false;
};

constexpr std::array<std::string_view, 6> kNmsWords = {"model", "iou",  "greedy",
                                                       "diou",  "soft", "weighted"};
constexpr std::array<NmsMethod, 6> kNmsMethods = {NmsMethod::model,       NmsMethod::iou,
                                                  NmsMethod::greedy_diou, NmsMethod::diou,
                                                  NmsMethod::soft,        NmsMethod::weighted};

[[noreturn]] void contradiction(std::string item, std::string text, std::string hint) {
  throw Error(ErrorKind::usage, std::move(text), {.file = {}, .item = std::move(item)},
              std::move(hint));
}

/// Where results go: stdout in one format, a file in perhaps another, label files beside pictures.
class Results {
 public:
  Results(const DetectArgs& args, const Inputs& inputs, Console& out) : out_(out) {
    const bool chosen = args.format >= 0;
    if (out.globals.json && chosen && result_formats()[args.format].name != "json") {
      contradiction("--json",
                    format("expected one format, found --json and --format {}",
                           result_formats()[args.format].name),
                    "leave out one of them; --save FILE keeps a second document");
    }
    const ResultFormat* given = chosen ? &result_formats()[args.format] : nullptr;
    if (out.globals.json) given = &result_format("json");
    const ResultFormat* shown = given != nullptr ? given : &result_format("table");
    if (!args.save.empty()) {
      check_target(args.save, inputs);
      file_ = args.save;
      saved_ = given != nullptr ? given : by_suffix(args.save);
      shown = out.globals.json ? given : &result_format("table");
      if (out.globals.quiet && !out.globals.json) shown = nullptr;
    }
    labels_ = given != nullptr && given->name == "yolo" && !args.out.empty();
    if (labels_ && !args.save.empty()) {
      contradiction("--save", "expected label files in --out DIR, found --save as well",
                    "leave out --save, or choose another --format");
    }
    if (given != nullptr && given->name == "yolo" && !labels_ && inputs.total() != 1) {
      contradiction("--format yolo", "expected --out DIR for the label files, found none",
                    "this format has one file per picture");
    }
    if (labels_) shown = nullptr;
    shown_ = shown;
  }

  bool labels() const { return labels_; }

  void begin(const std::vector<std::string>& names) {
    context_.names = saved_context_.names = label_context_.names = &names;
    context_.color = out_.color_out();
    if (shown_ != nullptr) out_.print(shown_->begin);
    if (saved_ != nullptr) document_ = saved_->begin;
  }

  void add(const ImageResult& result) {
    if (shown_ != nullptr) out_.print(shown_->item(context_, result));
    if (saved_ != nullptr) document_ += saved_->item(saved_context_, result);
    out_.flush();
  }

  std::string label_text(const ImageResult& result) {
    return result_format("yolo").item(label_context_, result);
  }

  /// @param complete  false after an interruption: the document on stdout is closed, none saved
  void end(bool complete) {
    if (shown_ != nullptr) out_.print(shown_->end);
    out_.flush();
    if (saved_ == nullptr) return;
    if (complete) {
      document_ += saved_->end;
      write_file_atomic(file_, document_);
      out_.note(format("results: {}", printable(file_, 4000)));
    } else {
      out_.warn(format("{} not written: the results are incomplete", printable(file_, 4000)));
    }
  }

 private:
  static const ResultFormat* by_suffix(const std::string& path) {
    const std::string suffix = fs::path(path).extension().string();
    if (suffix == ".jsonl") return &result_format("ndjson");
    for (const ResultFormat& row : result_formats()) {
      if (row.suffix == suffix) return &row;
    }
    return &result_format("json");
  }

  static void check_target(const std::string& path, const Inputs& inputs) {
    std::error_code ignored;
    if (fs::is_directory(path, ignored)) {
      throw Error(ErrorKind::usage, "expected a file, found a folder",
                  {.file = path, .item = "--save"}, "pictures go to a folder by --out DIR");
    }
    if (inputs.is_input(path)) {
      throw Error(ErrorKind::usage, "expected another file than the inputs, found one of them",
                  {.file = path, .item = "--save"});
    }
    const fs::path folder = fs::path(path).parent_path();
    if (!folder.empty() && !fs::is_directory(folder, ignored)) {
      throw Error(ErrorKind::io, "expected the folder of this file, found none",
                  {.file = path, .item = "--save"}, "create the folder first");
    }
  }

  Console& out_;
  const ResultFormat* shown_ = nullptr;
  const ResultFormat* saved_ = nullptr;
  std::string file_, document_;
  bool labels_ = false;
  ResultContext context_, saved_context_, label_context_;
};

struct Tally {
  std::int64_t images = 0, failed = 0, objects = 0, pictures = 0;
  double decode_ms = 0, preprocess_ms = 0, infer_ms = 0, postprocess_ms = 0;

  void add(const ImageResult& result) {
    ++images;
    objects += static_cast<std::int64_t>(result.detections.size());
    decode_ms += result.decode_ms;
    preprocess_ms += result.preprocess_ms;
    infer_ms += result.infer_ms;
    postprocess_ms += result.postprocess_ms;
  }

  std::string text(double seconds) const {
    const double n = static_cast<double>(std::max<std::int64_t>(images, 1));
    return format(
        "{} image{}, {} object{} in {}; per image decode {:.1f} + preprocess {:.1f} + infer {:.1f} "
        "+ postprocess {:.1f} ms",
        grouped(images), images == 1 ? "" : "s", grouped(objects), objects == 1 ? "" : "s",
        duration(seconds), decode_ms / n, preprocess_ms / n, infer_ms / n, postprocess_ms / n);
  }
};

/// One run over all inputs.
class Run {
 public:
  Run(const DetectArgs& args, Console& out) :
      args_(args), out_(out), inputs_(args.inputs, args.recursive), results_(args, inputs_, out) {}

  Exit operator()() {
    Model model = load(args_.model, out_);
    set_fit(model);
    const Shape input = input_shape(model.graph, args_.model, out_);
    const NmsOptions nms = nms_options(model);
    if (!args_.out.empty()) folder_.emplace(args_.out, inputs_);
    const Preprocess& how = model.graph.net().preprocess;
    Wanted wanted{how.channels, how.bits, args_.ignore_exif};
    drawable_ = wanted.channels == 3 && wanted.bits == 8;
    FrameQueue frames(inputs_, wanted);  // decodes while the plan is made
    const auto plan = make_plan(model, input, args_.plan.options(out_.globals));
    Detector detector(plan, nms, args_.raw);
    const PlanSummary summary = syolo::explain(*plan);
    out_.note(headline(model, summary));
    if (args_.explain) out_.warn(to_text(summary));
    const Polling polling;
    return look(frames, detector, model.names);
  }

 private:
  void set_fit(Model& model) {
    if (!args_.letterbox && !args_.stretch) return;
    const Fit fit = args_.letterbox ? Fit::letterbox : Fit::stretch;
    Net net = model.graph.net();
    if (net.preprocess.fit != fit) {
      out_.note(format("fit: {} (the model says {})", word(fit), word(net.preprocess.fit)));
    }
    net.preprocess.fit = fit;
    model.graph.set_net(std::move(net));
  }

  NmsOptions nms_options(const Model& model) const {
    NmsOptions nms;
    nms.confidence = static_cast<float>(args_.conf);
    nms.overlap = static_cast<float>(args_.nms);
    nms.method = kNmsMethods[static_cast<std::size_t>(args_.nms_kind)];
    nms.agnostic = args_.agnostic;
    nms.max_detections = args_.max_det;
    if (!args_.classes.empty()) nms.classes = class_numbers(args_.classes, model.names);
    return nms;
  }

  Exit look(FrameQueue& frames, Detector& detector, const std::vector<std::string>& names) {
    const auto begin = Clock::now();
    results_.begin(names);
    out_.progress(0, inputs_.total(), "images");
    bool refused = false;
    while (!refused) {
      std::optional<Frame> frame = frames.next();
      if (!frame) break;
      if (frame->error) {
        fail(*frame);
        refused = args_.strict;
      } else {
        one(*frame, detector, names);
      }
      out_.progress(tally_.images + tally_.failed, inputs_.total(), "images");
    }
    out_.end_progress();
    const bool stopped = interrupted();
    results_.end(!stopped && !refused);
    const std::chrono::duration<double> seconds = Clock::now() - begin;
    return summary(seconds.count(), stopped, refused);
  }

  void fail(const Frame& frame) {
    ++tally_.failed;
    out_.error(*frame.error);
    ImageResult result;
    result.image = frame.input.name;
    result.error = printable(frame.error->text(), 1000);
    result.decode_ms = frame.decode_ms;
    results_.add(result);
  }

  void one(Frame& frame, Detector& detector, const std::vector<std::string>& names) {
    ImageResult result;
    result.image = frame.input.name;
    result.frame = frame.number;
    result.size = frame.image.size();
    result.detections = detector(frame.image.view());
    const StageTimes& times = detector.times();
    result.decode_ms = frame.decode_ms;
    result.preprocess_ms = times.preprocess_ms;
    result.infer_ms = times.infer_ms;
    result.postprocess_ms = times.postprocess_ms;
    tally_.add(result);
    results_.add(result);
    if (folder_) keep(frame, result, names);
  }

  void keep(Frame& frame, const ImageResult& result, const std::vector<std::string>& names) {
    const std::string stem = safe_stem(frame.input.name);
    if (results_.labels()) {
      write_file_atomic(folder_->claim(stem, ".txt"), results_.label_text(result));
    }
    Image picture =
        drawable_ ? std::move(frame.image) : decode_input(frame.input, {3, 8, args_.ignore_exif});
    draw(picture, result.detections, names);
    save_picture(folder_->claim(stem, ".jpg"), picture);
    ++tally_.pictures;
  }

  Exit summary(double seconds, bool stopped, bool refused) {
    if (tally_.images > 0) out_.note(tally_.text(seconds));
    if (folder_ && tally_.pictures > 0) {
      out_.note(
          format("pictures: {} in {}", grouped(tally_.pictures), printable(folder_->path(), 4000)));
    }
    const std::int64_t seen = tally_.images + tally_.failed;
    if (seen == 0 && !stopped) out_.note("no image: the list of inputs was empty");
    if (tally_.failed > 0) {
      out_.warn(format("{} of {} inputs failed", grouped(tally_.failed), grouped(seen)));
    }
    if (stopped) {
      out_.warn(format("stopped after {} image{}", grouped(seen), seen == 1 ? "" : "s"));
      return Exit::stopped;
    }
    if (refused) {
      out_.warn("--strict stops at the first input that fails");
      return Exit::refused;
    }
    return tally_.failed > 0 ? Exit::part : Exit::done;
  }

  const DetectArgs& args_;
  Console& out_;
  Inputs inputs_;
  Results results_;
  std::optional<OutputFolder> folder_;
  Tally tally_;
  bool drawable_ = true;
};

void bind_results(CLI::App& cli, DetectArgs& args) {
  std::vector<std::string_view> formats;
  for (const ResultFormat& row : result_formats()) formats.push_back(row.name);
  add_choice(cli, "--format", args.format, formats, "F",
             "table, json, ndjson, csv, coco, yolo, darknet (default table)");
  add_text(cli, "--out", args.out, "DIR", "annotated pictures go there; created if missing");
  add_text(cli, "--save", args.save, "FILE", "keep the results in a file (format by suffix)");
}

void bind_boxes(CLI::App& cli, DetectArgs& args) {
  add_real(cli, "--conf", args.conf, 0, 1, "P", "keep boxes scoring above it, 0..1 (default 0.25)");
  add_real(cli, "--nms", args.nms, 0, 1, "T", "suppress overlaps above it, 0..1 (default 0.45)");
  add_choice(cli, "--nms-kind", args.nms_kind, {kNmsWords.begin(), kNmsWords.end()}, "KIND",
             "model, iou, greedy, diou, soft, weighted (default model)");
  cli.add_flag("--agnostic", args.agnostic, "boxes of different classes suppress each other, too");
  add_text(cli, "--classes", args.classes, "LIST", "only these: names or numbers, dog,bicycle");
  add_int(cli, "--max-det", args.max_det, 1, 30'000, "N",
          "at most N boxes per image (default 300)");
  cli.add_flag("--raw", args.raw, "boxes as the network gives them, not cut at the border");
}

Action bind(CLI::App& cli) {
  auto args = std::make_shared<DetectArgs>();
  add_model(cli, args->model);
  cli.add_option("inputs,--inputs", args->inputs,
                 "pictures, folders, globs, @lists, videos, cameras (0), URLs; - is stdin")
      ->type_name("INPUT...")
      ->required();
  add_weights(cli, args->model);
  add_names(cli, args->model);
  add_input(cli, args->model);
  cli.add_flag("--letterbox", args->letterbox,
               "keep the picture's proportions (default: the model's)");
  cli.add_flag("--stretch", args->stretch, "fill the input with the picture");
  cli.add_flag("--ignore-exif", args->ignore_exif, "do not turn pictures upright");
  cli.add_flag("--recursive", args->recursive, "folders with their subfolders");
  bind_boxes(cli, *args);
  bind_results(cli, *args);
  add_plan(cli, args->plan);
  cli.add_flag("--explain", args->explain, "print how each layer is computed, and why");
  cli.add_flag("--strict", args->strict, "stop at the first input that fails (exit 7)");
  return [args](Console& out) {
    if (args->letterbox && args->stretch) {
      contradiction("--letterbox", "expected one way to fit, found --stretch as well",
                    "leave out one of them");
    }
    return Run(*args, out)();
  };
}

}  // namespace

Command detect_command() {
  return {"detect",
          "predict",
          "finds objects: pictures in, boxes out",
          "MODEL INPUT... [options]",
          "syolo detect models/yolo-fastest-1.1-xl.cfg demo/dog.jpg --out out",
          bind};
}

}  // namespace syolo::cli
