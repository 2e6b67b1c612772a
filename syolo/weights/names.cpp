// Class names: one per line, as many as the network has classes.

#include <algorithm>

#include "syolo/base/text.h"
#include "syolo/weights/model_impl.h"

namespace syolo {

std::vector<std::string> parse_names(std::string_view text, const std::string& file) {
  // Odd bytes in a name are the user's affair; another kind of file is not.
  const FileKind kind = sniff(std::as_bytes(std::span(text.data(), text.size())));
  const bool plausible = kind == FileKind::names || kind == FileKind::text ||
                         kind == FileKind::empty || kind == FileKind::binary;
  if (!plausible || text.find('\0') != std::string_view::npos) {
    throw Error(ErrorKind::input, format("this looks like {}, expected class names", name_of(kind)),
                {.file = file}, "a names file holds one name per line");
  }
  std::vector<std::string_view> rows = lines(text);
  for (std::string_view& row : rows) row = trim(row);
  while (!rows.empty() && rows.back().empty()) rows.pop_back();
  const auto blank = std::find(rows.begin(), rows.end(), std::string_view());
  if (blank != rows.end()) {
    throw Error(ErrorKind::input, "expected a class name, found an empty line",
                {.file = file, .line = static_cast<int>(blank - rows.begin()) + 1},
                "names count from the first line on; an empty line would shift those behind it");
  }
  return {rows.begin(), rows.end()};
}

std::vector<std::string> read_names(const Path& path, const Limits& limits) {
  return parse_names(read_text(path, limits.text_bytes * 64), path.string());
}

namespace weights {

std::vector<std::string> fitted_names(std::vector<std::string> names, int classes,
                                      NamesMismatch mismatch, const std::string& file,
                                      Findings& findings) {
  const auto wanted = static_cast<std::size_t>(classes);
  const std::size_t found = names.size();
  if (classes == 0 || found == wanted) return names;
  if (!file.empty() && mismatch == NamesMismatch::error) {
    throw Error(ErrorKind::input,
                format("expected {} class names for this network, found {}", classes, found),
                {.file = file}, "--names-mismatch=number prints the odd classes as numbers");
  }
  if (!file.empty()) {
    findings.push_back(
        {Severity::warning,
         "names-mismatch",
         {.file = file},
         format("{} names for {} classes: the odd ones are numbers", found, classes)});
  }
  names.resize(wanted);
  for (std::size_t i = std::min(found, wanted); i < wanted; ++i) names[i] = format("{}", i);
  return names;
}

}  // namespace weights
}  // namespace syolo
