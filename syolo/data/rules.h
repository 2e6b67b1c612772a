// What can be wrong with a dataset: each rule has an id that reports and filters use, a severity,
// and what the readers do about it. Readers and lint speak only through these rows.
#pragma once

#include <span>

#include "syolo/base/error.h"

namespace syolo {

struct Rule {
  std::string_view id;
  Severity severity;
  std::string_view action;   // of the readers: "kept", "left out", "clipped", ...
  std::string_view meaning;  // one line for people
};

/// Every rule, in the order in which reports list them.
std::span<const Rule> data_rules();
const Rule* find_rule(std::string_view id);   // null when there is none
const Rule& rule_of(const Finding& finding);  // every finding has one

/// A finding of one rule; @throws Error(internal) when no rule has this id.
Finding found(std::string_view rule, Where where, std::string text);

}  // namespace syolo
