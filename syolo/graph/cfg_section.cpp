// CfgSection and CfgWriter: typed access to the keys of one section.
#include <algorithm>
#include <charconv>

#include "syolo/graph/cfg.h"
#include "syolo/graph/number_text.h"

namespace syolo {

void CfgSection::add(std::string_view key, std::string_view value, int line) {
  index_.emplace(key, entries_.size());
  entries_.push_back({key, value, line, false});
}

bool CfgSection::has(std::string_view key) const {
  return index_.count(key) != 0;
}

CfgSection::Entry* CfgSection::find(std::string_view key) {
  known_.push_back(key);
  const auto at = index_.find(key);
  if (at == index_.end()) return nullptr;
  Entry& entry = entries_[at->second];
  entry.used = true;
  return &entry;
}

Where CfgSection::place(std::string_view key) const {
  Where where = where_;
  where.item += format(": {}", key);
  const auto at = index_.find(key);
  if (at != index_.end()) where.line = entries_[at->second].line;
  return where;
}

void CfgSection::fail(std::string_view key, const std::string& text, std::string hint) const {
  throw Error(ErrorKind::input, text, place(key), std::move(hint));
}

void CfgSection::note(std::string_view key, std::string text) {
  notes_.push_back({Severity::warning, "cfg-note", place(key), std::move(text)});
}

std::string_view CfgSection::text(std::string_view key, std::string_view fallback) {
  const Entry* entry = find(key);
  return entry ? entry->value : fallback;
}

int CfgSection::integer(std::string_view key, int fallback, int low, int high) {
  const Entry* entry = find(key);
  if (!entry) return fallback;
  const auto value = parse_int(entry->value);
  if (!value || *value < low || *value > high) {
    fail(key, format("expected a whole number from {} to {}, found \"{}\"", low, high,
                     printable(entry->value, 60)));
  }
  return static_cast<int>(*value);
}

double CfgSection::real(std::string_view key, double fallback, double low, double high) {
  const Entry* entry = find(key);
  if (!entry) return fallback;
  const auto value = parse_real(entry->value);
  if (!value || *value < low || *value > high) {
    fail(key, format("expected a number from {} to {}, found \"{}\"", low, high,
                     printable(entry->value, 60)));
  }
  return *value;
}

bool CfgSection::flag(std::string_view key, bool fallback) {
  return integer(key, fallback ? 1 : 0, 0, 1) != 0;
}

std::vector<int> CfgSection::integers(std::string_view key, int low, int high) {
  std::vector<int> values;
  const Entry* entry = find(key);
  if (!entry) return values;
  for (const std::string_view part : split(entry->value, ',')) {
    const auto value = parse_int(trim(part));
    if (!value || *value < low || *value > high) {
      fail(key, format("expected whole numbers from {} to {} with commas between, found \"{}\"",
                       low, high, printable(trim(part), 60)));
    }
    values.push_back(static_cast<int>(*value));
  }
  return values;
}

std::vector<double> CfgSection::reals(std::string_view key) {
  std::vector<double> values;
  const Entry* entry = find(key);
  if (!entry) return values;
  for (const std::string_view part : split(entry->value, ',')) {
    // A published cfg lacks a comma: "61,45    61,45". Darknet drops blanks and reads 4561.
    std::string_view rest = trim(part);
    const auto blank = rest.find_first_of(" \t");
    if (blank != std::string_view::npos) {
      note(key,
           format("a comma is missing in \"{}\"; read as separate numbers", printable(rest, 60)));
    }
    do {
      const std::string_view word = rest.substr(0, rest.find_first_of(" \t"));
      const auto value = parse_real(word);
      if (!value) {
        fail(key,
             format("expected numbers with commas between, found \"{}\"", printable(word, 60)));
      }
      values.push_back(*value);
      rest = trim(rest.substr(word.size()));
    } while (!rest.empty());
  }
  return values;
}

Act CfgSection::activation(std::string_view key, Act fallback) {
  const Entry* entry = find(key);
  if (!entry) return fallback;
  if (const auto act = Act::find(entry->value)) return *act;
  const auto names = Act::names();
  const std::string_view near = nearest(entry->value, names);
  fail(key, format("expected an activation, found \"{}\"", printable(entry->value, 60)),
       format("{}all names: syolo list activations",
              near.empty() ? "" : format("did you mean \"{}\"? ", near)));
}

int CfgSection::choice(std::string_view key, std::span<const std::string_view> words,
                       int fallback) {
  const Entry* entry = find(key);
  if (!entry) return fallback;
  const auto at = std::find(words.begin(), words.end(), entry->value);
  if (at != words.end()) return static_cast<int>(at - words.begin());
  std::string list;
  for (const std::string_view word : words) list += (list.empty() ? "" : ", ") + std::string(word);
  fail(key, format("expected one of {}, found \"{}\"", list, printable(entry->value, 60)));
}

NodeId CfgSection::previous() const {
  return static_cast<NodeId>(graph_->nodes().size()) - 1;
}

Shape CfgSection::shape_of(NodeId node) const {
  return node < 0 ? graph_->net().input : graph_->node(node).shape;
}

std::vector<ParamSpec> CfgSection::params_of(NodeId node) const {
  return graph_->params(node);
}

Shape CfgSection::previous_shape() const {
  return shape_of(previous());
}

NodeId CfgSection::checked_ref(std::string_view key, std::int64_t value) const {
  const std::int64_t here = previous() + 1;
  const std::int64_t layer = value < 0 ? here + value : value;
  if (layer < 0 || layer >= here) {
    fail(key, format("expected a layer before this one (0..{}, or {}..-1 counted back), found {}",
                     here - 1, -here, value));
  }
  return static_cast<NodeId>(layer);
}

NodeId CfgSection::layer_ref(std::string_view key) {
  const auto refs = layer_refs(key);
  if (refs.size() != 1) fail(key, format("expected one layer number, found {}", refs.size()));
  return refs[0];
}

std::vector<NodeId> CfgSection::layer_refs(std::string_view key) {
  const Entry* entry = find(key);
  if (!entry) fail(key, "expected layer numbers, found no such key");
  std::vector<NodeId> refs;
  std::string_view list = entry->value;
  if (list.ends_with(',')) list.remove_suffix(1);  // "-9," is a list of one
  for (const std::string_view part : split(list, ',')) {
    const auto value = parse_int(trim(part));
    if (!value)
      fail(key, format("expected layer numbers, found \"{}\"", printable(trim(part), 60)));
    refs.push_back(checked_ref(key, *value));
  }
  return refs;
}

void CfgSection::training_only(std::span<const std::string_view> keys) {
  known_.insert(known_.end(), keys.begin(), keys.end());
  for (Entry& entry : entries_) {
    if (std::find(keys.begin(), keys.end(), entry.key) == keys.end()) continue;
    entry.used = true;
    const std::pair<std::string, std::string> hint(entry.key, entry.value);
    if (std::find(hints_.begin(), hints_.end(), hint) == hints_.end()) hints_.push_back(hint);
  }
}

void CfgSection::unsupported_unless(std::string_view key, std::string_view allowed) {
  const Entry* entry = find(key);
  if (!entry || entry->value == allowed) return;
  throw Error(ErrorKind::unsupported,
              format("expected {}={}, found \"{}\", which syolo does not support", key, allowed,
                     printable(entry->value, 60)),
              place(key));
}

std::vector<const CfgSection::Entry*> CfgSection::unused() const {
  std::vector<const Entry*> found;
  for (const Entry& entry : entries_) {
    if (!entry.used) found.push_back(&entry);
  }
  return found;
}

void CfgWriter::text(std::string_view key, std::string_view value) {
  out_ += format("{}={}\n", key, value);
}

void CfgWriter::integer(std::string_view key, std::int64_t value) {
  text(key, format("{}", value));
}

void CfgWriter::real(std::string_view key, double value) {
  char buffer[40];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  text(key, std::string_view(buffer, static_cast<std::size_t>(end - buffer)));
}

void CfgWriter::flag(std::string_view key, bool value) {
  if (value) text(key, "1");
}

std::string CfgWriter::ref(NodeId to) const {
  return format("{}", to - node_);  // relative: a copied block keeps its meaning
}

void CfgWriter::layer_ref(std::string_view key, std::size_t src) {
  text(key, ref(src_[src]));
}

void CfgWriter::layer_refs(std::string_view key, std::size_t first) {
  std::string list;
  for (std::size_t i = first; i < src_.size(); ++i) list += (i == first ? "" : ",") + ref(src_[i]);
  text(key, list);
}

std::string write_cfg(const Graph& graph) {
  const Net& net = graph.net();
  CfgWriter head(-1, {});
  head.integer("width", net.input.w);
  head.integer("height", net.input.h);
  head.integer("channels", net.input.c);
  head.flag("letter_box", net.preprocess.fit == Fit::letterbox);
  if (net.preprocess.interpolation == Interpolation::half_pixel)
    head.text("interpolation", "half_pixel");
  if (net.preprocess.pad != 0.5F) head.text("letter_box_pad", shortest(net.preprocess.pad));
  if (net.preprocess.bits != 8) head.integer("bits", net.preprocess.bits);
  for (const auto& [key, value] : net.hints) head.text(key, value);
  std::string out = "[net]\n" + head.take();
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const Node& node = graph.node(id);
    CfgWriter body(id, node.src);
    node.layer->write(body);
    body.flag("dontload", !node.in_file);
    body.flag("dontloadscales", !node.scales_in_file);
    for (const auto& [key, value] : node.hints) body.text(key, value);
    out += format("\n[{}]\n", node.section) + body.take();
  }
  return out;
}

}  // namespace syolo
