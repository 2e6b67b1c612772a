// What the ways to load a model share.
#pragma once

#include <string>
#include <vector>

#include "syolo/weights/model.h"

namespace syolo::weights {

/// One name per class. No `file`: numbers. Another count than `classes` (unless that is 0) is an
/// error; under NamesMismatch::number surplus names are dropped, missing ones are numbers, and a
/// finding says so.
std::vector<std::string> fitted_names(std::vector<std::string> names, int classes,
                                      NamesMismatch mismatch, const std::string& file,
                                      Findings& findings);

}  // namespace syolo::weights
