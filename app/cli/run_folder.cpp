#include "app/cli/run_folder.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>

#include "app/cli/event_file.h"
#include "syolo/base/file.h"
#include "syolo/base/limits.h"
#include "syolo/base/text.h"
#include "syolo/data/page.h"
#include "syolo/eval/report.h"
#include "syolo/eval/top.h"
#include "syolo/image/codec.h"

namespace syolo::cli {
namespace {

constexpr std::string_view kEvents = "events.out.tfevents.0.syolo";
constexpr std::size_t kTrainBatches = 3, kValGrids = 3;
constexpr double kShownScore = 0.25;

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// results.csv's columns under the names of TensorBoard's folders.
constexpr std::array<std::pair<std::string_view, std::string_view>, 11> kTags = {{
    {"box", "train/box_loss"},
    {"obj", "train/obj_loss"},
    {"cls", "train/cls_loss"},
    {"lr", "train/lr"},
    {"images_per_second", "train/images_per_second"},
    {"precision", "val/precision"},
    {"recall", "val/recall"},
    {"AP50", "val/AP50"},
    {"AP", "val/AP"},
    {"top1", "val/top1"},
    {"top5", "val/top5"},
}};

std::string picture(const Path& file) {
  const auto bytes = MappedFile::open(file, Limits{}.text_bytes * 64);
  return "<img alt=\"" + data::html_text(file.filename().string()) +
         "\" style=\"max-width:100%\" src=\"data:image/jpeg;base64," +
         data::base64(bytes->bytes()) + "\">\n";
}

std::string settings(const Path& file) {
  const std::string text = read_text(file, Limits{}.text_bytes);
  std::string html = "<pre>";
  for (const std::string_view line : lines(text)) {
    html += data::html_text(line) + "\n";
  }
  return html + "</pre>\n";
}

}  // namespace

void RunFolder::attempt(const std::function<void()>& write) {
  try {
    write();
  } catch (const Error& error) {
    console_.warn(format("left out of the run folder: {}", error.what()));
  }
}

History RunFolder::history() const {
  const Path file = out_ / "results.csv";
  std::error_code failed;
  if (!std::filesystem::exists(file, failed)) return {};
  return read_history(read_text(file, Limits{}.text_bytes));
}

std::string RunFolder::record(const History& history, std::size_t row) const {
  std::vector<Scalar> values;
  for (const auto& [column, tag] : kTags) {
    const double value = history.at(row, column);
    if (std::isfinite(value) && value >= 0) values.push_back({std::string(tag), value});
  }
  return event_record(wall_seconds(), std::llround(history.at(row, "epoch")), values);
}

void RunFolder::begin() {
  attempt([&] {
    const History past = history();
    std::string events = event_file_head(wall_seconds());
    for (std::size_t row = 0; row < past.rows.size(); ++row) events += record(past, row);
    write_file_atomic(out_ / kEvents, events);
    save_image(out_ / "labels.png", image_of(labels_sheet(train_)).view());
  });
}

void RunFolder::batch(const Batch& batch) {
  if (batch.at.epoch != 0 || batch.at.batch >= static_cast<std::int64_t>(kTrainBatches)) return;
  attempt([&] {
    save_image(out_ / format("train_batch{}.jpg", batch.at.batch),
               batch_picture(batch, train_.names).view());
  });
}

void RunFolder::epoch_ended() {
  attempt([&] {
    const History all = history();
    if (all.rows.empty()) return;
    // Appended, since TensorBoard follows a growing file; begin() writes it anew.
    std::ofstream events(out_ / kEvents, std::ios::binary | std::ios::app);
    events << record(all, all.rows.size() - 1) << std::flush;
    if (!events) {
      throw Error(ErrorKind::io, "expected to append, found a failure",
                  {.file = (out_ / kEvents).string(), .item = {}});
    }
    save_image(out_ / "results.png", image_of(history_sheet(all)).view());
  });
}

void RunFolder::finish(std::span<const Prediction> predictions, std::string_view title) {
  attempt([&] {
    const std::string section = plots(predictions);
    for (std::size_t grid = 0; grid < kValGrids; ++grid) {
      const std::size_t first = grid * kPicturesOfGrid;
      if (first >= val_.items.size()) break;
      save_image(out_ / format("val_batch{}_labels.jpg", grid), truths_picture(val_, first).view());
      save_image(out_ / format("val_batch{}_pred.jpg", grid),
                 predictions_picture(val_, predictions, kShownScore, first).view());
    }
    write_file_atomic(out_ / "report.html", page(section, title));
  });
}

std::string RunFolder::plots(std::span<const Prediction> predictions) const {
  const auto save = [&](const char* name, const Sheet& sheet) {
    save_image(out_ / name, image_of(sheet).view());
  };
  if (has_picture_classes(val_)) {
    const TopReport report = top_accuracy(val_, predictions);
    save("confusion_matrix.png", confusion_sheet(report, val_));
    return top_section(report, val_);
  }
  const EvalReport report = eval_report(val_, predictions, {.threads = console_.globals.threads});
  for (const auto& [name, sheet] : eval_plots(report, val_)) {
    if (name == "precision_recall") save("PR_curve.png", sheet);
    if (name == "confusion") save("confusion_matrix.png", sheet);
  }
  return eval_section(report, val_);
}

std::string RunFolder::page(const std::string& section, std::string_view title) const {
  std::string body = "<h2>Training</h2>\n" + svg_of(history_sheet(history()));
  body += "<h2>The best epoch's model on the validation pictures</h2>\n" + section;
  body +=
      format("<h2>Validation pictures: labels, then answers above score {}</h2>\n", kShownScore);
  body += picture(out_ / "val_batch0_labels.jpg") + picture(out_ / "val_batch0_pred.jpg");
  body += "<h2>Labels of the training pictures</h2>\n" + svg_of(labels_sheet(train_));
  std::error_code failed;
  if (const Path first = out_ / "train_batch0.jpg"; std::filesystem::exists(first, failed)) {
    body += "<h2>The first training batch</h2>\n" + picture(first);
  }
  body += "<h2>Settings</h2>\n" + settings(out_ / "args.yaml");
  return data::html_page(title, body);
}

}  // namespace syolo::cli
