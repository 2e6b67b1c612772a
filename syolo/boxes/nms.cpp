#include "syolo/boxes/nms.h"

#include <algorithm>
#include <cmath>
#include <queue>

#include "syolo/base/error.h"
#include "syolo/boxes/iou.h"

namespace syolo {
namespace {

constexpr double kGreedyExponent = 0.6;   // Darknet's greedynms, whatever beta_nms says
constexpr double kWeightedMeasure = 0.8;  // members of a weighted mean
constexpr std::size_t kMergeLimit = 3000;

bool is_usable(const Candidate& c) {
  return std::isfinite(c.score) && std::isfinite(c.box.x1) && std::isfinite(c.box.y1) &&
         std::isfinite(c.box.x2) && std::isfinite(c.box.y2);
}

/// Candidates that take part, sorted.
void select(std::vector<Candidate>& candidates, const NmsOptions& options) {
  std::vector<int> wanted = options.classes;
  std::sort(wanted.begin(), wanted.end());
  std::erase_if(candidates, [&](const Candidate& c) {
    return !is_usable(c) || !(c.score > options.confidence) ||
           (!wanted.empty() && !std::binary_search(wanted.begin(), wanted.end(), c.cls));
  });
  const auto most = static_cast<std::size_t>(options.max_candidates);
  if (candidates.size() > most) {
    std::nth_element(candidates.begin(), candidates.begin() + options.max_candidates - 1,
                     candidates.end(), before);
    candidates.resize(most);
  }
  std::sort(candidates.begin(), candidates.end(), before);
}

/// Candidates that can suppress each other have the same group, 0, 1, ...: their class, or 0.
struct Groups {
  std::vector<int> of;  // per candidate
  int count = 1;
};

Groups group(const std::vector<Candidate>& candidates, bool agnostic) {
  Groups groups;
  groups.of.resize(candidates.size());
  if (agnostic) return groups;
  std::vector<int> classes;
  classes.reserve(candidates.size());
  for (const Candidate& c : candidates) classes.push_back(c.cls);
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const auto at = std::lower_bound(classes.begin(), classes.end(), candidates[i].cls);
    groups.of[i] = static_cast<int>(at - classes.begin());
  }
  groups.count = static_cast<int>(classes.size());
  return groups;
}

bool apart(const Box& a, const Box& b) {
  // One unpredictable branch at the caller instead of four here.
  return bool(int{a.x2 <= b.x1} | int{b.x2 <= a.x1} | int{a.y2 <= b.y1} | int{b.y2 <= a.y1});
}

/// The measure of the greedy methods against its threshold.
struct Suppression {
  double overlap = 0;
  bool by_distance = false;  // IoU - (d^2/c^2)^exponent
  double exponent = 1;

  explicit Suppression(const NmsOptions& options) : overlap(options.overlap) {
    by_distance = options.method == NmsMethod::greedy_diou || options.method == NmsMethod::diou ||
                  options.method == NmsMethod::weighted;
    if (options.method == NmsMethod::greedy_diou) exponent = kGreedyExponent;
    if (options.method == NmsMethod::diou) exponent = options.beta;
  }
  bool operator()(const Box& a, const Box& b) const {
    // Boxes apart have a measure of at most 0, and the distance only lowers the IoU: most pairs
    // need neither division nor power.
    if (apart(a, b) && overlap >= 0) return false;
    const double common = iou(a, b);
    if (!by_distance) return common > overlap;
    return common > overlap && diou(a, b, exponent) > overlap;
  }
};

/// Indices of the survivors, ascending; at most `most` of them.
std::vector<std::size_t> greedy(const std::vector<Candidate>& candidates, const Groups& groups,
                                const Suppression& suppresses, std::size_t most) {
  std::vector<std::vector<Box>> kept(static_cast<std::size_t>(groups.count));
  std::vector<std::size_t> survivors;
  for (std::size_t i = 0; i < candidates.size() && survivors.size() < most; ++i) {
    std::vector<Box>& rivals = kept[static_cast<std::size_t>(groups.of[i])];
    const Box& box = candidates[i].box;
    const bool loses = std::any_of(rivals.begin(), rivals.end(),
                                   [&](const Box& rival) { return suppresses(rival, box); });
    if (loses) continue;
    rivals.push_back(box);
    survivors.push_back(i);
  }
  return survivors;
}

/// Soft suppression. A score is brought up to date only when it reaches the top of the queue:
/// it can only fall, so the order of choices is that of the plain algorithm.
std::vector<Candidate> soft(const std::vector<Candidate>& candidates, const Groups& groups,
                            const NmsOptions& options) {
  struct Entry {
    double score = 0;
    std::size_t index = 0;
    std::size_t seen = 0;  // boxes of its group that its score knows
    bool operator<(const Entry& other) const {
      return score != other.score ? score < other.score : index > other.index;
    }
  };
  std::priority_queue<Entry> queue;
  for (std::size_t i = 0; i < candidates.size(); ++i) queue.push({candidates[i].score, i, 0});
  std::vector<std::vector<Box>> kept(static_cast<std::size_t>(groups.count));
  std::vector<Candidate> result;
  while (!queue.empty() && result.size() < static_cast<std::size_t>(options.max_detections)) {
    Entry top = queue.top();
    queue.pop();
    Candidate candidate = candidates[top.index];
    std::vector<Box>& rivals = kept[static_cast<std::size_t>(groups.of[top.index])];
    if (top.seen == rivals.size()) {
      candidate.score = static_cast<float>(top.score);
      rivals.push_back(candidate.box);
      result.push_back(candidate);
      continue;
    }
    for (; top.seen < rivals.size(); ++top.seen) {
      if (apart(rivals[top.seen], candidate.box)) continue;
      const double common = iou(rivals[top.seen], candidate.box);
      top.score *= std::exp(-common * common / options.soft_sigma);
    }
    if (static_cast<float>(top.score) > options.confidence) queue.push(top);
  }
  std::sort(result.begin(), result.end(), before);
  return result;
}

/// Sum of boxes by weight.
struct MeanBox {
  double x1 = 0, y1 = 0, x2 = 0, y2 = 0, weight = 0;
  int members = 0;
  void add(const Box& box, double by) {
    x1 += by * box.x1, y1 += by * box.y1, x2 += by * box.x2, y2 += by * box.y2;
    weight += by;
    ++members;
  }
  Box mean() const {
    return {static_cast<float>(x1 / weight), static_cast<float>(y1 / weight),
            static_cast<float>(x2 / weight), static_cast<float>(y2 / weight)};
  }
};

std::vector<Candidate> pick(const std::vector<Candidate>& candidates,
                            const std::vector<std::size_t>& survivors) {
  std::vector<Candidate> result;
  result.reserve(survivors.size());
  for (const std::size_t i : survivors) result.push_back(candidates[i]);
  return result;
}

std::vector<Candidate> averaged(const std::vector<Candidate>& candidates, const Groups& groups,
                                const std::vector<std::size_t>& survivors) {
  std::vector<Candidate> result = pick(candidates, survivors);
  for (std::size_t k = 0; k < survivors.size(); ++k) {
    const std::size_t self = survivors[k];
    MeanBox mean;
    for (std::size_t j = 0; j < candidates.size(); ++j) {
      if (groups.of[j] != groups.of[self]) continue;
      // The distance only lowers the IoU, so that most pairs need no power.
      if (j != self && (apart(candidates[self].box, candidates[j].box) ||
                        iou(candidates[self].box, candidates[j].box) <= kWeightedMeasure)) {
        continue;
      }
      const double measure = j == self ? 1 : diou(candidates[self].box, candidates[j].box);
      if (measure > kWeightedMeasure) mean.add(candidates[j].box, measure * candidates[j].score);
    }
    if (mean.weight > 0) result[k].box = mean.mean();
  }
  return result;
}

std::vector<Candidate> merged(const std::vector<Candidate>& candidates, const Groups& groups,
                              const std::vector<std::size_t>& survivors, double overlap) {
  std::vector<Candidate> result;
  for (const std::size_t self : survivors) {
    MeanBox mean;
    for (std::size_t j = 0; j < candidates.size(); ++j) {
      if (groups.of[j] != groups.of[self]) continue;
      if (iou(candidates[self].box, candidates[j].box) > overlap) {
        mean.add(candidates[j].box, candidates[j].score);
      }
    }
    if (mean.members < 2) continue;
    result.push_back(candidates[self]);
    if (mean.weight > 0) result.back().box = mean.mean();
  }
  return result;
}

void expect(bool holds, std::string_view option, std::string_view expected, double found) {
  if (holds) return;
  throw Error(ErrorKind::usage, format("expected {}, found {}", expected, found),
              {{}, 0, -1, std::string(option)});
}

}  // namespace

void check(const NmsOptions& options) {
  expect(std::isfinite(options.confidence), "confidence", "a finite number", options.confidence);
  expect(std::isfinite(options.overlap), "overlap", "a finite number", options.overlap);
  expect(options.beta > 0 && std::isfinite(options.beta), "beta", "a number above 0", options.beta);
  expect(options.soft_sigma > 0, "soft_sigma", "a number above 0", options.soft_sigma);
  expect(options.max_candidates >= 1, "max_candidates", "1 or more", options.max_candidates);
  expect(options.max_detections >= 1, "max_detections", "1 or more", options.max_detections);
  if (options.merge &&
      (options.method == NmsMethod::soft || options.method == NmsMethod::weighted)) {
    throw Error(ErrorKind::usage, "expected merge with a greedy method, found soft or weighted",
                {{}, 0, -1, "merge"}, "use one of model, iou, greedy_diou, diou");
  }
}

std::vector<Candidate> suppress(std::vector<Candidate> candidates, const NmsOptions& options) {
  check(options);
  select(candidates, options);
  const Groups groups = group(candidates, options.agnostic);
  if (options.method == NmsMethod::soft) return soft(candidates, groups, options);
  const std::vector<std::size_t> survivors = greedy(
      candidates, groups, Suppression(options), static_cast<std::size_t>(options.max_detections));
  if (options.method == NmsMethod::weighted) return averaged(candidates, groups, survivors);
  const bool merge = options.merge && candidates.size() > 1 && candidates.size() < kMergeLimit;
  return merge ? merged(candidates, groups, survivors, options.overlap)
               : pick(candidates, survivors);
}

}  // namespace syolo
