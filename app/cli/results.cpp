#include "app/cli/results.h"

#include <filesystem>

#include "syolo/base/file.h"

namespace syolo::cli {
namespace {

namespace fs = std::filesystem;

const ResultFormat* by_suffix(const std::string& path) {
  const std::string suffix = fs::path(path).extension().string();
  if (suffix == ".jsonl") return &result_format("ndjson");
  for (const ResultFormat& row : result_formats()) {
    if (row.suffix == suffix) return &row;
  }
  return &result_format("json");
}

void check_target(const std::string& path, const Inputs& inputs) {
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    throw Error(ErrorKind::usage, "expected a file, found a folder",
                {.file = path, .item = "--save"}, "pictures go to a folder by --out DIR");
  }
  if (inputs.is_input(path)) {
    throw Error(ErrorKind::usage, "expected another file than the inputs, found one of them",
                {.file = path, .item = "--save"}, "choose another name");
  }
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.empty() && !fs::is_directory(folder, ignored)) {
    throw Error(ErrorKind::io, "expected the folder of this file, found none",
                {.file = path, .item = "--save"}, "create the folder first");
  }
}

}  // namespace

void contradiction(std::string item, std::string text, std::string hint) {
  throw Error(ErrorKind::usage, std::move(text), {.file = {}, .item = std::move(item)},
              std::move(hint));
}

Results::Results(const ResultTargets& targets, const Inputs& inputs, Console& out) : out_(out) {
  if (targets.format >= 0) given_ = &result_formats()[static_cast<std::size_t>(targets.format)];
  const ResultFormat* json = &result_format("json");
  if (out.globals.json) {
    if (given_ != nullptr && given_ != json) {
      contradiction("--json",
                    format("expected one format, found --json and --format {}", given_->name),
                    "leave out one of them; --save FILE keeps a second document");
    }
    given_ = json;
  }
  shown_ = given_ != nullptr ? given_ : &result_format("table");
  if (!targets.save.empty()) choose_file(targets, inputs);
  if (given_ != nullptr && given_->name == "yolo") choose_labels(targets, inputs);
}

// The document goes to the file; people still see the table.
void Results::choose_file(const ResultTargets& targets, const Inputs& inputs) {
  check_target(targets.save, inputs);
  file_ = targets.save;
  saved_ = given_ != nullptr ? given_ : by_suffix(targets.save);
  if (out_.globals.json) return;
  shown_ = out_.globals.quiet ? nullptr : &result_format("table");
}

void Results::choose_labels(const ResultTargets& targets, const Inputs& inputs) {
  labels_ = !targets.out.empty();
  if (labels_ && !targets.save.empty()) {
    contradiction("--save", "expected label files in --out DIR, found --save as well",
                  "leave out --save, or choose another --format");
  }
  if (!labels_ && inputs.total() != 1) {
    contradiction("--format yolo", "expected --out DIR for the label files, found none",
                  "this format has one file per picture");
  }
  if (labels_) shown_ = nullptr;
}

void Results::begin(const std::vector<std::string>& names) {
  context_.names = saved_context_.names = label_context_.names = &names;
  context_.color = out_.color_out();
  if (shown_ != nullptr) out_.print(shown_->begin);
  if (saved_ != nullptr) document_ = saved_->begin;
}

void Results::add(const ImageResult& result) {
  if (shown_ != nullptr) out_.print(shown_->item(context_, result));
  if (saved_ != nullptr) document_ += saved_->item(saved_context_, result);
  out_.flush();
}

std::string Results::label_text(const ImageResult& result) {
  return result_format("yolo").item(label_context_, result);
}

void Results::end(bool complete) {
  if (shown_ != nullptr) out_.print(shown_->end);
  out_.flush();
  if (saved_ == nullptr) return;
  if (!complete) {
    out_.warn(format("{} not written: the results are incomplete", printable(file_, 4000)));
    return;
  }
  document_ += saved_->end;
  write_file_atomic(file_, document_);
  out_.note(format("results: {}", printable(file_, 4000)));
}

}  // namespace syolo::cli
