#include "syolo/graph/passes.h"

#include <algorithm>

#include "syolo/base/error.h"

namespace syolo {
namespace {

class Passes {
 public:
  Passes(Program program, bool keep_nodes) : p_(std::move(program)), keep_nodes_(keep_nodes) {}

  Program run() {
    drop_training_operations();
    attach_to_convolutions();
    if (!keep_nodes_) {
      attach_residuals();
      cascade_pools();
    }
    remove_unread();
    return std::move(p_);
  }

 private:
  void drop_training_operations();
  void attach_to_convolutions();
  void attach_residuals();
  void cascade_pools();
  void remove_unread();

  void replace(ValueId from, ValueId to) {
    for (Instr& instr : p_.code) std::replace(instr.src.begin(), instr.src.end(), from, to);
    std::replace(p_.node_values.begin(), p_.node_values.end(), from, to);
  }
  void erase_marked() {
    std::erase_if(p_.code, [](const Instr& instr) { return instr.dst < 0; });
  }
  std::vector<int> reader_counts() const {
    std::vector<int> readers(p_.values.size());
    for (const Instr& instr : p_.code) {
      for (const ValueId src : instr.src) ++readers[static_cast<std::size_t>(src)];
    }
    return readers;
  }
  std::vector<int> makers() const {
    std::vector<int> makers(p_.values.size(), -1);
    for (std::size_t i = 0; i < p_.code.size(); ++i) {
      makers[static_cast<std::size_t>(p_.code[i].dst)] = static_cast<int>(i);
    }
    return makers;
  }
  /// Node outputs that something outside the program reads.
  bool is_output(ValueId value) const {
    if (!p_.node_values.empty() && p_.node_values.back() == value) return true;
    return keep_nodes_ &&
           std::find(p_.node_values.begin(), p_.node_values.end(), value) != p_.node_values.end();
  }

  Program p_;
  bool keep_nodes_;
};

void Passes::drop_training_operations() {
  for (Instr& instr : p_.code) {
    if (!std::holds_alternative<Drop>(instr.op)) continue;
    replace(instr.dst, instr.src[0]);
    instr.dst = -1;
  }
  erase_marked();
}

/// conv -> batch norm -> activation becomes one instruction, when nothing else reads between.
void Passes::attach_to_convolutions() {
  const std::vector<int> readers = reader_counts();
  std::vector<int> maker = makers();
  for (std::size_t i = 0; i < p_.code.size(); ++i) {
    Instr& instr = p_.code[i];
    if (instr.src.size() != 1) continue;
    const ValueId src = instr.src[0];
    const int from = maker[static_cast<std::size_t>(src)];
    if (from < 0 || readers[static_cast<std::size_t>(src)] != 1 || is_output(src)) continue;
    auto* conv = std::get_if<Conv>(&p_.code[static_cast<std::size_t>(from)].op);
    if (!conv || !conv->act.is_linear() || conv->kernel != Conv::Kernel::learned) continue;
    if (const auto* norm = std::get_if<BatchNorm>(&instr.op)) {
      if (norm->params != conv->params || conv->bias || conv->norm_epsilon) continue;
      conv->norm_epsilon = norm->epsilon;
    } else if (const auto* act = std::get_if<Activate>(&instr.op)) {
      if (act->act.across() != Across::none) continue;
      conv->act = act->act;
    } else {
      continue;
    }
    std::replace(p_.node_values.begin(), p_.node_values.end(), src, -1);
    p_.code[static_cast<std::size_t>(from)].dst = instr.dst;
    maker[static_cast<std::size_t>(instr.dst)] = from;
    instr.dst = -1;
  }
  erase_marked();
}

/// act(conv(x)) + y becomes one instruction where y exists before the convolution runs.
void Passes::attach_residuals() {
  const std::vector<int> readers = reader_counts();
  std::vector<int> maker = makers();
  for (std::size_t i = 0; i < p_.code.size(); ++i) {
    Instr& instr = p_.code[i];
    const auto* binary = std::get_if<Binary>(&instr.op);
    if (!binary || binary->kind != Binary::Kind::add || binary->match != Binary::Match::equal)
      continue;
    for (const int side : {0, 1}) {
      const ValueId sum = instr.src[static_cast<std::size_t>(side)];
      const ValueId other = instr.src[static_cast<std::size_t>(1 - side)];
      const int at = maker[static_cast<std::size_t>(sum)];
      if (at < 0 || other == sum || readers[static_cast<std::size_t>(sum)] != 1 || is_output(sum))
        continue;
      Instr& producer = p_.code[static_cast<std::size_t>(at)];
      auto* conv = std::get_if<Conv>(&producer.op);
      if (!conv || conv->residual || maker[static_cast<std::size_t>(other)] >= at) continue;
      if (conv->kernel != Conv::Kernel::learned) continue;
      conv->residual = true;
      producer.src.push_back(other);
      std::replace(p_.node_values.begin(), p_.node_values.end(), sum, -1);
      producer.dst = instr.dst;
      maker[static_cast<std::size_t>(instr.dst)] = at;
      instr.dst = -1;
      break;
    }
  }
  erase_marked();
}

/// Maxima over nested windows: size 9 is size 5 of size 5, exactly (outside is -inf).
void Passes::cascade_pools() {
  const auto centred = [](const Instr& instr) -> const Pool* {
    const auto* pool = std::get_if<Pool>(&instr.op);
    const bool fits = pool && pool->kind == Pool::Kind::max && pool->depth == 0 &&
                      pool->kh == pool->kw && pool->kh % 2 == 1 && pool->kh > 1 &&
                      pool->stride_x == 1 && pool->stride_y == 1 && pool->pad_x == pool->kw / 2 &&
                      pool->pad_y == pool->kh / 2;
    return fits ? pool : nullptr;
  };
  std::vector<std::pair<ValueId, const Instr*>> originals;  // source before any change
  const Program before = p_;
  for (std::size_t i = 0; i < p_.code.size(); ++i) {
    const Pool* pool = centred(before.code[i]);
    if (!pool) continue;
    const Instr* best = nullptr;
    for (const auto& [source, earlier] : originals) {
      const int size = centred(*earlier)->kh;
      if (source != before.code[i].src[0] || size >= pool->kh) continue;
      if (!best || size > centred(*best)->kh) best = earlier;
    }
    originals.emplace_back(before.code[i].src[0], &before.code[i]);
    if (!best) continue;
    auto& smaller = std::get<Pool>(p_.code[i].op);
    smaller.kh = smaller.kw = pool->kh - centred(*best)->kh + 1;
    smaller.pad_y = smaller.pad_x = smaller.kh / 2;
    p_.code[i].src[0] = best->dst;
  }
}

void Passes::remove_unread() {
  std::vector<bool> needed(p_.values.size());
  for (const ValueId value : outputs(p_)) needed[static_cast<std::size_t>(value)] = true;
  if (keep_nodes_) {
    for (const ValueId value : p_.node_values) {
      if (value >= 0) needed[static_cast<std::size_t>(value)] = true;
    }
  }
  for (auto instr = p_.code.rbegin(); instr != p_.code.rend(); ++instr) {
    const bool kept =
        needed[static_cast<std::size_t>(instr->dst)] || std::holds_alternative<Input>(instr->op);
    if (!kept) {
      std::replace(p_.node_values.begin(), p_.node_values.end(), instr->dst, -1);
      instr->dst = -1;
      continue;
    }
    for (const ValueId src : instr->src) needed[static_cast<std::size_t>(src)] = true;
  }
  erase_marked();
}

}  // namespace

Program optimized(const Program& program, const PassOptions& options) {
  return Passes(program, options.keep_nodes).run();
}

std::vector<ValueId> outputs(const Program& program) {
  std::vector<ValueId> found;
  for (const Instr& instr : program.code) {
    if (!std::holds_alternative<Head>(instr.op)) continue;
    found.push_back(instr.src[0]);
    found.push_back(instr.dst);
  }
  if (!program.node_values.empty()) found.push_back(program.node_values.back());
  return found;
}

std::vector<int> last_uses(const Program& program) {
  std::vector<int> last(program.values.size(), -1);
  for (std::size_t i = 0; i < program.code.size(); ++i) {
    for (const ValueId src : program.code[i].src)
      last[static_cast<std::size_t>(src)] = static_cast<int>(i);
  }
  for (const ValueId value : outputs(program)) {
    if (value >= 0) last[static_cast<std::size_t>(value)] = static_cast<int>(program.code.size());
  }
  return last;
}

bool feeds_activation(const Program& program, std::span<const int> last, std::size_t i) {
  if (!std::holds_alternative<BatchNorm>(program.code[i].op)) return false;
  if (i + 1 == program.code.size()) return false;
  const ValueId between = program.code[i].dst;
  const Instr& next = program.code[i + 1];
  return std::holds_alternative<Activate>(next.op) && next.src[0] == between &&
         last[static_cast<std::size_t>(between)] == static_cast<int>(i) + 1 &&
         std::ranges::find(program.node_values, between) == program.node_values.end();
}

}  // namespace syolo
