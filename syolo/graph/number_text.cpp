#include "syolo/graph/number_text.h"

#include <charconv>

namespace syolo {

std::string shortest(float value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

std::string anchor_list(std::span<const Anchor> anchors) {
  std::string out;
  for (const Anchor& a : anchors) {
    out += (out.empty() ? "" : ", ") + shortest(a.w) + "," + shortest(a.h);
  }
  return out;
}

}  // namespace syolo
