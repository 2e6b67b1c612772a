// Which pictures belong to a dataset, and whether their headers can be read.

#include <unistd.h>

#include <fcntl.h>

#include <algorithm>
#include <cctype>

#include "syolo/data/formats/formats_impl.h"
#include "syolo/image/codec.h"

namespace syolo::data {

namespace fs = std::filesystem;

std::string head_of(const Path& path, std::size_t bytes) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return {};
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string head(bytes, '\0');
  const ssize_t got = ::read(fd, head.data(), head.size());
  ::close(fd);
  head.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return head;
}

void PictureCount::one() {
  if (!progress_) return;
  constexpr std::int64_t kBetweenReports = 64;
  const std::scoped_lock lock(mutex_);
  if (++done_ % kBetweenReports == 0) progress_(done_, total_, "pictures");
}

std::string number_text(double value) {
  return format("{}", value);
}

void add_findings(Findings& to, Findings more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

bool is_picture_name(const Path& path) {
  std::string suffix = path.extension().string();
  std::transform(suffix.begin(), suffix.end(), suffix.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto known = image_suffixes();
  return std::find(known.begin(), known.end(), suffix) != known.end();
}

std::vector<PictureRef> pictures_below(const Path& folder, bool recursive) {
  std::vector<PictureRef> result;
  std::error_code error;
  const auto add = [&result](const fs::directory_entry& entry) {
    std::error_code ignored;  // a name that vanishes meanwhile is no picture
    if (is_picture_name(entry.path()) && !entry.is_directory(ignored)) {
      result.push_back({entry.path(), {}});
    }
  };
  if (recursive) {
    fs::recursive_directory_iterator it(folder, fs::directory_options::skip_permission_denied,
                                        error);
    for (const fs::recursive_directory_iterator end; !error && it != end; it.increment(error)) {
      add(*it);
    }
  } else {
    fs::directory_iterator it(folder, error);
    for (const fs::directory_iterator end; !error && it != end; it.increment(error)) add(*it);
  }
  if (error) {
    throw Error(ErrorKind::io, "cannot list this folder: " + error.message(),
                {.file = folder.string()});
  }
  std::sort(result.begin(), result.end(),
            [](const PictureRef& a, const PictureRef& b) { return a.path < b.path; });
  return result;
}

Path first_existing(const std::vector<Path>& candidates, const Where& asked_by) {
  std::string tried;
  for (const Path& candidate : candidates) {
    std::error_code error;
    if (fs::exists(candidate, error)) return candidate;
    tried += (tried.empty() ? "" : ", ") + candidate.string();
  }
  throw Error(ErrorKind::io, "expected a file or folder, found none of " + printable(tried, 1000),
              asked_by);
}

namespace {

std::string_view unquoted(std::string_view line) {
  line = trim(line);
  const bool quoted = line.size() >= 2 && line.front() == line.back() &&
                      (line.front() == '"' || line.front() == '\'');
  return quoted ? line.substr(1, line.size() - 2) : line;
}

/// Lists written elsewhere keep their old folders: the picture's bare name beside the list is the
/// last candidate.
Path resolve(const Path& entry, const Path& list, const Path& base) {
  const Path beside = list.parent_path();
  std::error_code error;
  for (const Path& candidate : {beside / entry, base / entry, entry, beside / entry.filename()}) {
    if (fs::exists(candidate, error)) return candidate.lexically_normal();
  }
  return (beside / entry).lexically_normal();
}

}  // namespace

std::vector<PictureRef> pictures_of_list(const Path& list, const Path& base, Findings& findings,
                                         const Limits& limits) {
  const std::string text = read_text(list, limits.text_bytes * 64);
  std::vector<PictureRef> result;
  std::set<Path> seen;
  int line = 0;
  for (const std::string_view row : lines(text)) {
    ++line;
    const std::string_view name = unquoted(row);
    if (name.empty()) continue;
    const Where where = {.file = list.string(), .line = line};
    if (name.find('\0') != std::string_view::npos || name.size() > 4096) {
      findings.push_back(found("list-entry", where, "expected a path, found other bytes"));
      continue;
    }
    Path path = resolve(Path(name), list, base);
    if (!seen.insert(path).second) {
      findings.push_back(found("list-repeated", where, "named before: " + printable(name)));
      continue;
    }
    result.push_back({std::move(path), where});
  }
  return result;
}

std::vector<PictureRef> pictures_of(const Path& path, const Path& base, Findings& findings,
                                    const Limits& limits) {
  std::error_code error;
  if (fs::is_directory(path, error)) return pictures_below(path, true);
  return pictures_of_list(path, base, findings, limits);
}

namespace {

bool picture_bytes(std::string_view head) {
  constexpr std::string_view kMagics[] = {"\xFF\xD8", "\x89PNG", "GIF8", "BM", "RIFF", "P1",
                                          "P2",       "P3",      "P4",   "P5", "P6"};
  for (const std::string_view magic : kMagics) {
    if (head.starts_with(magic)) return true;
  }
  return false;
}

}  // namespace

std::optional<Size> picture_size(const Path& path, const Where& listed, Findings& findings,
                                 const Limits& limits) {
  const Where where = {.file = path.string()};
  std::shared_ptr<const MappedFile> file;
  try {
    file = MappedFile::open(path, limits.file_bytes);
    if (file->bytes().empty()) {
      findings.push_back(found("image-empty", where, "expected a picture, found an empty file"));
      return std::nullopt;
    }
    return image_info(file->bytes(), path.string(), limits).size;
  } catch (const Error& error) {
    std::string_view rule = "image-damaged";
    if (!file) {
      rule = "image-missing";
    } else if (error.kind() == ErrorKind::limit) {
      rule = "image-huge";
    } else if (error.kind() == ErrorKind::unsupported || !picture_bytes(file->text())) {
      rule = "image-type";
    }
    std::string text = error.text();
    if (listed.line > 0) text += " (named by " + to_text(listed) + ")";
    findings.push_back(found(rule, where, std::move(text)));
    return std::nullopt;
  }
}

}  // namespace syolo::data
