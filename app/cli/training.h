// The training part of the program, opened on first use.
#pragma once

#include "syolo/train/module.h"

namespace syolo::cli {

/// @throws Error(unsupported) when this build has none, with the reason
const TrainModule& training();

}  // namespace syolo::cli
