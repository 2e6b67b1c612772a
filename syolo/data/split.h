// Divides a dataset into parts that resemble each other, the same for the same seed.
#pragma once

#include <array>

#include "syolo/data/formats.h"

namespace syolo {

/// What must not be torn apart: nothing; pictures whose names differ only in their last number
/// (frames of one video, shots of one series); pictures of one folder.
enum class Grouping { none, prefix, folder };

struct SplitOptions {
  std::array<double, 3> shares = {0.8, 0.2, 0};  // train, val, test
  Grouping grouping = Grouping::none;
  std::uint64_t seed = 0;
};

/// Every class gets its share of boxes in every part as nearly as whole groups allow, rare classes
/// first (iterative stratification: Sechidis et al., ECML 2011). Parts with share 0 are left out;
/// items keep their order.
/// @throws Error(usage) unless the shares are 0 or more and one is above 0
std::vector<Part> split_dataset(Dataset dataset, const SplitOptions& options);

/// The group of a picture.
std::string group_of(const Path& image, Grouping grouping);

}  // namespace syolo
