// The state of a run as a file: texts and floats by name, a checksum behind them. Generations of
// it in a folder. Nothing here knows what the names mean.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "syolo/base/error.h"
#include "syolo/base/file.h"
#include "syolo/base/limits.h"

namespace syolo::train {

struct State {
  std::map<std::string, std::string> texts;
  std::map<std::string, std::vector<float>> tensors;
  bool operator==(const State&) const = default;
};

/// Equal states give equal bytes.
std::string write_state(const State& state);
/// @throws Error(input) with the byte, for whatever write_state would not have written
State read_state(std::string_view bytes, const std::string& file);

/// FOLDER/STEP.state, the newest two. A file appears completely or not at all.
class Generations {
 public:
  explicit Generations(Path folder) : folder_(std::move(folder)) {}
  /// Writes a new generation, then removes all but the two newest. @throws Error(io)
  void save(std::int64_t step, const State& state) const;
  /// The newest one that verifies; damaged ones are findings. Nothing when there is none.
  std::optional<State> newest(Findings& findings, const Limits& limits = {}) const;

 private:
  std::vector<Path> files() const;  // newest first
  Path folder_;
};

}  // namespace syolo::train
