#include "app/cli/json.h"

#include <array>
#include <charconv>
#include <cmath>

namespace syolo::cli {

std::string compact(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string document(const Json& json) {
  if (!json.is_object() || json.empty()) return compact(json) + "\n";
  std::string out = "{";
  const char* comma = "\n";
  for (const auto& [key, value] : json.items()) {
    out += comma + std::string("  ") + compact(key) + ": ";
    comma = ",\n";
    if (!value.is_array() || value.empty() || !value.front().is_object()) {
      out += compact(value);
      continue;
    }
    const char* between = "[\n";
    for (const Json& item : value) {
      out += between + std::string("    ") + compact(item);
      between = ",\n";
    }
    out += "\n  ]";
  }
  return out + "\n}\n";
}

double shortest(float value) {
  if (!std::isfinite(value)) return static_cast<double>(value);
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  double out = 0;
  std::from_chars(text.data(), end, out);
  return out;
}

double rounded(double value, int decimals) {
  const double scale = std::pow(10.0, decimals);
  return std::round(value * scale) / scale;
}

}  // namespace syolo::cli
