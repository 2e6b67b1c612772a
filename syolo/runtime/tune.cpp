#include <cmath>

#include "syolo/base/error.h"
#include "syolo/base/rng.h"
#include "syolo/runtime/tune_impl.h"

namespace syolo::runtime {
namespace {

constexpr std::int64_t kMaxBytes = 4 << 20;

std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0;
  for (const char c : text) hash = mix64(hash ^ static_cast<unsigned char>(c));
  return hash;
}

}  // namespace

TuneCache::TuneCache(const Path& folder, const std::string& machine) : machine_(machine) {
  if (folder.empty()) return;
  file_ = folder / format("convolutions-{:016x}.txt", hash_of(machine));
  std::string text;
  try {
    text = read_text(file_, kMaxBytes);
  } catch (const Error&) {
    return;  // no cache yet
  }
  const auto rows = lines(text);
  if (rows.empty() || rows[0] != machine) return;
  for (std::size_t i = 1; i < rows.size(); ++i) {
    const auto fields = split(rows[i], '\t');
    const auto ms = fields.size() == 3 ? parse_real(fields[2]) : std::nullopt;
    if (!ms || *ms < 0) {
      entries_.clear();  // damaged: measured again rather than believed in part
      return;
    }
    entries_[std::string(fields[0])] = {std::string(fields[1]), *ms};
  }
}

std::optional<std::string> TuneCache::find(const std::string& problem) const {
  const auto at = entries_.find(problem);
  if (at == entries_.end()) return std::nullopt;
  return at->second.choice;
}

double TuneCache::milliseconds(const std::string& problem) const {
  const auto at = entries_.find(problem);
  return at == entries_.end() ? 0 : at->second.ms;
}

void TuneCache::set(const std::string& problem, const std::string& choice, double ms) {
  entries_[problem] = {choice, ms};
  changed_ = true;
}

void TuneCache::save() const {
  if (!changed_ || file_.empty()) return;
  std::string text = machine_ + "\n";
  for (const auto& [problem, entry] : entries_) {
    text += format("{}\t{}\t{:.4f}\n", problem, entry.choice, entry.ms);
  }
  try {
    std::filesystem::create_directories(file_.parent_path());
    write_file_atomic(file_, text);
  } catch (const Error&) {
    return;  // a read-only home costs the next run its measurements, nothing more
  } catch (const std::filesystem::filesystem_error&) {
    return;
  }
}

}  // namespace syolo::runtime
