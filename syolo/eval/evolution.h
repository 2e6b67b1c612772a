// A genetic search of hyper-parameters: which values to try next, from what average precision said
// of those before. Trains nothing; knows hyper-parameters by their names in ScaledYOLOv4's files.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/eval/plot.h"

namespace syolo {

/// A finished training: its last epoch and the values that it was made with.
struct Generation {
  double precision = 0, recall = 0, ap50 = 0, ap = 0;  // 0..1
  std::vector<double> values;                          // in the order of Evolution::names
  double fitness() const { return 0.1 * ap50 + 0.9 * ap; }
};

struct Evolution {
  std::vector<std::string> names;  // of hyper-parameters, mutated or not
  std::vector<Generation> done;    // generation 1 first
  /// Position of the fittest; the first of equals. `done` is not empty.
  std::size_t best() const;
};

/// Of a hyper-parameter that is mutated: the strength, and where children lie. Null for others.
struct Gene {
  std::string_view name;
  double gain, low, high;
};
const Gene* find_gene(std::string_view name);

/// The values of the next generation: those of one of the five fittest, drawn with weight fitness
/// minus the least of the five, each times clip(1 + 0.2 gain u N(0, 1), 0.3, 3) with probability
/// 0.8, u uniform in 0..1 and common to all; clamped to the gene's limits, rounded to 5 decimals
/// and drawn again until no generation had them. Names without a gene stay as they are.
/// Depends on `seed`, the number of generations done and their rows alone.
/// @throws Error(input) when no value can change: there are no genes, or all values are 0
std::vector<double> next_generation(const Evolution& evolution, std::uint64_t seed);

/// "generation,P,R,AP50,AP,fitness,lr0,...": numbers as short as can be, so that they read equal.
std::string evolution_csv(const Evolution& evolution);
/// @param names  what the columns behind fitness must be called
/// @throws Error(input) with file and line for other columns, numbers or generations
Evolution read_evolution(std::string_view text, const std::string& file,
                         std::vector<std::string> names);

/// Fitness by generation, then against each hyper-parameter that had several values; the best red.
Sheet sheet_of(const Evolution& evolution);

}  // namespace syolo
