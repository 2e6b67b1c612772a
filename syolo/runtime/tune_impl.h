// Measured choices, kept between runs. A foreign or damaged cache is simply empty.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "syolo/base/file.h"

namespace syolo::runtime {

/// One text file: a first line that names processor, instruction sets, library and threads, then
/// "problem<TAB>choice<TAB>milliseconds" lines.
class TuneCache {
 public:
  TuneCache() = default;
  TuneCache(const Path& folder, const std::string& machine);
  std::optional<std::string> find(const std::string& problem) const;
  double milliseconds(const std::string& problem) const;
  void set(const std::string& problem, const std::string& choice, double ms);
  /// Writes when something was set; a cache that cannot be written is not an error.
  void save() const;

 private:
  struct Entry {
    std::string choice;
    double ms = 0;
  };
  Path file_;
  std::string machine_;
  std::map<std::string, Entry> entries_;
  bool changed_ = false;
};

}  // namespace syolo::runtime
