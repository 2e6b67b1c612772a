// The zoo: every network of the family by name, and what others have published about it.
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "syolo/zoo/recipe.h"

namespace syolo {

/// Figures of the published network at its own input size. Zero or empty where none is known.
struct Published {
  std::int64_t parameters = 0;     // counted in the published cfg (docs/scaling.md)
  double gflops = 0;               // convolutions, 2 per MAC
  std::string_view accuracy = {};  // "AP 51.6, AP50 70.0 at 896"
  std::string_view source = {};    // who published it
};

struct ZooModel {
  std::string_view name, what;
  Recipe (*recipe)();
  Published published = {};
};

std::span<const ZooModel> zoo_models();
const ZooModel* find_zoo_model(std::string_view name);     // null if unknown
std::string_view nearest_zoo_name(std::string_view name);  // empty when none is near
/// The recipe of a name. @throws Error(usage) with the nearest name
Recipe recipe(std::string_view name);

}  // namespace syolo
