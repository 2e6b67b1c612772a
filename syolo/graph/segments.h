// A program in segments: training in little memory keeps only what they exchange, and computes each
// anew on its way back.
#pragma once

#include <span>
#include <vector>

#include "syolo/graph/program.h"

namespace syolo {

/// Instructions from `begin` to before `end`.
struct CodeSegment {
  std::size_t begin = 0, end = 0;
  std::vector<ValueId> in;   // read here, made before
  std::vector<ValueId> out;  // made here, read later
};

/// The cut that keeps the least. A normalisation and the activation behind it stay together.
/// @param results  values that are read after the program
std::vector<CodeSegment> segments(const Program& program, std::span<const ValueId> results);

/// Values of one picture that are in memory at most: what the segments exchange and, while the
/// largest of them is on its way back, all of its own.
std::int64_t kept_elements(const Program& program, std::span<const CodeSegment> segments);

}  // namespace syolo
