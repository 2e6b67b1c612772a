// The reader: lines -> sections -> nodes. All problems of a file are listed at once.
#include "syolo/graph/cfg.h"

#include <algorithm>
#include <array>

#include "syolo/base/file.h"
#include "syolo/graph/lower.h"

namespace syolo {
namespace {

struct Line {
  std::string_view text;
  int number;
};

std::string_view without_comment(std::string_view line) {
  return trim(line.substr(0, line.find_first_of("#;")));
}

class Reader {
 public:
  Reader(std::string_view text, std::string_view file, Findings& findings, const Limits& limits,
         const CfgOptions& options) :
      text_(text),
      file_(file), findings_(findings), limits_(limits), options_(options) {}

  Graph read();

 private:
  void split_sections();
  void add_entry(std::string_view line, int number);
  Net read_net(CfgSection& in);
  void read_layer(Graph& graph, CfgSection& in);
  Node read_node(const LayerType& type, CfgSection& in);
  void check_heads(const Graph& graph);
  void check_unused(CfgSection& in);
  void problem(Error error) { problems_.push_back(std::move(error)); }
  void take_notes(CfgSection& in);
  [[noreturn]] void throw_problems() const;
  template <class Body>
  bool collect(const Where& where, Body&& body) {
    try {
      with_where(where, body);
      return true;
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::internal) throw;
      problem(error);
      return false;
    }
  }

  std::string_view text_;
  std::string file_;
  Findings& findings_;
  const Limits& limits_;
  const CfgOptions& options_;
  std::vector<CfgSection> sections_;
  std::vector<Error> problems_;
  bool broken_ = false;  // a layer is missing, so shapes behind it mean nothing
};

void Reader::add_entry(std::string_view line, int number) {
  const Where where{.file = file_, .line = number};
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) {
    return problem(Error(ErrorKind::input,
                         format("expected key=value, found \"{}\"", printable(line, 60)), where));
  }
  const std::string_view key = trim(line.substr(0, equals));
  const std::string_view value = trim(line.substr(equals + 1));
  if (sections_.empty()) {
    return problem(Error(ErrorKind::input,
                         format("expected a [section] first, found option \"{}\" outside a section",
                                printable(key, 60)),
                         where, "a cfg begins with [net]"));
  }
  if (key.empty()) {
    return problem(Error(ErrorKind::input, "expected a key before \"=\", found nothing", where));
  }
  if (value.empty()) {
    findings_.push_back({Severity::warning, "cfg-empty-value", where,
                         format("\"{}\" has no value; the line is ignored", printable(key, 60))});
    return;
  }
  if (sections_.back().has(key)) {
    findings_.push_back(
        {Severity::warning, "cfg-duplicate-key", where,
         format("\"{}\" stands twice in this section; the first one counts", printable(key, 60))});
    return;
  }
  sections_.back().add(key, value, number);
}

void Reader::split_sections() {
  int number = 0;
  for (const std::string_view raw : lines(text_)) {
    ++number;
    const std::string_view line = without_comment(raw);
    if (line.empty()) continue;
    if (problems_.size() >= 20) return;  // enough to mend; the rest is likely not a cfg
    if (line.front() != '[') {
      add_entry(line, number);
      continue;
    }
    if (line.back() != ']' || line.size() < 3) {
      problem(Error(ErrorKind::input,
                    format("expected [section], found \"{}\"", printable(line, 60)),
                    {.file = file_, .line = number}));
      continue;
    }
    const std::string_view name = trim(line.substr(1, line.size() - 2));
    if (static_cast<int>(sections_.size()) > limits_.layers) {
      throw Error(ErrorKind::limit, format("expected at most {} layers", grouped(limits_.layers)),
                  {.file = file_, .line = number});
    }
    Where where{.file = file_, .line = number};
    where.item = sections_.empty()
                     ? format("[{}]", printable(name, 40))
                     : format("[{}], layer {}", printable(name, 40), sections_.size() - 1);
    sections_.emplace_back(name, std::move(where), nullptr);
  }
}

void Reader::take_notes(CfgSection& in) {
  for (Finding& note : in.take_notes()) findings_.push_back(std::move(note));
}

void Reader::check_unused(CfgSection& in) {
  for (const CfgSection::Entry* entry : in.unused()) {
    Where where = in.where();
    where.line = entry->line;
    const std::string_view near = nearest(entry->key, in.known());
    const std::string hint = near.empty() ? "" : format("did you mean \"{}\"?", near);
    if (options_.allow_unknown_keys) {
      findings_.push_back({Severity::warning, "cfg-unknown-key", where,
                           format("unknown key \"{}\" is ignored", printable(entry->key, 60))});
    } else {
      problem(Error(
          ErrorKind::input,
          format("expected a key of [{}], found \"{}\"", in.name(), printable(entry->key, 60)),
          where, hint.empty() ? "--allow-unknown-keys ignores such keys" : hint));
    }
  }
}

/// Keys of [net] that only training reads.
constexpr std::array<std::string_view, 68> kNetTraining = {"batch",
                                                           "subdivisions",
                                                           "max_batches",
                                                           "max_epochs",
                                                           "max_crop",
                                                           "min_crop",
                                                           "learning_rate",
                                                           "momentum",
                                                           "decay",
                                                           "adam",
                                                           "B1",
                                                           "B2",
                                                           "eps",
                                                           "policy",
                                                           "steps",
                                                           "scales",
                                                           "seq_scales",
                                                           "step",
                                                           "scale",
                                                           "gamma",
                                                           "power",
                                                           "burn_in",
                                                           "learning_rate_min",
                                                           "sgdr_cycle",
                                                           "sgdr_mult",
                                                           "angle",
                                                           "aspect",
                                                           "saturation",
                                                           "exposure",
                                                           "hue",
                                                           "flip",
                                                           "blur",
                                                           "gaussian_noise",
                                                           "mixup",
                                                           "cutmix",
                                                           "mosaic",
                                                           "mosaic_bound",
                                                           "resize_step",
                                                           "augment_speed",
                                                           "ema_alpha",
                                                           "label_smooth_eps",
                                                           "loss_scale",
                                                           "try_fix_nan",
                                                           "dynamic_minibatch",
                                                           "adversarial_lr",
                                                           "attention",
                                                           "contrastive",
                                                           "contrastive_jit_flip",
                                                           "contrastive_color",
                                                           "unsupervised",
                                                           "badlabels_rejection_percentage",
                                                           "num_sigmas_reject_badlabels",
                                                           "equidistant_point",
                                                           "weights_reject_freq",
                                                           "sequential_subdivisions",
                                                           "optimized_memory",
                                                           "workspace_size_limit_MB",
                                                           "use_cuda_graph",
                                                           "track",
                                                           "max_chart_loss",
                                                           "show_receptive_field",
                                                           "inputs",
                                                           "random",
                                                           "augment",
                                                           "max_ratio",
                                                           "min_ratio",
                                                           "center",
                                                           "batch_normalize"};

Net Reader::read_net(CfgSection& in) {
  Net net;
  constexpr int kSide = 65'535;
  net.input.w = in.integer("width", 0, 1, kSide);
  net.input.h = in.integer("height", 0, 1, kSide);
  if (!in.has("width")) in.fail("width", "expected a width in pixels, found none");
  if (!in.has("height")) in.fail("height", "expected a height in pixels, found none");
  net.input.c = in.integer("channels", 3, 1, 4096);
  net.preprocess.channels = net.input.c;
  net.preprocess.fit = in.flag("letter_box") ? Fit::letterbox : Fit::stretch;
  static constexpr std::array<std::string_view, 2> kInterpolation = {"aligned_corners",
                                                                     "half_pixel"};
  net.preprocess.interpolation = in.choice("interpolation", kInterpolation, 0) == 0
                                     ? Interpolation::aligned_corners
                                     : Interpolation::half_pixel;
  net.preprocess.pad = static_cast<float>(in.real("letter_box_pad", 0.5, 0, 1));
  net.preprocess.bits = in.integer("bits", 8, 8, 16);
  if (net.preprocess.bits != 8 && net.preprocess.bits != 16) in.fail("bits", "expected 8 or 16");
  const int batch = in.integer("batch", 1, 1, 1 << 20);
  const int subdivisions = in.integer("subdivisions", 1, 1, 1 << 20);
  if (batch % subdivisions != 0) {
    in.note("subdivisions",
            format("subdivisions {} does not divide batch {}; training uses {} pictures "
                   "at a time",
                   subdivisions, batch, batch / subdivisions));
  }
  if (in.has("max_batches")) in.integer("max_batches", 1, 1, 1 << 30);
  in.unsupported_unless("time_steps", "1");
  in.training_only(kNetTraining);
  net.hints = in.take_hints();
  return net;
}

Node Reader::read_node(const LayerType& type, CfgSection& in) {
  static constexpr std::array<std::string_view, 10> kTraining = {
      "onlyforward",   "dont_update", "burnin_update", "stopbackward", "train_only_bn",
      "learning_rate", "clip",        "stream",        "wait_stream",  "random"};
  Node node;
  node.section = std::string(type.section);
  node.where = in.where();
  node.in_file = !in.flag("dontload");
  node.scales_in_file = !in.flag("dontloadscales");
  ReadLayer read = type.read(in);
  in.training_only(kTraining);
  node.layer = std::move(read.layer);
  node.src = std::move(read.src);
  node.hints = in.take_hints();
  return node;
}

/// Stands where a layer could not be read, so that later layers keep their numbers.
struct Missing final : Layer {
  void write(CfgWriter&) const override {}
  Shape infer(std::span<const Shape> src) const override { return src[0]; }
  /// What a reader of share_index asks for, so that the one problem is not told twice.
  std::vector<ParamSpec> params(std::span<const Shape>) const override {
    return {{Role::bias, {}}, {Role::kernel, {}}};
  }
  ValueId lower(Lowering&, std::span<const ValueId> src) const override { return src[0]; }
};

void Reader::read_layer(Graph& graph, CfgSection& in) {
  in.set_graph(&graph);
  const std::size_t before = graph.nodes().size();
  const auto types = layer_types();
  const auto type = std::find_if(types.begin(), types.end(), [&](const LayerType& row) {
    return row.section == in.name() || (!row.alias.empty() && row.alias == in.name());
  });
  collect(in.where(), [&] {
    if (type == types.end()) {
      std::vector<std::string_view> names;
      for (const LayerType& row : types) names.push_back(row.section);
      const std::string_view near = nearest(in.name(), names);
      throw Error(
          ErrorKind::unsupported,
          format("expected a layer type, found [{}]", printable(in.name(), 40)), {},
          near.empty() ? "all types: syolo list layers" : format("did you mean [{}]?", near));
    }
    Node node = read_node(*type, in);
    check_unused(in);
    if (!broken_) graph.add(std::move(node));
  });
  take_notes(in);
  if (graph.nodes().size() == before) {
    broken_ = true;
    graph.add({.section = "missing",
               .layer = std::make_shared<Missing>(),
               .src = {in.previous()},
               .shape = {},
               .where = in.where(),
               .hints = {}});
  }
}

void Reader::check_heads(const Graph& graph) {
  const Program program = lower(graph);
  const auto found = heads(program);
  for (const HeadNode& head : found) {
    if (head.spec->classes == found[0].spec->classes) continue;
    problem(Error(ErrorKind::input,
                  format("expected classes={} as in the first head (layer {}), found {}",
                         found[0].spec->classes, found[0].node, head.spec->classes),
                  graph.node(head.node).where));
  }
}

void Reader::throw_problems() const {
  const Error& first = problems_.front();
  std::string hint(first.hint());
  if (problems_.size() > 1) {
    hint += format("{}and {} more:", hint.empty() ? "" : "\n  ", problems_.size() - 1);
    for (std::size_t i = 1; i < std::min<std::size_t>(problems_.size(), 20); ++i) {
      hint += format("\n    {}: {}", to_text(problems_[i].where()), problems_[i].text());
    }
  }
  throw Error(first.kind(), first.text(), first.where(), std::move(hint));
}

Graph Reader::read() {
  if (static_cast<std::int64_t>(text_.size()) > limits_.text_bytes) {
    throw Error(ErrorKind::limit,
                format("expected at most {} bytes of cfg, found {}", grouped(limits_.text_bytes),
                       grouped(static_cast<std::int64_t>(text_.size()))),
                {.file = file_});
  }
  split_sections();
  if (sections_.empty() && problems_.empty()) {
    problem(
        Error(ErrorKind::input, "expected [net] and layers, found no section", {.file = file_}));
  }
  if (problems_.empty() && sections_[0].name() != "net" && sections_[0].name() != "network") {
    problem(Error(ErrorKind::input,
                  format("expected [net] as the first section, found [{}]",
                         printable(sections_[0].name(), 40)),
                  sections_[0].where()));
  }
  if (!problems_.empty()) throw_problems();

  Net net;
  broken_ = !collect(sections_[0].where(), [&] {
    net = read_net(sections_[0]);
    check_unused(sections_[0]);
  });
  take_notes(sections_[0]);
  Graph graph(net);
  for (std::size_t i = 1; i < sections_.size() && problems_.size() < 20; ++i) {
    read_layer(graph, sections_[i]);
  }
  if (sections_.size() == 1) {
    problem(Error(ErrorKind::input, "expected at least one layer behind [net], found none",
                  sections_[0].where()));
  }
  if (problems_.empty()) check_heads(graph);
  if (!problems_.empty()) throw_problems();
  net.preprocess.multiple = greatest_stride(graph);
  graph.set_net(net);
  return graph;
}

}  // namespace

Graph read_cfg(std::string_view text, std::string_view file, Findings& findings,
               const Limits& limits, const CfgOptions& options) {
  return Reader(text, file, findings, limits, options).read();
}

Graph load_cfg(const std::string& path, Findings& findings, const Limits& limits,
               const CfgOptions& options) {
  return read_cfg(read_text(path, limits.text_bytes), path, findings, limits, options);
}

bool looks_like_cfg(std::string_view text) {
  for (const std::string_view raw : lines(text.substr(0, 4096))) {
    const std::string_view line = without_comment(raw);
    if (!line.empty()) return line == "[net]" || line == "[network]";
  }
  return false;
}

}  // namespace syolo
