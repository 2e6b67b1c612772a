// syolo detect: pictures in, boxes out. Decoding runs one picture ahead of the network; results
// keep the order of the inputs.

#include <chrono>
#include <memory>

#include "app/cli/boxes.h"
#include "app/cli/command.h"
#include "app/cli/frames.h"
#include "app/cli/interrupt.h"
#include "app/cli/outputs.h"
#include "app/cli/pictures.h"
#include "app/cli/results.h"
#include "app/cli/setup.h"
#include "syolo/runtime/tiles.h"

namespace syolo::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct DetectArgs {
  ModelArgs model;
  PlanArgs plan;
  std::vector<std::string> inputs;
  BoxArgs boxes;
  ResultTargets results;
  std::string video_out;
  std::optional<Size> tile;  // {0, 0}: the network's input
  double tile_overlap = -1;  // below 0: the default
  bool ignore_exif = false, explain = false, raw = false, strict = false, recursive = false;
};

struct Tally {
  std::int64_t images = 0, failed = 0, objects = 0, pictures = 0, tiles = 0;
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
        "{} image{}{}, {} object{} in {}; each: decode {:.1f}, preprocess {:.1f}, infer {:.1f}, "
        "postprocess {:.1f} ms",
        grouped(images), images == 1 ? "" : "s",
        tiles == 0 ? "" : format(" and {} tiles", grouped(tiles)), grouped(objects),
        objects == 1 ? "" : "s", duration(seconds), decode_ms / n, preprocess_ms / n, infer_ms / n,
        postprocess_ms / n);
  }
};

/// One run over all inputs.
class Run {
 public:
  Run(const DetectArgs& args, Console& out) :
      args_(args), out_(out), inputs_(args.inputs, args.recursive),
      results_(args.results, inputs_, out) {
    check_video_out();
    if (args_.tile_overlap >= 0 && !args_.tile) {
      contradiction("--tile-overlap", "expected --tile as well, found none",
                    "--tile auto cuts large pictures into tiles of the network's input");
    }
  }

  Exit operator()() {
    Model model = load(args_.model, out_);
    set_fit(args_.boxes, model, out_);
    const Shape input = input_shape(model.graph, args_.model, out_);
    const NmsOptions nms = nms_options(args_.boxes, model.names);
    if (!args_.results.out.empty()) folder_.emplace(args_.results.out, inputs_);
    const Preprocess& how = model.graph.net().preprocess;
    Wanted wanted{how.channels, how.bits, args_.ignore_exif};
    drawable_ = wanted.channels == 3 && wanted.bits == 8;
    FrameQueue frames(inputs_, wanted);  // decodes while the plan is made
    const auto plan = make_plan(model, input, args_.plan.options(out_.globals));
    TiledDetector detector(Detector(plan, nms, args_.raw), tiles(input), nms);
    const PlanSummary summary = syolo::explain(*plan);
    out_.note(headline(model, summary));
    if (args_.explain) out_.warn(to_text(summary));
    const Polling polling;
    return look(frames, detector, model.names);
  }

 private:
  void check_video_out() const {
    if (args_.video_out.empty()) return;
    if (inputs_.listed().size() != 1 || !inputs_.listed()[0].moving() || inputs_.reads_stdin()) {
      contradiction("--video-out", "expected one video, camera or stream as the input, found none",
                    "--out DIR keeps annotated pictures and videos of all inputs");
    }
    if (inputs_.is_input(args_.video_out)) {
      contradiction("--video-out", "expected another file than the input, found the same",
                    "choose another name");
    }
  }

  TileOptions tiles(const Shape& input) const {
    TileOptions options;
    if (!args_.tile) return options;
    options.tile = *args_.tile == Size{} ? Size{input.w, input.h} : *args_.tile;
    if (args_.tile_overlap >= 0) options.overlap = args_.tile_overlap;
    return options;
  }

  Exit look(FrameQueue& frames, TiledDetector& detector, const std::vector<std::string>& names) {
    const auto begin = Clock::now();
    results_.begin(names);
    out_.progress(0, inputs_.total(), "images");
    bool refused = false;
    while (!refused) {
      std::optional<Frame> frame = frames.next();
      if (!frame) break;
      const bool film = inputs_.listed().size() == 1 && frame->number;
      const std::int64_t total = film ? frame->total : inputs_.total();
      if (frame->error) {
        fail(*frame);
        refused = args_.strict;
      } else {
        one(*frame, detector, names);
      }
      out_.progress(tally_.images + tally_.failed, total, film ? "frames" : "images");
    }
    out_.end_progress();
    if (const std::int64_t skipped = frames.skipped()) {
      out_.note(format("{} frames skipped: newer ones of the camera or stream had come",
                       grouped(skipped)));
    }
    const bool stopped = interrupted();
    // What was seen of a camera is all there will be; a file's film is complete or not there.
    if (film_ && ((!stopped && !refused) || film_->live())) finish_film();
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

  void one(Frame& frame, TiledDetector& detector, const std::vector<std::string>& names) {
    ImageResult result;
    result.image = frame.input.name;
    result.frame = frame.number;
    result.size = frame.image.size();
    if (drawable_ || !frame.number) {
      result.detections = with_where({.file = frame.input.name, .item = "--tile"},
                                     [&] { return detector(frame.image.view()); });
    } else {  // frames are always 8-bit RGB
      const Preprocess& how = detector.preprocess();
      result.detections = detector(converted(frame.image.view(), how.channels, how.bits).view());
    }
    const StageTimes& times = detector.times();
    result.decode_ms = frame.decode_ms;
    result.preprocess_ms = times.preprocess_ms;
    result.infer_ms = times.infer_ms;
    result.postprocess_ms = times.postprocess_ms;
    tally_.tiles += detector.tiles();
    tally_.add(result);
    results_.add(result);
    if (folder_ || !args_.video_out.empty()) keep(frame, result, names);
  }

  void keep(Frame& frame, const ImageResult& result, const std::vector<std::string>& names) {
    std::string stem = safe_stem(frame.input.name);
    if (results_.labels()) {
      const std::string of_frame = frame.number ? format("-{:06}", *frame.number) : std::string();
      write_file_atomic(folder_->claim(stem + of_frame, ".txt"), results_.label_text(result));
    }
    if (frame.number && (!film_ || !film_->is_of(frame))) {
      finish_film();
      film_.emplace(frame, args_.video_out, folder_ ? &*folder_ : nullptr);
    }
    Image picture = drawable_ || frame.number
                        ? std::move(frame.image)
                        : decode_input(frame.input, {3, 8, args_.ignore_exif});
    draw(picture, result.detections, names);
    if (frame.number) {
      film_->add(picture);
      return;
    }
    save_picture(folder_->claim(stem, ".jpg"), picture);
    ++tally_.pictures;
  }

  void finish_film() {
    if (!film_) return;
    film_->finish();
    out_.note(format("video: {}", printable(film_->path(), 4000)));
    film_.reset();
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
  std::optional<Film> film_;
  Tally tally_;
  bool drawable_ = true;
};

void bind_results(CLI::App& cli, DetectArgs& args) {
  std::vector<std::string_view> formats;
  for (const ResultFormat& row : result_formats()) formats.push_back(row.name);
  add_choice(cli, "--format", args.results.format, formats, "F",
             "table, json, ndjson, csv, coco, yolo, darknet (default table)");
  add_text(cli, "--out", args.results.out, "DIR",
           "annotated pictures and videos go there; created if missing");
  add_text(cli, "--video-out", args.video_out, "FILE", "annotated video (.mp4, .avi) of one input");
  add_text(cli, "--save", args.results.save, "FILE",
           "keep the results in a file (format by suffix)");
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
  add_fit(cli, args->boxes);
  add_size_or_auto(cli, "--tile", args->tile,
                   "look at larger pictures in tiles, too: auto (input's size) or WxH");
  add_real(cli, "--tile-overlap", args->tile_overlap, 0, 0.9, "R",
           "share of a tile that neighbours have in common, 0..0.9 (default 0.2)");
  cli.add_flag("--ignore-exif", args->ignore_exif, "do not turn pictures upright");
  cli.add_flag("--recursive", args->recursive, "folders with their subfolders");
  add_boxes(cli, args->boxes);
  cli.add_flag("--raw", args->raw, "boxes as the network gives them, not cut at the border");
  bind_results(cli, *args);
  add_plan(cli, args->plan);
  cli.add_flag("--explain", args->explain, "print how each layer is computed, and why");
  cli.add_flag("--strict", args->strict, "stop at the first input that fails (exit 7)");
  return [args](Console& out) { return Run(*args, out)(); };
}

}  // namespace

Command detect_command() {
  return {"detect",
          "predict",
          "finds objects: pictures in, boxes out",
          "MODEL INPUT... [options]",
          "syolo detect models/yolo-fastest-1.1-xl.cfg demo/dog.jpg --out out",
          bind,
          /*computes=*/true};
}

}  // namespace syolo::cli
