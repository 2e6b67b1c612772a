#include "syolo/data/lint.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <map>
#include <mutex>
#include <set>
#include <tuple>
#include <unordered_map>

#include "syolo/base/parallel.h"
#include "syolo/boxes/iou.h"
#include "syolo/data/formats/formats_impl.h"
#include "syolo/data/lint_pictures_impl.h"

namespace syolo {
namespace {

namespace fs = std::filesystem;
using data::PictureFacts;

constexpr double kMostEmpty = 0.3;

struct Entry {
  const Item* item;
  Split split;
};

std::string file_of(const Item& item) {
  return item.label.empty() ? item.image.string() : item.label.string();
}

class Linter {
 public:
  Linter(std::span<const Part> parts, const LintOptions& options, const Limits& limits) :
      parts_(parts), options_(options), limits_(limits) {
    for (const Part& part : parts) {
      for (const Item& item : part.data.items) entries_.push_back({&item, part.split});
    }
  }

  LintReport run();

 private:
  void say(std::string_view rule, Where where, std::string text) {
    report_.findings.push_back(found(rule, std::move(where), std::move(text)));
  }
  void look_at_pictures();
  void compare_pictures();
  void compare_near();
  void near_pair(std::size_t a, std::size_t b);
  void check_boxes(const Item& item);
  void check_pair(const Item& item, const Truth& a, const Truth& b);
  void check_size(const Item& item, const Truth& truth);
  void check_repeated();
  void check_classes();
  void check_parts();
  void check_orphans();
  void check_names();

  std::span<const Part> parts_;
  const LintOptions& options_;
  const Limits& limits_;
  std::vector<Entry> entries_;
  std::vector<PictureFacts> facts_;
  LintReport report_;
};

void Linter::look_at_pictures() {
  facts_.resize(entries_.size());
  std::atomic<std::int64_t> done{0};
  std::mutex mutex;
  for_each_parallel(entries_.size(), options_.threads, [&](std::size_t i, std::size_t) {
    facts_[i] = data::look_at(*entries_[i].item, limits_);
    const std::int64_t count = ++done;
    if (!options_.progress) return;
    const std::scoped_lock lock(mutex);
    options_.progress(count, static_cast<std::int64_t>(entries_.size()));
  });
  for (PictureFacts& facts : facts_)
    data::add_findings(report_.findings, std::move(facts.findings));
}

bool apart(Split a, Split b) {
  return a != b && a != Split::all && b != Split::all;
}

void Linter::compare_pictures() {
  std::unordered_map<std::uint64_t, std::size_t> first;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (!facts_[i].decoded) continue;
    const auto [at, is_new] = first.emplace(facts_[i].bytes_hash, i);
    if (is_new) continue;
    const Entry &here = entries_[i], &other = entries_[at->second];
    const bool leak = apart(here.split, other.split);
    if (!leak && here.item->image == other.item->image) continue;
    if (here.item->cls != other.item->cls) {
      say("picture-two-classes", {.file = here.item->image.string()},
          format("the same picture as {}, of another class", other.item->image.string()));
      continue;
    }
    say(leak ? "split-leak" : "image-duplicate", {.file = here.item->image.string()},
        format("the same picture as {}{}", other.item->image.string(),
               leak ? format(" of {}", word(other.split)) : std::string()));
  }
}

void Linter::near_pair(std::size_t a, std::size_t b) {
  if (facts_[a].bytes_hash == facts_[b].bytes_hash) return;  // told as a leak
  if (!data::near(facts_[a], facts_[b], options_.near_bits)) return;
  say("split-near", {.file = entries_[b].item->image.string()},
      format("nearly the same picture as {} of {}", entries_[a].item->image.string(),
             word(entries_[a].split)));
}

/// Hashes that differ in up to 3 bits share one of four 16-bit pieces; only those are compared, and
/// only with other parts. Equal files of a part stand for each other.
void Linter::compare_near() {
  constexpr std::size_t kPieces = 4;
  using Buckets = std::array<std::vector<std::size_t>, 3>;  // by part
  std::array<std::unordered_map<std::uint64_t, Buckets>, kPieces> index;
  std::set<std::pair<Split, std::uint64_t>> known;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Split split = entries_[i].split;
    if (!facts_[i].decoded || split == Split::all) continue;
    const auto own = static_cast<std::size_t>(split);
    const bool is_new = known.emplace(split, facts_[i].bytes_hash).second;
    std::set<std::size_t> met;
    for (std::size_t p = 0; p < kPieces; ++p) {
      Buckets& buckets = index[p][facts_[i].perceptual >> (16 * p) & 0xFFFF];
      for (std::size_t part = 0; part < buckets.size(); ++part) {
        if (part != own) met.insert(buckets[part].begin(), buckets[part].end());
      }
      if (is_new) buckets[own].push_back(i);
    }
    for (const std::size_t other : met) near_pair(other, i);
  }
}

void Linter::check_pair(const Item& item, const Truth& a, const Truth& b) {
  const Where where = {.file = file_of(item), .line = b.line};
  if (a.crowd || b.crowd || iou(to_box(a.box), to_box(b.box)) < 0.99) return;
  if (a.cls == b.cls) {
    say("box-duplicate", where, format("the same box as line {}", a.line));
  } else {
    say("box-two-classes", where, format("the same box as line {} with another class", a.line));
  }
}

void Linter::check_size(const Item& item, const Truth& truth) {
  const double scale = std::min(options_.input.width / static_cast<double>(item.size.width),
                                options_.input.height / static_cast<double>(item.size.height));
  const double w = truth.box.w * scale, h = truth.box.h * scale;
  const Where where = {.file = file_of(item), .line = truth.line};
  if (std::max(w, h) < options_.finest_stride) {
    say("box-below-cell", where,
        format("{:.1f}x{:.1f} pixels at {}x{}, below one cell of {}", w, h, options_.input.width,
               options_.input.height, options_.finest_stride));
  }
  if (options_.anchors.empty() || w <= 0 || h <= 0) return;
  double best = 1e300;
  for (const Anchor& anchor : options_.anchors) {
    best = std::min(best, std::max({w / anchor.w, anchor.w / w, h / anchor.h, anchor.h / h}));
  }
  if (best >= options_.anchor_t) {
    say("box-unmatched", where,
        format("{:.1f}x{:.1f} pixels at {}x{}: the nearest anchor differs {:.1f} times", w, h,
               options_.input.width, options_.input.height, best));
  }
}

void Linter::check_boxes(const Item& item) {
  report_.boxes += static_cast<std::int64_t>(item.truths.size());
  // Sorted by x, only neighbours can be equal; the comparison stays near linear.
  std::vector<const Truth*> sorted;
  for (const Truth& truth : item.truths) sorted.push_back(&truth);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Truth* a, const Truth* b) { return a->box.x < b->box.x; });
  constexpr std::size_t kNeighbours = 8;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const double reach = 0.02 * std::max(sorted[i]->box.w, 1.0);
    for (std::size_t j = i + 1; j < std::min(sorted.size(), i + 1 + kNeighbours); ++j) {
      if (sorted[j]->box.x > sorted[i]->box.x + reach) break;
      const bool ordered = sorted[i]->line <= sorted[j]->line;
      check_pair(item, ordered ? *sorted[i] : *sorted[j], ordered ? *sorted[j] : *sorted[i]);
    }
  }
  if (item.size == Size{}) return;
  for (const Truth& truth : item.truths) check_size(item, truth);
}

void Linter::check_repeated() {
  using Key = std::tuple<int, std::int64_t, std::int64_t, std::int64_t, std::int64_t>;
  struct Place {
    std::int64_t pictures = 0;
    const Item* item = nullptr;
    const Item* last = nullptr;
    int line = 0;
  };
  std::map<Key, Place> places;
  for (const Entry& entry : entries_) {
    const Item& item = *entry.item;
    if (item.size == Size{}) continue;
    const auto relative = [](double value, int side) { return std::llround(1e5 * value / side); };
    for (const Truth& truth : item.truths) {
      const BoxXywh& b = truth.box;
      if (b.w >= item.size.width && b.h >= item.size.height) continue;  // whole pictures
      Place& place =
          places[{truth.cls, relative(b.x, item.size.width), relative(b.y, item.size.height),
                  relative(b.w, item.size.width), relative(b.h, item.size.height)}];
      if (place.last == &item) continue;
      if (place.pictures++ == 0) place.item = &item, place.line = truth.line;
      place.last = &item;
    }
  }
  for (const auto& [key, place] : places) {
    if (place.pictures < options_.repeated) continue;
    say("box-repeated", {.file = file_of(*place.item), .line = place.line},
        format("the very same box in {} pictures", grouped(place.pictures)));
  }
}

void Linter::check_classes() {
  if (parts_.empty()) return;
  const std::vector<std::string>& names = parts_.front().data.names;
  std::vector<std::int64_t> counts(names.size());
  for (const Entry& entry : entries_) {
    for (const Truth& truth : entry.item->truths) ++counts[static_cast<std::size_t>(truth.cls)];
    if (entry.item->cls >= 0) ++counts[static_cast<std::size_t>(entry.item->cls)];
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (counts[i] == 0) {
      say("class-unused", {}, format("class {} \"{}\" is not used", i, printable(names[i])));
    }
  }
}

void Linter::check_parts() {
  for (const Part& part : parts_) {
    if (!part.data.items.empty() && part.data.items[0].cls >= 0) continue;  // no boxes meant
    std::int64_t boxes = 0, unlabelled = 0;
    for (const Item& item : part.data.items) {
      boxes += static_cast<std::int64_t>(item.truths.size());
      unlabelled += item.truths.empty() ? 1 : 0;
    }
    const auto pictures = static_cast<double>(part.data.items.size());
    if (boxes == 0) {
      say("no-boxes", {}, format("the part {} has no usable box", word(part.split)));
    } else if (static_cast<double>(unlabelled) > kMostEmpty * pictures) {
      say("many-empty", {},
          format("{} of {} pictures of the part {} have no box", unlabelled, part.data.items.size(),
                 word(part.split)));
    }
  }
}

/// A label row, and no list, name or note that happens to lie there.
bool looks_like_labels(const Path& path) {
  if (path.extension() == ".xml") return true;
  Findings ignored;
  const std::string head = data::head_of(path, 4096);
  return !parse_yolo_labels(head.substr(0, head.find_last_of('\n')), {}, -1, ignored).empty();
}

void Linter::check_orphans() {
  std::set<Path> folders, stems;  // stems of pictures, without folders
  std::set<Path> picture_folders;
  for (const Entry& entry : entries_) {
    if (entry.item->label.empty()) continue;
    folders.insert(entry.item->label.parent_path());
    picture_folders.insert(entry.item->image.parent_path());
    stems.insert(entry.item->image.stem());
  }
  std::error_code error;
  for (const Path& folder : picture_folders) {
    fs::directory_iterator it(folder.empty() ? "." : folder, error);
    for (; !error && it != fs::directory_iterator(); it.increment(error)) {
      if (data::is_picture_name(it->path())) stems.insert(it->path().stem());
    }
  }
  for (const Path& folder : folders) {
    std::vector<Path> orphans;
    fs::directory_iterator it(folder.empty() ? "." : folder, error);
    for (; !error && it != fs::directory_iterator(); it.increment(error)) {
      const Path& path = it->path();
      const bool label = path.extension() == ".txt" || path.extension() == ".xml";
      if (label && !stems.contains(path.stem()) && looks_like_labels(path)) orphans.push_back(path);
    }
    std::sort(orphans.begin(), orphans.end());
    for (const Path& path : orphans)
      say("label-orphan", {.file = path.string()}, "no picture of this name");
  }
}

/// classes.txt of label tools against the dataset's own names.
void Linter::check_names() {
  if (parts_.empty()) return;
  const std::vector<std::string>& names = parts_.front().data.names;
  std::set<Path> folders;
  for (const Entry& entry : entries_) folders.insert(entry.item->label.parent_path());
  for (const Path& folder : folders) {
    const Path file = folder / "classes.txt";
    std::error_code error;
    if (!fs::is_regular_file(file, error)) continue;
    std::vector<std::string> others = data::read_class_names(file, limits_);
    if (others == names) continue;
    std::vector<std::string> a = names, b = others;
    std::sort(a.begin(), a.end());
    std::sort(b.begin(), b.end());
    say(a == b ? "class-permuted" : "class-names", {.file = file.string()},
        format("{} names here, {} in the dataset", others.size(), names.size()));
  }
}

LintReport Linter::run() {
  for (const Part& part : parts_) {
    for (const Finding& finding : part.data.findings) report_.findings.push_back(finding);
  }
  report_.pictures = static_cast<std::int64_t>(entries_.size());
  look_at_pictures();
  compare_pictures();
  compare_near();
  for (const Entry& entry : entries_) check_boxes(*entry.item);
  check_repeated();
  check_classes();
  check_parts();
  check_orphans();
  check_names();
  // One list may serve as two parts; what it holds is told once.
  std::set<std::tuple<std::string_view, std::string, int, std::string>> told;
  std::erase_if(report_.findings, [&](const Finding& f) {
    return !told.emplace(f.rule, f.where.file, f.where.line, f.text).second;
  });
  return std::move(report_);
}

}  // namespace

std::int64_t LintReport::count(Severity severity) const {
  return std::count_if(findings.begin(), findings.end(),
                       [severity](const Finding& f) { return f.severity == severity; });
}

LintReport lint(std::span<const Part> parts, const LintOptions& options, const Limits& limits) {
  return Linter(parts, options, limits).run();
}

std::vector<Part> corrected(std::vector<Part> parts, const LintReport& report) {
  std::set<std::string> damaged;
  std::set<std::pair<std::string, int>> repeated;
  for (const Finding& finding : report.findings) {
    if (finding.rule == "image-damaged" || finding.rule == "image-huge") {
      damaged.insert(finding.where.file);
    }
    if (finding.rule == "box-duplicate") repeated.emplace(finding.where.file, finding.where.line);
  }
  for (Part& part : parts) {
    std::erase_if(part.data.items,
                  [&](const Item& item) { return damaged.contains(item.image.string()); });
    for (Item& item : part.data.items) {
      std::erase_if(item.truths, [&](const Truth& truth) {
        return truth.line > 0 && repeated.contains({file_of(item), truth.line});
      });
    }
  }
  return parts;
}

}  // namespace syolo
