// The one JSON writer. Text that is no UTF-8 is repaired instead of breaking the document.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace syolo::cli {

using Json = nlohmann::ordered_json;

/// One line.
std::string compact(const Json& json);
/// An object with one key per line, arrays of objects with one object per line; ends with a
/// newline.
std::string document(const Json& json);
/// The double whose shortest form is the shortest form of the float: 0.9F -> 0.9.
double shortest(float value);
double rounded(double value, int decimals);

}  // namespace syolo::cli
