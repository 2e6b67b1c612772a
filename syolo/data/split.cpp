#include "syolo/data/split.h"

#include <algorithm>
#include <map>

#include "syolo/base/rng.h"

namespace syolo {
namespace {

constexpr Split kParts[] = {Split::train, Split::val, Split::test};

/// Pictures that stay together, with their boxes per class; the last entry counts pictures.
struct Group {
  std::vector<std::size_t> items;
  std::vector<double> counts;
  int part = -1;
};

std::vector<Group> groups_of(const Dataset& dataset, const SplitOptions& options) {
  std::map<std::string, std::size_t> numbers;
  std::vector<Group> groups;
  const std::size_t classes = dataset.names.size();
  for (std::size_t i = 0; i < dataset.items.size(); ++i) {
    std::size_t at = groups.size();
    if (options.grouping != Grouping::none) {
      at = numbers.emplace(group_of(dataset.items[i].image, options.grouping), at).first->second;
    }
    if (at == groups.size()) groups.push_back({{}, std::vector<double>(classes + 1), -1});
    groups[at].items.push_back(i);
    for (const Truth& truth : dataset.items[i].truths) {
      groups[at].counts[static_cast<std::size_t>(truth.cls)] += 1;
    }
    const int whole = dataset.items[i].cls;
    if (whole >= 0) groups[at].counts[static_cast<std::size_t>(whole)] += 1;
    groups[at].counts[classes] += 1;
  }
  Rng rng(options.seed, Stream::sampler);
  for (std::size_t i = groups.size(); i > 1; --i) {
    std::swap(groups[i - 1], groups[static_cast<std::size_t>(rng.below(static_cast<int>(i)))]);
  }
  return groups;
}

using Wanted = std::array<std::vector<double>, 3>;  // what each part still misses

/// The part that misses most of column `c`, then most pictures.
int neediest(const Wanted& wanted, const std::array<double, 3>& shares, std::size_t c) {
  int best = -1;
  for (int p = 0; p < 3; ++p) {
    const auto i = static_cast<std::size_t>(p);
    if (shares[i] <= 0) continue;
    const auto b = static_cast<std::size_t>(best);
    if (best < 0 || wanted[i][c] > wanted[b][c] ||
        (wanted[i][c] == wanted[b][c] && wanted[i].back() > wanted[b].back())) {
      best = p;
    }
  }
  return best;
}

void assign(std::vector<Group>& groups, const std::array<double, 3>& shares) {
  if (groups.empty()) return;
  const std::size_t columns = groups.front().counts.size();
  std::vector<double> totals(columns);
  for (const Group& group : groups) {
    for (std::size_t c = 0; c < columns; ++c) totals[c] += group.counts[c];
  }
  const double sum = shares[0] + shares[1] + shares[2];
  Wanted wanted;
  for (std::size_t p = 0; p < 3; ++p) {
    for (const double total : totals) wanted[p].push_back(total * shares[p] / sum);
  }
  // Rare classes first; the last column, pictures, takes what has no boxes.
  std::vector<std::size_t> order(columns);
  for (std::size_t c = 0; c < columns; ++c) order[c] = c;
  std::stable_sort(order.begin(), order.end() - 1,
                   [&](std::size_t a, std::size_t b) { return totals[a] < totals[b]; });
  for (const std::size_t c : order) {
    for (Group& group : groups) {
      if (group.part >= 0 || group.counts[c] <= 0) continue;
      group.part = neediest(wanted, shares, c);
      std::vector<double>& missing = wanted[static_cast<std::size_t>(group.part)];
      for (std::size_t i = 0; i < columns; ++i) missing[i] -= group.counts[i];
    }
  }
}

}  // namespace

std::string group_of(const Path& image, Grouping grouping) {
  if (grouping == Grouping::folder) return image.parent_path().string();
  std::string name = image.stem().string();
  if (grouping == Grouping::none) return image.string();
  const std::size_t last = name.find_last_of("0123456789");
  if (last == std::string::npos) return (image.parent_path() / name).string();
  const std::size_t first = name.find_last_not_of("0123456789", last);
  return (image.parent_path() / name.substr(0, first == std::string::npos ? 0 : first + 1))
      .string();
}

std::vector<Part> split_dataset(Dataset dataset, const SplitOptions& options) {
  const auto& shares = options.shares;
  const bool valid = *std::min_element(shares.begin(), shares.end()) >= 0 &&
                     *std::max_element(shares.begin(), shares.end()) > 0;
  if (!valid) throw Error(ErrorKind::usage, "expected shares of 0 or more, one above 0");
  std::vector<Group> groups = groups_of(dataset, options);
  assign(groups, shares);
  std::vector<int> part_of(dataset.items.size());
  for (const Group& group : groups) {
    for (const std::size_t item : group.items) part_of[item] = group.part;
  }
  std::vector<Part> parts;
  for (int p = 0; p < 3; ++p) {
    if (shares[static_cast<std::size_t>(p)] <= 0) continue;
    Part part{kParts[p], {dataset.names, dataset.class_ids, {}, {}}};
    for (std::size_t i = 0; i < part_of.size(); ++i) {
      if (part_of[i] == p) part.data.items.push_back(std::move(dataset.items[i]));
    }
    parts.push_back(std::move(part));
  }
  return parts;
}

}  // namespace syolo
