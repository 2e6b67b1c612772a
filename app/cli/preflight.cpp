#include "app/cli/preflight.h"

#include <algorithm>
#include <filesystem>

#include "app/cli/recipe_anchors.h"
#include "app/cli/setup.h"
#include "syolo/base/memory.h"
#include "syolo/data/anchor_fit.h"
#include "syolo/graph/lower.h"
#include "syolo/graph/passes.h"
#include "syolo/graph/segments.h"

namespace syolo::cli {
namespace {

/// Weights, gradient, momentum and average, and the state that a rollback goes back to.
constexpr std::int64_t kCopies = 4 + 3;

std::int64_t bytes_of_picture(const Model& model, const TrainOptions& options) {
  const Shape input = model.graph.net().input;
  const Program program =
      lower(model.graph, {1, input.c, options.largest.height, options.largest.width});
  std::int64_t values = 0;
  for (const Value& value : program.values) values += value.shape.elements();
  if (options.recompute) values = kept_elements(program, segments(program, outputs(program)));
  return values * (options.precision == TrainPrecision::bf16 ? 2 : 4);
}

/// The nearest folder on the way to `path` that is there.
Path existing(Path path) {
  std::error_code failed;
  path = std::filesystem::absolute(path, failed);
  while (!std::filesystem::exists(path, failed) && path.has_relative_path()) {
    path = path.parent_path();
  }
  return path;
}

void check_disk(const TrainingNeeds& needs, const Path& out) {
  std::error_code failed;
  const std::filesystem::space_info space = std::filesystem::space(existing(out), failed);
  if (failed || space.available >= static_cast<std::uintmax_t>(needs.disk_bytes)) return;
  throw Error(
      ErrorKind::io,
      format("expected room for three states and models, {}, found {}", mebibytes(needs.disk_bytes),
             mebibytes(static_cast<std::int64_t>(space.available))),
      {.file = out.string(), .item = {}}, "--out on a disk with more room");
}

void check_memory(const TrainingNeeds& needs, std::int64_t of_picture, int batch) {
  const std::int64_t free = available_memory();
  if (free <= 0 || needs.memory_bytes <= free) return;
  const std::int64_t rest = needs.memory_bytes - of_picture * batch;
  const std::int64_t fits = std::max<std::int64_t>(0, (free - rest) / of_picture);
  throw Error(ErrorKind::limit,
              format("--batch {}: expected about {} of memory, found {} free", batch,
                     mebibytes(needs.memory_bytes), mebibytes(free)),
              {},
              fits > 0 ? format("--batch {} fits, or a smaller --input", fits)
                       : std::string("a smaller network or --input"));
}

void report_anchors(const Model& model, const Dataset& train, const TrainOptions& options,
                    Console& out) {
  const auto sizes = box_sizes(train, options.input, model.graph.net().preprocess.fit);
  std::vector<Anchor> anchors;
  const Program program = lower(model.graph);
  for (const HeadNode& head : heads(program)) {
    anchors.insert(anchors.end(), head.spec->anchors.begin(), head.spec->anchors.end());
  }
  if (sizes.empty() || anchors.empty()) return;
  const AnchorFit fit = anchor_fit(sizes, anchors, options.anchor_t);
  const std::string text =
      format("anchors: {:.1f} % of {} boxes can be found, {:.2f} anchors a box",
             100 * fit.best_possible_recall, sizes.size(), fit.anchors_matched);
  if (fit.best_possible_recall >= kEnoughRecall) return out.note(text);
  out.warn(text + "; better ones: syolo anchors DATASET --cfg CFG --out CFG");
}

}  // namespace

TrainingNeeds training_needs(const Model& model, const TrainOptions& options) {
  TrainingNeeds needs;
  for (const auto& [id, tensor] : model.weights.all()) {
    needs.parameters += tensor.shape().elements();
  }
  needs.memory_bytes = needs.parameters * 4 * kCopies * options.place.ranks +
                       bytes_of_picture(model, options) * options.batch;
  // What CBN keeps of each earlier batch, in bytes, is in the network, in the state of a rollback
  // and in files. A state has three copies of everything else.
  const double earlier = 4 * std::max(options.cbn - 1, 0.0);
  const auto crossed = static_cast<std::int64_t>(earlier * static_cast<double>(needs.parameters));
  needs.memory_bytes += 3 * crossed;
  needs.disk_bytes = needs.parameters * 4 * (3 * 3 + 3) + 3 * crossed;
  return needs;
}

bool recomputes(const Model& model, const TrainOptions& options, int choice) {
  // Ranks that differ in this would not make the same calls in the same order.
  if (choice != 0 || options.place.ranks > 1) return choice == 1;
  const std::int64_t free = available_memory();
  return free > 0 && training_needs(model, options).memory_bytes > free;
}

void preflight(const Model& model, const Dataset& train, const TrainOptions& options,
               Console& out) {
  const TrainingNeeds needs = training_needs(model, options);
  out.note(format("{} parameters; about {} of memory{}, {} of disk", grouped(needs.parameters),
                  mebibytes(needs.memory_bytes),
                  options.recompute ? " (values are computed anew on the way back)" : "",
                  mebibytes(needs.disk_bytes)));
  check_disk(needs, options.out);
  check_memory(needs, bytes_of_picture(model, options), options.batch);
  report_anchors(model, train, options, out);
}

}  // namespace syolo::cli
