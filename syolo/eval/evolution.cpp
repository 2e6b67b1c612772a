#include "syolo/eval/evolution.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "syolo/base/error.h"
#include "syolo/base/rng.h"
#include "syolo/base/text.h"

namespace syolo {
namespace {

constexpr std::size_t kParents = 5;
constexpr double kChance = 0.8;    // of each gene
constexpr double kStrength = 0.2;  // of a mutation, at most, times the gain
constexpr double kDecimals = 1e5;
constexpr int kTries = 10'000;  // for a child that no generation had
constexpr std::string_view kScores = "generation,P,R,AP50,AP,fitness";
constexpr std::size_t kScoreCount = 6;

// ScaledYOLOv4's two branches differ in momentum (0.1, 0.3), and perspective, flipud and fliplr
// stay as they are in one of them: the livelier is taken. Limits are those of the recipe.
constexpr std::array<Gene, 25> kGenes = {{
    {"lr0", 1, 1e-5, 0.1},
    {"lrf", 1, 0.01, 1},
    {"momentum", 0.3, 0.6, 0.98},
    {"weight_decay", 1, 0, 0.001},
    {"warmup_epochs", 1, 0, 5},
    {"warmup_momentum", 1, 0, 0.95},
    {"warmup_bias_lr", 1, 0, 0.2},
    {"box", 1, 0.02, 0.2},
    {"cls", 1, 0.2, 4},
    {"obj", 1, 0.2, 4},
    {"cls_pw", 1, 0.5, 2},
    {"obj_pw", 1, 0.5, 2},
    {"anchor_t", 1, 2, 8},
    {"hsv_h", 1, 0, 0.1},
    {"hsv_s", 1, 0, 0.9},
    {"hsv_v", 1, 0, 0.9},
    {"degrees", 1, 0, 45},
    {"translate", 1, 0, 0.9},
    {"scale", 1, 0, 0.9},
    {"shear", 1, 0, 10},
    {"perspective", 1, 0, 0.001},
    {"flipud", 1, 0, 1},
    {"fliplr", 1, 0, 1},
    {"mosaic", 1, 0, 1},
    {"mixup", 1, 0, 1},
}};

/// Positions of the fittest, best first.
std::vector<std::size_t> fittest(const std::vector<Generation>& done) {
  std::vector<std::size_t> order(done.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return done[a].fitness() > done[b].fitness();
  });
  order.resize(std::min(order.size(), kParents));
  return order;
}

const Generation& parent(const std::vector<Generation>& done, Rng& rng) {
  const std::vector<std::size_t> order = fittest(done);
  const double least = done[order.back()].fitness();
  double sum = 0;
  for (const std::size_t i : order) sum += done[i].fitness() - least;
  if (!(sum > 0))
    return done[order[static_cast<std::size_t>(rng.below(static_cast<int>(order.size())))]];
  double left = rng.uniform() * sum;
  for (const std::size_t i : order) {
    left -= done[i].fitness() - least;
    if (left < 0) return done[i];
  }
  return done[order.front()];
}

/// A child of `values`: a gene each, null where there is none.
std::vector<double> mutated(std::vector<double> values, std::span<const Gene* const> genes,
                            Rng& rng) {
  const double strength = kStrength * rng.uniform();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Gene* gene = genes[i];
    if (gene == nullptr) continue;
    const bool changes = rng.chance(kChance);
    const double normal = rng.normal();
    const double factor = changes ? std::clamp(1 + gene->gain * strength * normal, 0.3, 3.0) : 1;
    const double value = std::clamp(values[i] * factor, gene->low, gene->high);
    values[i] = std::round(value * kDecimals) / kDecimals;
  }
  return values;
}

// -- reading ----------------------------------------------------------------------------------

/// Columns are compared by name, since a value under another name would train on.
void check_columns(std::string_view line, const std::vector<std::string>& names) {
  std::vector<std::string_view> expected = split(kScores, ',');
  expected.insert(expected.end(), names.begin(), names.end());
  const std::vector<std::string_view> found = split(line, ',');
  for (std::size_t i = 0; i < std::max(expected.size(), found.size()); ++i) {
    const std::string_view one = i < expected.size() ? expected[i] : "the end of the line";
    const std::string_view other = i < found.size() ? found[i] : "the end of the line";
    require(one == other, "column {}: expected {}, found \"{}\"", i + 1, one, printable(other, 40));
  }
}

Generation read_generation(std::string_view line, std::size_t number,
                           const std::vector<std::string>& names) {
  const std::vector<std::string_view> parts = split(line, ',');
  require(parts.size() == kScoreCount + names.size(), "expected {} values, found {}",
          kScoreCount + names.size(), parts.size());
  const auto score = [&](std::size_t column) {
    const std::optional<double> value = parse_real(parts[column]);
    require(value && *value >= 0 && *value <= 1,
            "column {}: expected a number from 0 to 1, found "
            "\"{}\"",
            column + 1, printable(parts[column], 40));
    return *value;
  };
  const std::optional<std::int64_t> found = parse_int(parts[0]);
  require(found && *found == static_cast<std::int64_t>(number),
          "expected generation {}, found \"{}\"", number, printable(parts[0], 40));
  Generation row{score(1), score(2), score(3), score(4), {}};
  const double fitness = score(5);
  require(std::abs(fitness - row.fitness()) < 1e-5,
          "expected fitness {:.5f} (0.1 AP50 + 0.9 AP), found {}", row.fitness(), fitness);
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::optional<double> value = parse_real(parts[kScoreCount + i]);
    require(value.has_value(), "{}: expected a number, found \"{}\"", names[i],
            printable(parts[kScoreCount + i], 40));
    row.values.push_back(*value);
  }
  return row;
}

}  // namespace

std::size_t Evolution::best() const {
  SYOLO_ASSERT(!done.empty(), "the best of some generations");
  return fittest(done).front();
}

const Gene* find_gene(std::string_view name) {
  const auto found = std::find_if(kGenes.begin(), kGenes.end(),
                                  [&](const Gene& gene) { return gene.name == name; });
  return found == kGenes.end() ? nullptr : &*found;
}

std::vector<double> next_generation(const Evolution& evolution, std::uint64_t seed) {
  const std::vector<Generation>& done = evolution.done;
  SYOLO_ASSERT(!done.empty(), "a generation to start from");
  std::vector<const Gene*> genes;
  for (const std::string& name : evolution.names) genes.push_back(find_gene(name));
  Rng rng(seed, Stream::search, done.size() + 1);
  const std::vector<double>& values = parent(done, rng).values;
  for (int i = 0; i < kTries; ++i) {
    std::vector<double> child = mutated(values, genes, rng);
    const auto same = [&](const Generation& one) { return one.values == child; };
    if (std::none_of(done.begin(), done.end(), same)) return child;
  }
  throw Error(ErrorKind::input, "expected hyper-parameters that can change, found none");
}

std::string evolution_csv(const Evolution& evolution) {
  std::string text(kScores);
  for (const std::string& name : evolution.names) text += "," + name;
  text += "\n";
  for (std::size_t i = 0; i < evolution.done.size(); ++i) {
    const Generation& row = evolution.done[i];
    text += format("{},{},{},{},{},{:.5f}", i + 1, row.precision, row.recall, row.ap50, row.ap,
                   row.fitness());
    for (const double value : row.values) text += format(",{}", value);
    text += "\n";
  }
  return text;
}

Evolution read_evolution(std::string_view text, const std::string& file,
                         std::vector<std::string> names) {
  Evolution evolution{std::move(names), {}};
  int number = 0;
  for (const std::string_view line : lines(text)) {
    with_where({.file = file, .line = ++number, .item = {}}, [&] {
      if (number == 1) return check_columns(line, evolution.names);
      evolution.done.push_back(read_generation(line, evolution.done.size() + 1, evolution.names));
    });
  }
  with_where({.file = file, .line = std::max(number, 1), .item = {}},
             [&] { require(text.ends_with('\n'), "expected a whole line, found its beginning"); });
  return evolution;
}

Sheet sheet_of(const Evolution& evolution) {
  constexpr Color kBlue = {38, 98, 166}, kRed = {192, 60, 43}, kGrey = {150, 160, 172};
  const std::vector<Generation>& done = evolution.done;
  SYOLO_ASSERT(!done.empty(), "generations to draw");
  const std::size_t best = evolution.best();
  const auto panel = [&](const std::string& title, const auto& x_of) {
    Series all{"", {}, kBlue, 5, true}, chosen{"", {{x_of(best), done[best].fitness()}}, kRed, 7};
    for (std::size_t i = 0; i < done.size(); ++i)
      all.points.push_back({x_of(i), done[i].fitness()});
    return Panel{title, {chosen, all}};  // the last is drawn first
  };
  std::vector<Panel> panels = {
      panel("fitness by generation", [](std::size_t i) { return static_cast<double>(i + 1); })};
  Series so_far{"", {}, kGrey, 2};
  double most = 0;
  for (std::size_t i = 0; i < done.size(); ++i) {
    most = std::max(most, done[i].fitness());
    so_far.points.push_back({static_cast<double>(i + 1), most});
  }
  panels[0].series.push_back(so_far);
  for (std::size_t name = 0; name < evolution.names.size(); ++name) {
    const auto value = [&](std::size_t i) { return done[i].values[name]; };
    bool several = false;
    for (std::size_t i = 1; i < done.size(); ++i) several = several || value(i) != value(0);
    if (several) panels.push_back(panel(evolution.names[name], value));
  }
  return sheet_of(format("fitness (0.1 AP50 + 0.9 AP) of {} generations; red: the best, {}",
                         done.size(), best + 1),
                  panels, 4);
}

}  // namespace syolo
