#include "syolo/train/assign_impl.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>

namespace syolo::train {
namespace {

enum class Neighbour { own, left, up, right, down };
constexpr std::array kNeighbours = {Neighbour::own, Neighbour::left, Neighbour::up,
                                    Neighbour::right, Neighbour::down};

/// A point lies in the first half of its cell, which is not the first of the axis.
bool near_previous(float at) {
  return at - std::floor(at) < 0.5F && at > 1;
}

bool reaches(Neighbour to, float x, float y, Size grid) {
  switch (to) {
    case Neighbour::own:
      return true;
    case Neighbour::left:
      return near_previous(x);
    case Neighbour::up:
      return near_previous(y);
    case Neighbour::right:
      return near_previous(static_cast<float>(grid.width) - x);
    case Neighbour::down:
      return near_previous(static_cast<float>(grid.height) - y);
  }
  return false;
}

int cell(float at, float offset, int cells) {
  return std::clamp(static_cast<int>(at - offset), 0, cells - 1);
}

bool alike(float size, float anchor, double threshold) {
  const float ratio = size / anchor;
  return std::max(ratio, 1 / ratio) < static_cast<float>(threshold);
}

void mark_last(std::vector<Match>& matches) {
  std::map<std::tuple<int, int, int, int>, Match*> slots;
  for (Match& match : matches) {
    Match*& earlier = slots[{match.image, match.anchor, match.row, match.column}];
    if (earlier != nullptr) earlier->last = false;
    earlier = &match;
  }
}

}  // namespace

std::vector<Match> assign(std::span<const Target> targets, std::span<const Anchor> anchors,
                          Size grid, double threshold) {
  const auto columns = static_cast<float>(grid.width), rows = static_cast<float>(grid.height);
  std::vector<Match> matches;
  for (const Neighbour to : kNeighbours) {
    const float dx = to == Neighbour::left ? 0.5F : to == Neighbour::right ? -0.5F : 0;
    const float dy = to == Neighbour::up ? 0.5F : to == Neighbour::down ? -0.5F : 0;
    for (std::size_t a = 0; a < anchors.size(); ++a) {
      for (const Target& t : targets) {
        const float x = t.x * columns, y = t.y * rows, w = t.w * columns, h = t.h * rows;
        if (!alike(w, anchors[a].w, threshold) || !alike(h, anchors[a].h, threshold) ||
            !reaches(to, x, y, grid)) {
          continue;
        }
        const int column = cell(x, dx, grid.width), row = cell(y, dy, grid.height);
        matches.push_back({.image = t.image,
                           .anchor = static_cast<int>(a),
                           .row = row,
                           .column = column,
                           .cls = t.cls,
                           .x = x - static_cast<float>(column),
                           .y = y - static_cast<float>(row),
                           .w = w,
                           .h = h});
      }
    }
  }
  mark_last(matches);
  return matches;
}

}  // namespace syolo::train
