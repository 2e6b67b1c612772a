#include "app/cli/walk.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <utility>

#include "app/cli/interrupt.h"
#include "app/cli/setup.h"
#include "syolo/eval/top.h"
#include "syolo/graph/classifier.h"
#include "syolo/image/codec.h"
#include "syolo/runtime/detector.h"

namespace syolo::cli {
namespace {

using Clock = std::chrono::steady_clock;

double milliseconds(Clock::time_point from) {
  return std::chrono::duration<double, std::milli>(Clock::now() - from).count();
}

struct Decoded {
  Image image;
  double ms = 0;
};

/// What loading the dataset left out already, and what fails on the way.
struct Missing {
  std::int64_t count = 0;
  std::string first;

  void add(const std::string& file, const std::string& why) {
    if (count++ == 0) first = file + ": " + why;
  }
};

Missing left_out(const Dataset& data) {
  Missing missing;
  for (const Finding& finding : data.findings) {
    if (finding.severity == Severity::error && finding.rule.starts_with("image-")) {
      missing.add(finding.where.file, finding.text);
    }
  }
  return missing;
}

void refuse(const Missing& missing) {
  throw Error(ErrorKind::data_refused,
              format("expected every picture to be readable, found {} that {} not (the first: {})",
                     grouped(missing.count), missing.count == 1 ? "is" : "are",
                     printable(missing.first, 500)),
              {}, "--allow-missing evaluates the others");
}

class Walker {
 public:
  Walker(const WalkArgs& args, Dataset& data, Console& out) :
      args_(args), data_(data), out_(out), missing_(left_out(data)) {}

  Walk operator()() {
    if (missing_.count > 0 && !args_.allow_missing) refuse(missing_);
    Model model = load(args_.model, out_);
    set_fit(args_.boxes, model, out_);
    check_kind(model.graph);
    const std::vector<int> classes = class_map(model.names, data_);
    say_classes(classes);
    walk_.judged.resize(data_.names.size());
    for (const int cls : classes) {
      if (cls >= 0) walk_.judged[static_cast<std::size_t>(cls)] = true;
    }
    const Shape input = input_shape(model.graph, args_.model, out_);
    const auto plan = make_plan(model, input, args_.plan.options(out_.globals));
    NmsOptions nms = nms_options(args_.boxes, model.names);
    if (is_classifier(model.graph)) nms.confidence = 0;
    Detector detector(plan, std::move(nms));
    out_.note(headline(model, explain(*plan)));
    how_ = {.channels = detector.preprocess().channels, .bits = detector.preprocess().bits};
    const Polling polling;
    const auto begin = Clock::now();
    all(detector, classes);
    finish(milliseconds(begin) / 1000);
    return std::move(walk_);
  }

 private:
  void check_kind(const Graph& graph) const {
    const bool classifier = is_classifier(graph);
    require(args_.classifiers || !classifier,
            "expected a network with detection heads, found a classifier");
    if (data_.items.empty() || classifier == has_picture_classes(data_)) return;
    throw Error(ErrorKind::input,
                classifier
                    ? "expected pictures in folders of classes for a classifier, found boxes"
                    : "expected pictures with boxes for a detector, found folders of classes",
                {}, "syolo stats DATASET shows what a dataset holds");
  }

  void say_classes(const std::vector<int>& classes) const {
    const auto none = std::count(classes.begin(), classes.end(), -1);
    if (none > 0) {
      out_.note(format("{} of the model's {} classes are not the dataset's: left out", none,
                       classes.size()));
    }
  }

  std::future<Decoded> decode(std::size_t item) const {
    return std::async(std::launch::async, [this, item] {
      const auto begin = Clock::now();
      Image image = load_image(data_.items[item].image, how_);
      return Decoded{std::move(image), milliseconds(begin)};
    });
  }

  void all(Detector& detector, const std::vector<int>& classes) {
    const std::size_t count = data_.items.size();
    std::future<Decoded> next;
    if (count > 0) next = decode(0);
    for (std::size_t i = 0; i < count && !interrupted(); ++i) {
      std::future<Decoded> now = std::exchange(next, {});
      if (i + 1 < count) next = decode(i + 1);
      try {
        one(now.get(), static_cast<int>(i), detector, classes);
      } catch (const Error& error) {
        missing_.add(data_.items[i].image.string(), error.text());
        if (!args_.allow_missing) refuse(missing_);
        unreadable_.push_back(i);
      }
      out_.progress(static_cast<std::int64_t>(i) + 1, static_cast<std::int64_t>(count), "images");
    }
    out_.end_progress();
    walk_.stopped = interrupted();
  }

  void one(const Decoded& picture, int item, Detector& detector, const std::vector<int>& classes) {
    append(walk_.rows, item, detector(picture.image.view()), classes);
    const StageTimes& times = detector.times();
    walk_.decode_ms += picture.ms;
    walk_.preprocess_ms += times.preprocess_ms;
    walk_.infer_ms += times.infer_ms;
    walk_.postprocess_ms += times.postprocess_ms;
    ++done_;
  }

  void finish(double seconds) {
    const auto n = static_cast<double>(std::max<std::int64_t>(done_, 1));
    for (double* ms :
         {&walk_.decode_ms, &walk_.preprocess_ms, &walk_.infer_ms, &walk_.postprocess_ms}) {
      *ms /= n;
    }
    walk_.pictures_per_second = static_cast<double>(done_) / std::max(seconds, 1e-9);
    if (missing_.count > 0) {
      out_.warn(format("{} pictures cannot be read and do not count (the first: {})",
                       grouped(missing_.count), printable(missing_.first, 500)));
    }
    take_out_unreadable();
  }

  void take_out_unreadable() {
    if (unreadable_.empty()) return;
    std::vector<int> place(data_.items.size(), -1);
    std::vector<Item> kept;
    for (std::size_t i = 0; i < data_.items.size(); ++i) {
      if (std::binary_search(unreadable_.begin(), unreadable_.end(), i)) continue;
      place[i] = static_cast<int>(kept.size());
      kept.push_back(std::move(data_.items[i]));
    }
    data_.items = std::move(kept);
    for (Prediction& row : walk_.rows) row.item = place[static_cast<std::size_t>(row.item)];
  }

  const WalkArgs& args_;
  Dataset& data_;
  Console& out_;
  Missing missing_;
  DecodeOptions how_;
  std::vector<std::size_t> unreadable_;  // ascending
  std::int64_t done_ = 0;
  Walk walk_;
};

}  // namespace

void add_walk(CLI::App& cli, WalkArgs& args) {
  add_model(cli, args.model);
  cli.get_option("--model")->required(false);
  add_weights(cli, args.model);
  add_names(cli, args.model);
  add_input(cli, args.model);
  add_fit(cli, args.boxes);
  add_boxes(cli, args.boxes);
  add_plan(cli, args.plan);
  cli.add_flag("--allow-missing", args.allow_missing,
               "leave out pictures that cannot be read instead of stopping");
}

Walk walk(const WalkArgs& args, Dataset& data, Console& out) {
  return Walker(args, data, out)();
}

}  // namespace syolo::cli
