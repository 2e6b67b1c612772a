#include "syolo/graph/segments.h"

#include <algorithm>
#include <limits>

#include "syolo/graph/passes.h"

namespace syolo {
namespace {

std::int64_t elements(const Program& program, ValueId id) {
  return program.shape(id).elements();
}

/// Fills what each segment exchanges. @param last  last uses; results are used after the end
void fill(const Program& program, std::span<const int> last, std::vector<CodeSegment>& all) {
  std::vector<std::size_t> made(program.values.size(), 0);
  for (std::size_t i = 0; i < program.code.size(); ++i) {
    made[static_cast<std::size_t>(program.code[i].dst)] = i;
  }
  for (CodeSegment& segment : all) {
    for (std::size_t i = segment.begin; i < segment.end; ++i) {
      const Instr& instr = program.code[i];
      for (const ValueId id : instr.src) {
        const bool before = made[static_cast<std::size_t>(id)] < segment.begin;
        if (before && std::ranges::find(segment.in, id) == segment.in.end()) {
          segment.in.push_back(id);
        }
      }
      if (last[static_cast<std::size_t>(instr.dst)] >= static_cast<int>(segment.end)) {
        segment.out.push_back(instr.dst);
      }
    }
  }
}

/// About `count` segments with as many values each.
std::vector<CodeSegment> cut(const Program& program, std::span<const int> last,
                             std::int64_t count) {
  std::int64_t all = 0;
  for (const Instr& instr : program.code) all += elements(program, instr.dst);
  std::vector<CodeSegment> found(1);
  std::int64_t own = 0;
  for (std::size_t i = 0; i < program.code.size(); ++i) {
    found.back().end = i + 1;
    own += elements(program, program.code[i].dst);
    const bool whole = !feeds_activation(program, last, i);
    if (own * count < all || !whole || i + 1 == program.code.size()) continue;
    found.push_back({i + 1, i + 1, {}, {}});
    own = 0;
  }
  fill(program, last, found);
  return found;
}

}  // namespace

std::int64_t kept_elements(const Program& program, std::span<const CodeSegment> segments) {
  std::int64_t exchanged = 0, largest = 0;
  for (const CodeSegment& segment : segments) {
    for (const ValueId id : segment.out) exchanged += elements(program, id);
    std::int64_t own = 0;
    for (std::size_t i = segment.begin; i < segment.end; ++i) {
      own += elements(program, program.code[i].dst);
    }
    largest = std::max(largest, own);
  }
  return exchanged + largest;
}

std::vector<CodeSegment> segments(const Program& program, std::span<const ValueId> results) {
  constexpr std::int64_t kMost = 32;
  std::vector<int> last = last_uses(program);
  for (const ValueId id : results) {
    last[static_cast<std::size_t>(id)] = static_cast<int>(program.code.size());
  }
  std::vector<CodeSegment> best;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (std::int64_t count = 1; count <= kMost; ++count) {
    std::vector<CodeSegment> found = cut(program, last, count);
    const std::int64_t kept = kept_elements(program, found);
    if (kept < least) least = kept, best = std::move(found);
  }
  return best;
}

}  // namespace syolo
