#include "syolo/graph/program.h"

#include "syolo/base/text.h"

namespace syolo {

std::string_view name_of(Role role) {
  switch (role) {
    case Role::bias:
      return "bias";
    case Role::scale:
      return "scale";
    case Role::mean:
      return "mean";
    case Role::variance:
      return "variance";
    case Role::kernel:
      return "kernel";
    case Role::weights:
      return "weights";
  }
  return "?";
}

namespace {

std::string square(int y, int x, char between = 'x') {
  return y == x ? format("{}", y) : format("{}{}{}", y, between, x);
}

std::string text_of(const Conv& c) {
  std::string out =
      format("conv {}x{}/{} filters={} pad={} params={}", c.kh, c.kw,
             square(c.stride_y, c.stride_x), c.filters, square(c.pad_y, c.pad_x), c.params);
  if (c.groups != 1) out += format(" groups={}", c.groups);
  if (c.dilation != 1) out += format(" dilation={}", c.dilation);
  if (c.kernel == Conv::Kernel::blur3) out += " blur3";
  if (c.kernel == Conv::Kernel::blur2) out += " blur2";
  if (c.bias) out += " bias";
  if (c.norm_epsilon) out += format(" norm={}", *c.norm_epsilon);
  if (!c.act.is_linear()) out += format(" {}", c.act.name());
  if (c.residual) out += " +residual";
  return out;
}

std::string text_of(const Activate& a) {
  std::string out = format("activate {}", a.act.name());
  if (a.act.across() == Across::softmax) {
    out += format(" groups={} temperature={}{}", a.groups, a.temperature, a.flat ? " flat" : "");
  }
  return out;
}

std::string text_of(const Pool& p) {
  if (p.depth > 0) return format("pool max depth={}", p.depth);
  return format("pool {} {}x{}/{} pad={}", p.kind == Pool::Kind::max ? "max" : "average", p.kh,
                p.kw, square(p.stride_y, p.stride_x), square(p.pad_y, p.pad_x));
}

std::string text_of(const Binary& b) {
  constexpr std::string_view kinds[] = {"add", "multiply"};
  constexpr std::string_view matches[] = {"", " per_channel", " per_pixel", " common"};
  return format("{}{}", kinds[static_cast<int>(b.kind)], matches[static_cast<int>(b.match)]);
}

std::string text_of(const WeightedSum& s) {
  constexpr std::string_view kinds[] = {"none", "relu", "softmax"};
  return format("weighted_sum {} {} params={}", s.per_channel ? "per_channel" : "per_feature",
                kinds[static_cast<int>(s.normalization)], s.params);
}

std::string text_of(const Reorg& r) {
  constexpr std::string_view kinds[] = {"space_to_depth", "depth_to_space", "flat", "flat_inverse"};
  return format("reorg {} {}", kinds[static_cast<int>(r.kind)], r.stride);
}

std::string text_of(const Head& h) {
  constexpr std::string_view forms[] = {"classic", "new_coords", "gaussian", "region"};
  std::string out =
      format("head {} classes={} scale_xy={} anchors=", forms[static_cast<int>(h.spec.form)],
             h.spec.classes, h.spec.scale_xy);
  for (const Anchor& a : h.spec.anchors) out += format("{}x{} ", a.w, a.h);
  out.pop_back();
  return out;
}

std::string text_of(const Op& op) {
  return std::visit(
      Overload{
          [](const Input&) { return std::string("input"); },
          [](const BatchNorm& b) { return format("batch_norm {} params={}", b.epsilon, b.params); },
          [](const Upsample& u) {
            return format("upsample {} scale={}{}", u.stride, u.scale, u.shrink ? " shrink" : "");
          },
          [](const Concat&) { return std::string("concat"); },
          [](const Slice& s) { return format("slice {}+{}", s.begin, s.count); },
          [](const Drop&) { return std::string("drop"); },
          [](const auto& other) { return text_of(other); }},
      op);
}

}  // namespace

std::string to_text(const Program& program) {
  std::string out;
  for (const Instr& instr : program.code) {
    out += format("{}: %{} = {}", instr.origin, instr.dst, text_of(instr.op));
    for (const ValueId src : instr.src) out += format(" %{}", src);
    out += format(" -> {}\n", to_text(program.shape(instr.dst)));
  }
  return out;
}

}  // namespace syolo
