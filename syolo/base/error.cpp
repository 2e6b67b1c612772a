#include "syolo/base/error.h"

namespace syolo {
namespace {

std::string message(const std::string& text, const Where& where, const std::string& hint) {
  std::string out = to_text(where);
  if (!out.empty()) out += "\n  ";
  out += text;
  if (!hint.empty()) out += "\n  " + hint;
  return out;
}

}  // namespace

std::string to_text(const Where& where) {
  std::string out = printable(where.file, 4096);
  if (where.line > 0) out += format(":{}", where.line);
  if (where.byte >= 0) out += format("@{}", where.byte);
  if (!where.item.empty()) out += (out.empty() ? "" : ": ") + where.item;
  return out;
}

Error::Error(ErrorKind kind, std::string text, Where where, std::string hint) :
    std::runtime_error(message(text, where, hint)), kind_(kind), text_(std::move(text)),
    where_(std::move(where)), hint_(std::move(hint)) {}

std::string_view word(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::error:
      return "error";
  }
  SYOLO_ASSERT(false, "unknown severity");
}

std::string to_text(const Finding& finding) {
  const std::string place = to_text(finding.where);
  return format("{}{}{}: {}", place, place.empty() ? "" : ": ", word(finding.severity),
                finding.text);
}

void rethrow_at(const Error& error, const Where& where) {
  Where merged = error.where();
  if (merged.file.empty()) merged.file = where.file;
  if (merged.line == 0 && merged.byte < 0) {
    merged.line = where.line;
    merged.byte = where.byte;
  }
  if (merged.item.empty()) merged.item = where.item;
  throw Error(error.kind(), error.text(), std::move(merged), std::string(error.hint()));
}

void assertion_failed(std::string_view text, std::string_view file, int line) {
  const auto folder = file.rfind("syolo/");
  throw Error(ErrorKind::internal,
              format("a promise of the program's own code does not hold: {} ({}:{})", text,
                     folder == std::string_view::npos ? file : file.substr(folder), line),
              {}, "this is a bug of syolo; please report it with the command that shows it");
}

}  // namespace syolo
