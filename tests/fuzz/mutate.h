// Deterministic mutations of stored inputs, for builds without a fuzzing engine.
#pragma once

#include <string>
#include <vector>

#include "syolo/base/rng.h"

namespace syolo::fuzz {

/// One to four edits of a seed: bytes and numbers changed, pieces cut, doubled, moved or taken
/// from another seed, lines dropped and reordered, numbers written as their worst values.
std::string mutated(const std::vector<std::string>& seeds, Rng& rng);

}  // namespace syolo::fuzz
