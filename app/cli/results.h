// Where results go: stdout in one format, a file in perhaps another, label files beside pictures.
#pragma once

#include <string>

#include "app/cli/console.h"
#include "app/cli/inputs.h"
#include "app/cli/outputs.h"

namespace syolo::cli {

/// What was asked for.
struct ResultTargets {
  int format = -1;  // of result_formats(); -1 = not given
  std::string out, save;
};

/// Options that contradict each other. @throws Error(usage)
[[noreturn]] void contradiction(std::string item, std::string text, std::string hint);

class Results {
 public:
  /// @throws Error(usage, io) for targets that contradict each other or cannot be written
  Results(const ResultTargets& targets, const Inputs& inputs, Console& out);

  bool labels() const { return labels_; }  // one label file per picture
  void begin(const std::vector<std::string>& names);
  void add(const ImageResult& result);
  std::string label_text(const ImageResult& result);
  /// @param complete  false after an interruption: the document on stdout is closed, none saved
  void end(bool complete);

 private:
  void choose_file(const ResultTargets& targets, const Inputs& inputs);
  void choose_labels(const ResultTargets& targets, const Inputs& inputs);

  Console& out_;
  const ResultFormat* given_ = nullptr;  // by --format or --json
  const ResultFormat* shown_ = nullptr;
  const ResultFormat* saved_ = nullptr;
  std::string file_, document_;
  bool labels_ = false;
  ResultContext context_, saved_context_, label_context_;
};

}  // namespace syolo::cli
