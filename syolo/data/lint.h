// The faults of a dataset: what reading it found, and what only looking at all of it can find.
// Never writes into a dataset. Rules: rules.h.
#pragma once

#include <functional>
#include <map>

#include "syolo/data/formats.h"
#include "syolo/graph/head.h"
#include "syolo/image/image.h"

namespace syolo {

struct LintOptions {
  Size input = {640, 640};      // of the network, for sizes after letterboxing
  int finest_stride = 8;        // pixels of the finest level's cell
  std::vector<Anchor> anchors;  // in input pixels; empty: box-unmatched is not asked
  double anchor_t = 4;          // greatest ratio of sides at which an anchor matches
  int repeated = 100;           // this many equal boxes are no chance
  int near_bits = 3;            // of 64: perceptual hashes that differ in no more are near
  int threads = 0;
  std::function<void(std::int64_t done, std::int64_t total)> progress = {};
};

struct LintReport {
  Findings findings;  // in the order of the parts, files and lines
  std::int64_t pictures = 0, boxes = 0;
  std::map<std::size_t, Truth> marks;  // boxes that are no labels, by number of the finding
  std::int64_t count(Severity severity) const;
};

/// Decodes every picture once. Findings of the parts are included.
LintReport lint(std::span<const Part> parts, const LintOptions& options, const Limits& limits = {});

/// The dataset without what the report calls errors: pictures that cannot be decoded and boxes that
/// repeat are left out; what the readers corrected stays corrected.
std::vector<Part> corrected(std::vector<Part> parts, const LintReport& report);

/// The report in SARIF 2.1.0.
std::string lint_sarif(const LintReport& report, std::string_view version);
/// One self-contained page: findings by rule, with pictures, labels drawn, and crops of the boxes
/// in question. At most `most` pictures of each rule.
std::string lint_html(std::span<const Part> parts, const LintReport& report, int most = 12,
                      const Limits& limits = {});

/// A difference hash: 64 comparisons of neighbours in a 9x8 grey copy. Equal for pictures that were
/// resized or compressed again.
std::uint64_t difference_hash(ImageView image);

}  // namespace syolo
