// Keys of a cfg that only training reads, as values.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/base/error.h"
#include "syolo/graph/graph.h"

namespace syolo::train {

/// All throw Error(input) at the section for a value of another kind.
class Hints {
 public:
  Hints(KeyValues keys, Where where) : keys_(std::move(keys)), where_(std::move(where)) {}
  double real(std::string_view key, double fallback) const;
  int integer(std::string_view key, int fallback) const;
  bool flag(std::string_view key) const { return integer(key, 0) != 0; }
  std::string_view text(std::string_view key, std::string_view fallback) const;
  std::vector<double> reals(std::string_view key) const;
  /// One of `words`. @return its position
  std::size_t choice(std::string_view key, std::string_view fallback,
                     std::span<const std::string_view> words) const;

 private:
  const std::string* find(std::string_view key) const;
  [[noreturn]] void refuse(std::string_view key, std::string_view expected) const;

  KeyValues keys_;
  Where where_;
};

/// All keys of a layer as its section writes them, and those that only training reads.
Hints layer_hints(const Graph& graph, NodeId node);

}  // namespace syolo::train
