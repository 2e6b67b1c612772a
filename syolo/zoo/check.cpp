// Recipes whose numbers contradict each other, refused with the nearest valid value.
#include <algorithm>

#include "syolo/base/error.h"
#include "syolo/base/text.h"
#include "syolo/zoo/recipe.h"

namespace syolo {
namespace {

constexpr int kMostChannels = 65'536, kMostDepth = 1'000, kMostClasses = 10'000;

[[noreturn]] void refuse(const std::string& item, const std::string& text,
                         const std::string& hint) {
  throw Error(ErrorKind::usage, text, {.file = {}, .item = item}, hint);
}

void check_range(const std::string& item, int value, int low, int high) {
  if (value >= low && value <= high) return;
  refuse(item, format("expected a number in {}..{}, found {}", low, high, value),
         format("nearest: {}", std::clamp(value, low, high)));
}

void check_multiple(const std::string& item, int value, int step, const char* why) {
  if (value % step == 0 && value > 0) return;
  const int below = value / step * step;
  refuse(
      item, format("expected a multiple of {} ({}), found {}", step, why, value),
      below > 0 ? format("nearest: {} and {}", below, below + step) : format("nearest: {}", step));
}

void check_stage(const Stage& s, const std::string& item) {
  check_range(item + ": width", s.width, 1, kMostChannels);
  check_range(item + ": depth", s.depth, 1, kMostDepth);
  check_range(item + ": stride", s.stride, 1, 2);
  const std::string width = item + ": width";
  const bool grows = s.block == Block::dense || s.block == Block::osa;
  if (grows) check_range(item + ": growth", s.growth, 1, kMostChannels);
  if (s.block == Block::inverted) check_range(item + ": expansion", s.expansion, 1, 64);
  if (s.block == Block::resnext || s.down == Down::narrow)
    check_multiple(width, s.width, 64, "32 groups of half of it");
  if (s.block == Block::resnet) check_multiple(width, s.width, 4, "a quarter of it is hidden");
  const bool halves = s.csp != Csp::none || s.block == Block::osa_pcb ||
                      (s.block == Block::darknet && s.hidden == 0);
  if (halves) check_multiple(width, s.width, 2, "half of it is a path");
  if (s.down == Down::inside && (s.block != Block::inverted || s.csp != Csp::none)) {
    refuse(item + ": down", "expected a layer that can halve the map, found another block",
           "nearest: a 3x3 convolution or a maximum before the stage");
  }
}

/// log2 of the stride behind the stem and behind each stage.
std::vector<int> strides(const Recipe& r) {
  int level = r.stem_pool ? 1 : 0;
  for (const StemConv& c : r.stem) level += c.stride == 2 ? 1 : 0;
  std::vector<int> out = {level};
  for (const Stage& s : r.stages) {
    level += s.down != Down::none && s.stride == 2 ? 1 : 0;
    out.push_back(level);
  }
  return out;
}

void check_levels(const Recipe& r) {
  if (r.neck.kind == NeckKind::none) return;
  if (r.levels.empty()) refuse("levels", "expected at least one level, found none", "nearest: 1");
  const std::vector<int> reached = strides(r);
  const int top = reached.back(), finest = reached.size() > 1 ? reached[1] : top;
  if (r.top_level() != top) {
    refuse("levels",
           format("expected the topmost level at the backbone's end, P{}, found P{}", top,
                  r.top_level()),
           format("nearest: P{}", top));
  }
  if (r.lowest_level < finest) {
    refuse("levels",
           format("expected levels from P{}, the first stage's, found P{}", finest, r.lowest_level),
           format("nearest: P{}", finest));
  }
}

void check_heads(const Recipe& r) {
  check_range("classes", r.heads.classes, 1, kMostClasses);
  const int anchors = static_cast<int>(r.heads.anchors.size());
  for (const Level& level : r.levels) {
    check_range("level: width", level.width, 1, kMostChannels);
    if (r.neck.kind == NeckKind::lite)
      check_range("level: project", level.project, 1, kMostChannels);
    if (level.mask.empty())
      refuse("mask", "expected anchors of each level, found none", "nearest: 1");
    for (const int m : level.mask) check_range("mask", m, 0, anchors - 1);
  }
}

/// The input must be whole cells at the topmost level, and at least one.
void check_input(const Recipe& r) {
  const int step = 1 << (r.levels.empty() ? strides(r).back() : r.top_level());
  check_multiple("input: width", r.input.width, step, "the greatest stride");
  check_multiple("input: height", r.input.height, step, "the greatest stride");
}

}  // namespace

void check(const Recipe& r) {
  if (r.stages.empty()) refuse("stages", "expected at least one stage, found none", "nearest: 1");
  for (const StemConv& c : r.stem) check_range("stem: width", c.filters, 1, kMostChannels);
  for (std::size_t i = 0; i < r.stages.size(); ++i)
    check_stage(r.stages[i], format("stage {}", i + 1));
  check_levels(r);
  check_heads(r);
  check_input(r);
}

}  // namespace syolo
