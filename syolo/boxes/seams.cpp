#include "syolo/boxes/seams.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "syolo/base/error.h"
#include "syolo/boxes/iou.h"

namespace syolo {
namespace {

constexpr std::int64_t kMostWindows = 10'000;
constexpr float kEdge = 0.03F;  // of a window's side

/// Where windows of `tile` begin along a side.
std::vector<int> starts(int side, int tile, double overlap) {
  if (side <= tile) return {0};
  const double step = std::max(1.0, std::floor(tile * (1 - overlap)));
  const int last = static_cast<int>(std::ceil((side - tile) / step));
  require(last < kMostWindows, "expected at most {} tiles, found more", grouped(kMostWindows));
  std::vector<int> result;
  for (int i = 0; i <= last; ++i) {
    result.push_back(static_cast<int>(std::int64_t{side - tile} * i / last));
  }
  return result;
}

Box box_of(const Window& window) {
  return {static_cast<float>(window.x), static_cast<float>(window.y),
          static_cast<float>(window.x + window.width),
          static_cast<float>(window.y + window.height)};
}

Box common(const Box& a, const Box& b) {
  return {std::max(a.x1, b.x1), std::max(a.y1, b.y1), std::min(a.x2, b.x2), std::min(a.y2, b.y2)};
}

bool is_empty(const Box& box) {
  return !(box.width() > 0 && box.height() > 0);
}

Box around(const Box& a, const Box& b) {
  return {std::min(a.x1, b.x1), std::min(a.y1, b.y1), std::max(a.x2, b.x2), std::max(a.y2, b.y2)};
}

struct Seen {
  Detection detection;
  Box window;
  std::size_t of = 0;  // number of the window
  bool part = false;
};

/// Whether the box comes to a side where the window ends and the picture goes on.
bool is_part(const Box& box, const Box& window, Size image) {
  const float dx = kEdge * window.width(), dy = kEdge * window.height();
  return (window.x1 > 0 && box.x1 < window.x1 + dx) || (window.y1 > 0 && box.y1 < window.y1 + dy) ||
         (window.x2 < static_cast<float>(image.width) && box.x2 > window.x2 - dx) ||
         (window.y2 < static_cast<float>(image.height) && box.y2 > window.y2 - dy);
}

/// Detections grouped by object: of each window at most one, as its own suppression has seen to.
class Objects {
 public:
  Objects(std::vector<Seen> seen, const NmsOptions& options) :
      seen_(std::move(seen)), options_(options), group_(seen_.size()) {
    for (std::size_t i = 0; i < group_.size(); ++i) group_[i] = i;
    groups_.resize(seen_.size());
    for (std::size_t i = 0; i < group_.size(); ++i) groups_[i] = {i};
    std::vector<Pair> pairs = agreeing();
    std::sort(pairs.begin(), pairs.end());
    for (const Pair& pair : pairs) unite(pair.a, pair.b);
  }

  std::vector<Detection> detections() const {
    std::vector<Detection> found;
    for (const std::vector<std::size_t>& group : groups_) {
      if (!group.empty()) found.push_back(object_of(group));
    }
    return found;
  }

 private:
  struct Pair {
    double agreement = 0;
    std::size_t a = 0, b = 0;
    bool operator<(const Pair& other) const {
      if (agreement != other.agreement) return agreement > other.agreement;
      return std::tie(a, b) < std::tie(other.a, other.b);
    }
  };

  /// IoU of what lies in both windows; 0 where that says nothing.
  double agreement(const Seen& a, const Seen& b) const {
    if (!options_.agnostic && a.detection.cls != b.detection.cls) return 0;
    const Box both = common(a.window, b.window);
    const Box of_a = common(a.detection.box, both), of_b = common(b.detection.box, both);
    return is_empty(of_a) || is_empty(of_b) ? 0 : iou(of_a, of_b);
  }

  /// For each detection those that agree best with it, one in each other window.
  std::vector<Pair> agreeing() const {
    std::vector<Pair> pairs;
    std::map<std::size_t, Pair> best;  // by window
    for (std::size_t i = 0; i < seen_.size(); ++i) {
      best.clear();
      for (std::size_t j = 0; j < seen_.size(); ++j) {
        if (seen_[i].of == seen_[j].of) continue;
        const double value = agreement(seen_[i], seen_[j]);
        if (!(value > static_cast<double>(options_.overlap))) continue;
        const Pair pair{value, std::min(i, j), std::max(i, j)};
        const auto [place, fresh] = best.emplace(seen_[j].of, pair);
        if (!fresh && pair < place->second) place->second = pair;
      }
      for (const auto& [window, pair] : best) pairs.push_back(pair);
    }
    return pairs;
  }

  void unite(std::size_t a, std::size_t b) {
    const std::size_t into = std::min(group_[a], group_[b]), from = std::max(group_[a], group_[b]);
    if (into == from) return;
    for (const std::size_t i : groups_[into]) {
      for (const std::size_t j : groups_[from]) {
        if (seen_[i].of == seen_[j].of) return;  // two objects of one window
      }
    }
    for (const std::size_t j : groups_[from]) group_[j] = into;
    groups_[into].insert(groups_[into].end(), groups_[from].begin(), groups_[from].end());
    groups_[from].clear();
  }

  Detection object_of(std::vector<std::size_t> group) const {
    std::sort(group.begin(), group.end());  // the best first, as all are sorted
    for (const std::size_t i : group) {
      if (!seen_[i].part) return seen_[i].detection;
    }
    Detection object = seen_[group.front()].detection;
    for (const std::size_t i : group) object.box = around(object.box, seen_[i].detection.box);
    return object;
  }

  std::vector<Seen> seen_;  // the best first
  const NmsOptions& options_;
  std::vector<std::size_t> group_;                // of each detection
  std::vector<std::vector<std::size_t>> groups_;  // their detections
};

}  // namespace

std::vector<Window> windows(Size image, Size tile, double overlap) {
  require(tile.width > 0 && tile.height > 0 && overlap >= 0 && overlap <= 0.9,
          "expected a tile of at least one pixel and an overlap in [0, 0.9], found {}x{} and {}",
          tile.width, tile.height, overlap);
  const std::vector<int> xs = starts(image.width, tile.width, overlap);
  const std::vector<int> ys = starts(image.height, tile.height, overlap);
  const auto count = static_cast<std::int64_t>(xs.size() * ys.size());
  require(count <= kMostWindows, "expected at most {} tiles, found {}", grouped(kMostWindows),
          grouped(count));
  std::vector<Window> result;
  result.reserve(xs.size() * ys.size());
  for (const int y : ys) {
    for (const int x : xs) {
      result.push_back(
          {x, y, std::min(tile.width, image.width), std::min(tile.height, image.height)});
    }
  }
  return result;
}

std::vector<Detection> joined(const std::vector<WindowDetections>& found, Size image,
                              const NmsOptions& options) {
  std::vector<Seen> all;
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Box window = box_of(found[i].window);
    for (const Detection& detection : found[i].detections) {
      all.push_back({detection, window, i, is_part(detection.box, window, image)});
    }
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const Seen& a, const Seen& b) { return sooner(a.detection, b.detection); });
  all.resize(std::min(all.size(), static_cast<std::size_t>(options.max_candidates)));
  std::vector<Detection> result = Objects(std::move(all), options).detections();
  std::sort(result.begin(), result.end(), sooner);
  result.resize(std::min(result.size(), static_cast<std::size_t>(options.max_detections)));
  return result;
}

}  // namespace syolo
