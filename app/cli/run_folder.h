// What a training run leaves for people beside what the trainer writes: curves, pictures of
// batches, TensorBoard events, a report. None of it is needed to go on: what cannot be written is
// warned of and left out.
#pragma once

#include <functional>

#include "app/cli/console.h"
#include "app/cli/run_pictures.h"

namespace syolo::cli {

class RunFolder {
 public:
  /// The folder must exist when something is written; the datasets must outlive this.
  RunFolder(Path out, const Dataset& train, const Dataset& val, Console& console) :
      out_(std::move(out)), train_(train), val_(val), console_(console) {}

  /// labels.png, and the events of the epochs in results.csv.
  void begin();
  /// train_batch0.jpg to train_batch2.jpg, the first of the run.
  void batch(const Batch& batch);
  /// Events and results.png, from results.csv.
  void epoch_ended();
  /// Validation pictures, curves and report.html from what the best model finds.
  void finish(std::span<const Prediction> predictions, std::string_view title);

 private:
  void attempt(const std::function<void()>& write);
  History history() const;
  std::string record(const History& history, std::size_t row) const;
  /// Saves the curves of what the model finds. @return them and their numbers for a page
  std::string plots(std::span<const Prediction> predictions) const;
  std::string page(const std::string& section, std::string_view title) const;

  Path out_;
  const Dataset& train_;
  const Dataset& val_;
  Console& console_;
};

}  // namespace syolo::cli
