#include "app/cli/datasets.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "syolo/data/rules.h"

namespace syolo::cli {

std::int64_t boxes_in(const Dataset& dataset) {
  std::int64_t boxes = 0;
  for (const Item& item : dataset.items) boxes += static_cast<std::int64_t>(item.truths.size());
  return boxes;
}

std::int64_t pictures_in(const std::vector<Part>& parts) {
  std::int64_t pictures = 0;
  for (const Part& part : parts) pictures += static_cast<std::int64_t>(part.data.items.size());
  return pictures;
}

std::string parts_text(const std::vector<Part>& parts) {
  std::string text;
  for (const Part& part : parts) {
    const auto pictures = static_cast<std::int64_t>(part.data.items.size());
    text +=
        format("{}{} {} pictures", text.empty() ? "" : ", ", word(part.split), grouped(pictures));
    const bool boxes = pictures == 0 || part.data.items.front().cls < 0;
    if (boxes) text += format(" with {} boxes", grouped(boxes_in(part.data)));
  }
  return text;
}

void refuse_unusable(const Dataset& data, double most, const std::string& path) {
  const Finding* first = nullptr;
  std::size_t lost = 0;
  for (const Finding& finding : data.findings) {
    if (!finding.rule.starts_with("image-") || rule_of(finding).action != "left out") continue;
    if (lost++ == 0) first = &finding;
  }
  const std::size_t all = lost + data.items.size();
  if (first == nullptr || static_cast<double>(lost) <= most * static_cast<double>(all)) return;
  throw Error(
      ErrorKind::data_refused,
      format("expected at most {:.3g} % of the pictures to be left out, found {} of {} (the "
             "first: {})",
             100 * most, lost, all, to_text(*first)),
      {.file = path, .item = {}},
      "syolo lint names them all; --max-unusable 1 trains on the others");
}

Json parts_json(const std::vector<Part>& parts) {
  Json counts = Json::object();
  for (const Part& part : parts) {
    counts[std::string(word(part.split))] = {{"pictures", part.data.items.size()},
                                             {"boxes", boxes_in(part.data)}};
  }
  return counts;
}

void report(const Findings& findings, Console& out, std::size_t most_per_rule) {
  std::map<std::string_view, std::size_t> counts;
  for (const Finding& finding : findings) {
    if (++counts[finding.rule] > most_per_rule) continue;
    const std::string line = to_text(finding);
    if (finding.severity == Severity::note) {
      out.note(line);
    } else {
      out.warn(line);
    }
  }
  for (const auto& [id, count] : counts) {
    if (count <= most_per_rule) continue;
    const Rule* rule = find_rule(id);
    out.warn(format("{} more of {}{}{}", grouped(static_cast<std::int64_t>(count - most_per_rule)),
                    id, rule != nullptr ? ": " : "", rule != nullptr ? rule->meaning : ""));
  }
}

void refuse_inside(const std::string& out, const std::string& dataset) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(dataset, error)) return;  // the folders of its pictures are looked at later
  const fs::path a = fs::weakly_canonical(out, error), b = fs::weakly_canonical(dataset, error);
  if (std::mismatch(b.begin(), b.end(), a.begin(), a.end()).first != b.end()) return;
  throw Error(ErrorKind::usage, "expected a folder outside the dataset, found one inside it",
              {.file = out, .item = "--out"}, "a dataset is only read");
}

ReadProgress reading(Console& out) {
  return [&out](std::int64_t done, std::int64_t total, std::string_view what) {
    if (what == "bytes") {
      out.progress(done / 1'000'000, total / 1'000'000, "MB");
    } else {
      out.progress(done, total, what);
    }
  };
}

std::vector<Part> load_parts_for(const std::string& path, Console& out) {
  const DatasetFormat& form = dataset_format(path);
  std::vector<Part> parts = load_parts(path, {}, reading(out));
  out.end_progress();
  for (const Part& part : parts) report(part.data.findings, out);
  out.note(format("{}: {}; {}; {} classes", printable(path), form.name, parts_text(parts),
                  parts.empty() ? 0 : parts.front().data.names.size()));
  return parts;
}

Dataset load_part_for(const std::string& path, Split split, Console& out, PicturesNeeded needed) {
  if (split == Split::all) return joined(load_parts_for(path, out));
  Dataset data = load_dataset(path, split, {}, reading(out));
  out.end_progress();
  Findings shown;
  for (const Finding& finding : data.findings) {
    const bool of_picture = finding.rule.starts_with("image-");
    if (needed == PicturesNeeded::yes || !of_picture) shown.push_back(finding);
  }
  report(shown, out);
  return data;
}

}  // namespace syolo::cli
