#include "syolo/train/hints_impl.h"

#include <cmath>

#include "syolo/graph/rewrite.h"

namespace syolo::train {

const std::string* Hints::find(std::string_view key) const {
  const std::string* value = nullptr;  // the last one counts, as everywhere in a section
  for (const auto& [name, text] : keys_) {
    if (name == key) value = &text;
  }
  return value;
}

void Hints::refuse(std::string_view key, std::string_view expected) const {
  Where where = where_;
  where.item += format("{}{}", where.item.empty() ? "" : ": ", key);
  throw Error(ErrorKind::input,
              format("expected {}, found \"{}\"", expected, printable(*find(key))), where);
}

double Hints::real(std::string_view key, double fallback) const {
  const std::string* text = find(key);
  if (text == nullptr) return fallback;
  const auto value = parse_real(trim(*text));
  if (!value) refuse(key, "a number");
  return *value;
}

int Hints::integer(std::string_view key, int fallback) const {
  const std::string* text = find(key);
  if (text == nullptr) return fallback;
  const auto value = parse_int(trim(*text));
  if (!value || std::abs(*value) > 2'000'000'000) refuse(key, "an integer");
  return static_cast<int>(*value);
}

std::string_view Hints::text(std::string_view key, std::string_view fallback) const {
  const std::string* text = find(key);
  return text == nullptr ? fallback : trim(*text);
}

std::vector<double> Hints::reals(std::string_view key) const {
  const std::string* text = find(key);
  std::vector<double> values;
  if (text == nullptr) return values;
  for (const std::string_view part : split(*text, ',')) {
    if (trim(part).empty()) continue;
    const auto value = parse_real(trim(part));
    if (!value) refuse(key, "numbers with commas between them");
    values.push_back(*value);
  }
  return values;
}

std::size_t Hints::choice(std::string_view key, std::string_view fallback,
                          std::span<const std::string_view> words) const {
  const std::string_view word = text(key, fallback);
  std::string all;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == word) return i;
    all += format("{}{}", i == 0 ? "one of: " : " ", words[i]);
  }
  refuse(key, all);
}

Hints layer_hints(const Graph& graph, NodeId node) {
  KeyValues keys = keys_of(graph, node);
  const Node& layer = graph.node(node);
  keys.insert(keys.end(), layer.hints.begin(), layer.hints.end());
  return {std::move(keys), layer.where};
}

}  // namespace syolo::train
