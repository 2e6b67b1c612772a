// Darknet cfg files: reading with places, writing so that reading gives the same graph.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "syolo/base/error.h"
#include "syolo/base/limits.h"
#include "syolo/graph/graph.h"

namespace syolo {

struct CfgOptions {
  bool allow_unknown_keys = false;  // unknown keys become findings instead of errors
};

/// @throws Error that lists every problem of the file, placed at the first
Graph read_cfg(std::string_view text, std::string_view file, Findings& findings,
               const Limits& limits = {}, const CfgOptions& options = {});
Graph load_cfg(const std::string& path, Findings& findings, const Limits& limits = {},
               const CfgOptions& options = {});
std::string write_cfg(const Graph& graph);

/// True when the bytes look like a cfg: first significant line is [net] or [network].
bool looks_like_cfg(std::string_view text);

/// One section while a layer reads it. Every key read counts as used; what is left over is an
/// error with a suggestion. All numbers are checked against the given range.
class CfgSection {
 public:
  struct Entry {
    std::string_view key, value;
    int line = 0;
    bool used = false;
  };
  CfgSection(std::string_view name, Where where, const Graph* graph) :
      name_(name), where_(std::move(where)), graph_(graph) {}
  void add(std::string_view key, std::string_view value, int line);
  void set_graph(const Graph* graph) { graph_ = graph; }  // the layers before this one

  std::string_view name() const { return name_; }
  const Where& where() const { return where_; }
  bool has(std::string_view key) const;
  std::string_view text(std::string_view key, std::string_view fallback);
  int integer(std::string_view key, int fallback, int low, int high);
  double real(std::string_view key, double fallback, double low, double high);
  bool flag(std::string_view key, bool fallback = false);
  std::vector<int> integers(std::string_view key, int low, int high);
  std::vector<double> reals(std::string_view key);
  Act activation(std::string_view key, Act fallback);
  /// One of `words`, by position. @throws Error listing them
  int choice(std::string_view key, std::span<const std::string_view> words, int fallback);

  NodeId previous() const;  // -1 = the network's input
  Shape previous_shape() const;
  Shape shape_of(NodeId node) const;
  std::vector<ParamSpec> params_of(NodeId node) const;
  NodeId layer_ref(std::string_view key);  // absolute, or relative when negative
  std::vector<NodeId> layer_refs(std::string_view key);

  /// Keys known to matter to training only: kept as hints, not interpreted.
  void training_only(std::span<const std::string_view> keys);
  /// Keys of which only the default is supported here.
  void unsupported_unless(std::string_view key, std::string_view allowed);
  KeyValues take_hints() { return std::move(hints_); }
  std::vector<const Entry*> unused() const;
  std::span<const std::string_view> known() const { return known_; }
  [[noreturn]] void fail(std::string_view key, const std::string& text,
                         std::string hint = {}) const;
  void note(std::string_view key, std::string text);
  Findings take_notes() { return std::move(notes_); }

 private:
  Entry* find(std::string_view key);
  Where place(std::string_view key) const;
  NodeId checked_ref(std::string_view key, std::int64_t value) const;
  std::string_view name_;
  Where where_;
  const Graph* graph_;
  std::vector<Entry> entries_;
  std::map<std::string_view, std::size_t> index_;
  std::vector<std::string_view> known_;
  KeyValues hints_;
  Findings notes_;
};

/// Writes one section; keys equal to their defaults are left out by the layers.
class CfgWriter {
 public:
  explicit CfgWriter(NodeId node, std::span<const NodeId> src) : node_(node), src_(src) {}
  void text(std::string_view key, std::string_view value);
  void integer(std::string_view key, std::int64_t value);
  void real(std::string_view key, double value);  // shortest form that reads back equal
  void flag(std::string_view key, bool value);    // nothing when false
  void activation(Act act) { text("activation", act.name()); }
  void layer_ref(std::string_view key, std::size_t src);  // relative to this layer
  void layer_refs(std::string_view key, std::size_t first);
  std::string take() { return std::move(out_); }

 private:
  std::string ref(NodeId to) const;
  NodeId node_;
  std::span<const NodeId> src_;
  std::string out_;
};

struct ReadLayer {
  std::shared_ptr<const Layer> layer;
  std::vector<NodeId> src;
};

/// A row of layers/rows.cpp: a section name (and its short form) and its reader.
struct LayerType {
  std::string_view section;
  std::string_view alias;
  ReadLayer (*read)(CfgSection& in);
};
std::span<const LayerType> layer_types();

}  // namespace syolo
