// The family's arithmetic: what blocks, their CSP versions and necks cost in graphs that are built
// here, beside the closed forms of the papers. Work in multiply-adds (MACs).
#pragma once

#include <string>
#include <vector>

#include "syolo/zoo/recipe.h"

namespace syolo {

/// What the layers of a part of a real graph cost.
struct PartWork {
  std::int64_t macs = 0;
  std::int64_t wide_macs = 0;  // of windows larger than 1x1
  std::int64_t cio = 0;        // values in and out of convolutions
  std::int64_t traffic = 0;    // the same and the kernels
};
/// A stage alone, without halving, on a map of `in` channels and side x side cells.
PartWork stage_work(Stage stage, int in, int side);

struct TheoryRow {
  std::string what;
  double computed = 0, closed = 0;  // closed: NaN where there is no closed form
  double difference() const { return computed - closed; }
};
struct TheoryTable {
  std::string title, unit;
  std::vector<TheoryRow> rows;
  std::string remark = {};
};
/// Layers and their CSP versions, image size, depth and width, dense and one-shot aggregation,
/// memory traffic, the stage formula, the neck's saving, other people's scaling rules.
std::vector<TheoryTable> theory_tables();

}  // namespace syolo
