#include "syolo/zoo/scaling.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "syolo/base/error.h"
#include "syolo/base/text.h"
#include "syolo/zoo/anchors_impl.h"

namespace syolo {
namespace {

constexpr int kLowest = 3, kHighest = 7;
constexpr double kLeastFactor = 0.01, kGreatestFactor = 16;

[[noreturn]] void refuse(const std::string& item, const std::string& text, std::string hint) {
  throw Error(ErrorKind::usage, text, {.file = {}, .item = item}, std::move(hint));
}

void check_factor(const char* what, double factor) {
  if (factor >= kLeastFactor && factor <= kGreatestFactor) return;
  refuse(what,
         format("expected a factor in {}..{}, found {}", kLeastFactor, kGreatestFactor, factor),
         format("nearest: {}", std::clamp(factor, kLeastFactor, kGreatestFactor)));
}

int rounded_width(double width, int step = 8) {
  return std::max(step, step * static_cast<int>(std::ceil(width / step)));
}

/// 32 groups of half a stage's width must be whole channels: here and in the stage behind it.
bool is_grouped(const Stage& stage) {
  return stage.block == Block::resnext || stage.down == Down::narrow;
}

void scale_width(Recipe& r, double factor) {
  if (factor == 1) return;
  const auto apply = [factor](int& width) {
    if (width > 0) width = scaled_width(width, factor);
  };
  for (StemConv& c : r.stem) apply(c.filters);
  const int step = std::any_of(r.stages.begin(), r.stages.end(), is_grouped) ? 64 : 8;
  for (Stage& s : r.stages) {
    s.width = rounded_width(s.width * factor, step);
    apply(s.hidden), apply(s.growth), apply(s.entry);
  }
  for (Level& l : r.levels) apply(l.width), apply(l.head_width), apply(l.entry), apply(l.project);
  apply(r.classifier_width);
}

void scale_depth(Recipe& r, double factor) {
  for (Stage& s : r.stages) s.depth = scaled_depth(s.depth, factor);
  r.neck.depth = scaled_depth(r.neck.depth, factor);
}

int halvings(const Stage& stage) {
  return stage.down != Down::none && stage.stride == 2 ? 1 : 0;
}

void add_top_level(Recipe& r) {
  r.stages.push_back(r.stages.back());
  r.levels.push_back(r.levels.back());
}

void drop_top_level(Recipe& r) {
  const int head = r.levels.back().head_width;
  r.stages.pop_back();
  r.levels.pop_back();
  // The tiny networks have a head convolution at the top alone.
  if (r.neck.kind == NeckKind::tiny) r.levels.back().head_width = head / 2;
}

void add_finer_level(Recipe& r) {
  Level finer = r.levels.front();
  for (int* width : {&finer.width, &finer.head_width, &finer.entry, &finer.project}) *width /= 2;
  r.levels.insert(r.levels.begin(), finer);
  --r.lowest_level;
}

void check_levels(const Recipe& r, int lowest, int top) {
  const auto say = [&](std::string hint) {
    refuse(
        "levels",
        format("expected levels within P{}..P{}, found P{}..P{}", kLowest, kHighest, lowest, top),
        std::move(hint));
  };
  if (r.levels.empty() || r.neck.kind == NeckKind::bfm) {
    refuse("levels", format("expected a network whose levels can change, found {}", r.name),
           r.levels.empty() ? "a classifier has none" : "its levels join each other's pixels");
  }
  if (lowest < kLowest || top > kHighest || lowest > top) {
    const int low = std::clamp(lowest, kLowest, kHighest);
    say(format("nearest: P{}..P{}", low, std::clamp(top, low, kHighest)));
  }
  if (top != r.top_level() && halvings(r.stages.back()) == 0) {
    refuse("levels",
           format("expected the topmost level of {} to stay P{}, found P{}", r.name, r.top_level(),
                  top),
           "its last stage does not halve the map");
  }
}

/// Masks count through the levels, finest first.
void number_masks(Recipe& r, int per_level) {
  int next = 0;
  for (Level& level : r.levels) {
    level.mask.clear();
    for (int i = 0; i < per_level; ++i) level.mask.push_back(next++);
  }
}

void scale_structure(Recipe& r, const Scaling& s) {
  const int lowest = s.lowest_level > 0 ? s.lowest_level : r.lowest_level;
  const int top = s.top_level > 0 ? s.top_level : r.top_level();
  const bool levels_change = lowest != r.lowest_level || top != r.top_level();
  if (levels_change) check_levels(r, lowest, top);
  if (r.levels.empty()) return;
  const int before = static_cast<int>(r.levels.front().mask.size());
  const int per_level = s.anchors_per_level > 0 ? s.anchors_per_level : before;
  if (!levels_change && per_level == before) return;
  while (r.top_level() < top) add_top_level(r);
  while (r.lowest_level > lowest) add_finer_level(r);
  while (r.top_level() > top) drop_top_level(r);
  while (r.lowest_level < lowest) r.levels.erase(r.levels.begin()), ++r.lowest_level;
  number_masks(r, per_level);
  r.heads.anchors = zoo::anchors_for(r.heads.anchors, lowest, top, per_level);
}

}  // namespace

int scaled_width(int width, double factor) {
  return factor == 1 ? width : rounded_width(width * factor);
}

int scaled_depth(int depth, double factor) {
  if (depth <= 1) return depth;
  return std::max(1, static_cast<int>(std::nearbyint(depth * factor)));
}

int top_level_for(Size input) {
  const int side = std::max(input.width, input.height);
  return side < (896 + 1280) / 2 ? 5 : side < (1280 + 1536) / 2 ? 6 : 7;
}

Recipe scaled(const Recipe& recipe, const Scaling& s) {
  check_factor("depth", s.depth);
  check_factor("width", s.width);
  Recipe r = recipe;
  scale_structure(r, s);
  scale_width(r, s.width);
  scale_depth(r, s.depth);
  if (s.input) r.input = *s.input;
  if (s.act) r.act = r.neck_act = *s.act;
  if (s.classes > 0) r.heads.classes = s.classes;
  return r;
}

namespace {

/// The nearest size that the recipe's strides divide.
Size whole_cells(const Recipe& r, double width, double height) {
  const int step = 1 << std::max(r.top_level(), 5);
  const auto side = [step](double pixels) {
    return std::max(1, static_cast<int>(std::lround(pixels / step))) * step;
  };
  return {side(width), side(height)};
}

}  // namespace

Recipe efficientnet_rule(const Recipe& recipe, double phi) {
  const double factor = std::pow(1.15, phi);
  return scaled(recipe, {.depth = std::pow(1.2, phi),
                         .width = std::pow(1.1, phi),
                         .input = whole_cells(recipe, factor * recipe.input.width,
                                              factor * recipe.input.height)});
}

Recipe efficientdet_rule(const Recipe& recipe, int phi) {
  Recipe r = efficientnet_rule(recipe, phi);
  const double side = 512 + 128 * phi;
  r.input = whole_cells(recipe, side, side);
  const int width = rounded_width(64 * std::pow(1.35, phi));
  for (Level& level : r.levels) {
    level.width = width;
    if (level.head_width > 0) level.head_width = 2 * width;
  }
  r.neck.depth = 3 + phi;
  return r;
}

std::vector<RegnetStage> regnet_stages(const RegnetRule& rule) {
  std::vector<RegnetStage> stages;
  for (int j = 0; j < rule.depth; ++j) {
    const double free = rule.initial_width + rule.slope * j;
    const double power =
        std::round(std::log(free / rule.initial_width) / std::log(rule.quantisation));
    const double quantised = rule.initial_width * std::pow(rule.quantisation, power);
    const int width = std::max(8, 8 * static_cast<int>(std::lround(quantised / 8)));
    if (stages.empty() || stages.back().width != width) stages.push_back({width, 0});
    ++stages.back().depth;
  }
  return stages;
}

Recipe regnet_rule(const Recipe& recipe, const RegnetRule& rule) {
  if (rule.depth < 1 || rule.initial_width < 8 || rule.slope < 0 || rule.quantisation <= 1) {
    refuse("regnet", "expected depth from 1, width from 8, slope from 0, quantisation above 1",
           "nearest: depth 1, width 8, slope 0, quantisation 1.1");
  }
  const std::vector<RegnetStage> stages = regnet_stages(rule);
  Recipe r = recipe;
  if (stages.size() >= r.stages.size()) {
    refuse("regnet",
           format("expected at most {} stages, found {}", r.stages.size() - 1, stages.size()),
           "a greater quantisation gives fewer");
  }
  const std::size_t first = r.stages.size() - stages.size();
  for (std::size_t i = 0; i < stages.size(); ++i) {
    r.stages[first + i].width = stages[i].width;
    r.stages[first + i].depth = stages[i].depth;
  }
  return r;
}

}  // namespace syolo
