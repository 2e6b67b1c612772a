// One function per core operation, written like its definition in graph/program.h.
#include "syolo/runtime/reference.h"

#include <algorithm>
#include <array>
#include <cfloat>
#include <cmath>
#include <limits>
#include <thread>

#include "syolo/base/parallel.h"

namespace syolo {
namespace {

using Values = std::vector<double>;

/// A value of the program while it is needed.
struct Slot {
  Shape shape;
  Values values;
  Values bound;
  std::int64_t terms = 1;
  NodeId origin = -1;
};

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// Calls body(begin, end) on parts of [0, count), one thread each. Bodies write disjoint outputs,
/// so the number of parts never changes a result.
template <class Body>
void split(std::int64_t count, int threads, const Body& body) {
  const std::int64_t parts = std::clamp<std::int64_t>(threads, 1, std::max<std::int64_t>(count, 1));
  std::vector<std::jthread> others;
  for (std::int64_t part = 1; part < parts; ++part) {
    others.emplace_back(
        [&body, count, part, parts] { body(count * part / parts, count * (part + 1) / parts); });
  }
  body(0, count / parts);
}

// -- convolution ------------------------------------------------------------------------------

constexpr int kLanes = 8;  // output cells computed together

using Sums = std::array<double, kLanes>;

/// The fixed kernels of antialiased convolutions and pools, one plane.
std::vector<float> blur_plane(Conv::Kernel kernel) {
  if (kernel == Conv::Kernel::blur2) return {0.25F, 0.25F, 0.25F, 0.25F};
  std::vector<float> plane;
  for (const float row : {1.0F, 2.0F, 1.0F}) {
    for (const float column : {1.0F, 2.0F, 1.0F}) plane.push_back(row * column / 16);
  }
  return plane;
}

/// sums[f][p] = sum over k of kernel_f[k] * patch[k][p], for `filters` kernels that lie `terms`
/// values apart; k runs in the kernel's order.
template <int filters, bool magnitudes>
void multiply_add(const double* patch, const float* kernel, std::int64_t terms, Sums* out) {
  Sums sums[filters] = {};
  for (std::int64_t k = 0; k < terms; ++k) {
    for (int f = 0; f < filters; ++f) {
      const double factor = kernel[f * terms + k];
      const double w = magnitudes ? std::abs(factor) : factor;
      for (int p = 0; p < kLanes; ++p) {
        const double x = patch[k * kLanes + p];
        sums[f][index(p)] += w * (magnitudes ? std::abs(x) : x);
      }
    }
  }
  std::copy(sums, sums + filters, out);
}

/// The sums of one convolution, before bias, normalisation and activation.
class ConvSums {
 public:
  ConvSums(const Conv& conv, const Slot& src, Slot& dst, std::span<const float> kernel,
           bool bounds) :
      conv_(conv),
      src_(src), dst_(dst), kernel_(kernel), bounds_(bounds), channels_(src.shape.c / conv.groups),
      filters_(conv.filters / conv.groups), terms_(std::int64_t{channels_} * conv.kh * conv.kw) {}

  void run(int threads) {
    split(conv_.filters, threads, [this](std::int64_t begin, std::int64_t end) {
      Values patch(index(terms_ * kLanes));
      for (std::int64_t first = begin; first < end;) {  // filters of one group at a time
        const int group = static_cast<int>(first / filters_);
        const std::int64_t last = std::min<std::int64_t>(end, (group + 1) * std::int64_t{filters_});
        for (std::int64_t cell = 0; cell < dst_.shape.plane(); cell += kLanes) {
          gather(group, cell, patch);
          filters(first, last, cell, patch);
        }
        first = last;
      }
    });
  }

 private:
  /// patch[k][p]: the k-th source value under the kernel at output cell `cell` + p; 0 outside.
  void gather(int group, std::int64_t cell, Values& patch) const {
    const Shape& in = src_.shape;
    std::array<int, kLanes> top{}, left{};
    for (int p = 0; p < kLanes; ++p) {
      const std::int64_t at = std::min(cell + p, dst_.shape.plane() - 1);
      top[index(p)] = static_cast<int>(at / dst_.shape.w) * conv_.stride_y - conv_.pad_y;
      left[index(p)] = static_cast<int>(at % dst_.shape.w) * conv_.stride_x - conv_.pad_x;
    }
    double* out = patch.data();
    for (int c = 0; c < channels_; ++c) {
      const double* plane = src_.values.data() + (std::int64_t{group} * channels_ + c) * in.plane();
      for (int ky = 0; ky < conv_.kh; ++ky) {
        for (int kx = 0; kx < conv_.kw; ++kx, out += kLanes) {
          for (int p = 0; p < kLanes; ++p) {
            const int y = top[index(p)] + ky * conv_.dilation;
            const int x = left[index(p)] + kx * conv_.dilation;
            const bool inside = y >= 0 && y < in.h && x >= 0 && x < in.w;
            out[p] = inside ? plane[std::int64_t{y} * in.w + x] : 0.0;
          }
        }
      }
    }
  }

  void filters(std::int64_t first, std::int64_t last, std::int64_t cell, const Values& patch) {
    std::int64_t f = first;
    for (; f + 2 <= last; f += 2) store<2>(f, cell, patch);
    for (; f < last; ++f) store<1>(f, cell, patch);
  }

  template <int count>
  void store(std::int64_t filter, std::int64_t cell, const Values& patch) {
    const float* kernel = kernel_.data() + filter * terms_;
    const std::int64_t at = filter * dst_.shape.plane() + cell;
    const std::int64_t cells = std::min<std::int64_t>(kLanes, dst_.shape.plane() - cell);
    Sums sums[count];
    multiply_add<count, false>(patch.data(), kernel, terms_, sums);
    scatter(sums, count, at, cells, dst_.values);
    if (!bounds_) return;
    multiply_add<count, true>(patch.data(), kernel, terms_, sums);
    scatter(sums, count, at, cells, dst_.bound);
  }

  void scatter(const Sums* sums, int count, std::int64_t at, std::int64_t cells, Values& to) const {
    for (int f = 0; f < count; ++f) {
      std::copy_n(sums[f].data(), cells, to.data() + at + f * dst_.shape.plane());
    }
  }

  const Conv& conv_;
  const Slot& src_;
  Slot& dst_;
  std::span<const float> kernel_;
  bool bounds_;
  int channels_;  // read by one filter
  int filters_;   // of one group
  std::int64_t terms_;
};

// -- normalisation and activation, in place ---------------------------------------------------

/// y = factor * x + shift for every value of channel c.
struct Affine {
  double factor = 1, shift = 0;
};

template <class OfChannel>
void scale_channels(Slot& slot, const OfChannel& of_channel) {
  const std::int64_t plane = slot.shape.plane();
  for (int c = 0; c < slot.shape.c; ++c) {
    const Affine a = of_channel(c);
    for (std::int64_t i = c * plane; i < (c + 1) * plane; ++i) {
      slot.values[index(i)] = a.factor * slot.values[index(i)] + a.shift;
    }
    if (slot.bound.empty()) continue;
    for (std::int64_t i = c * plane; i < (c + 1) * plane; ++i) {
      slot.bound[index(i)] = std::abs(a.factor) * slot.bound[index(i)] + std::abs(a.shift);
    }
  }
}

void add_bias(Slot& slot, std::span<const float> bias) {
  scale_channels(slot, [&](int c) { return Affine{1, bias[index(c)]}; });
}

void normalize(Slot& slot, const Weights& weights, NodeId params, double epsilon) {
  const auto bias = weights.at({params, Role::bias}).values();
  const auto scale = weights.at({params, Role::scale}).values();
  const auto mean = weights.at({params, Role::mean}).values();
  const auto variance = weights.at({params, Role::variance}).values();
  scale_channels(slot, [&](int c) {
    const double factor = scale[index(c)] / std::sqrt(variance[index(c)] + epsilon);
    return Affine{factor, bias[index(c)] - mean[index(c)] * factor};
  });
}

/// One coupled group: `count` values that lie `step` apart, from `values` on.
void couple(const Activate& op, double* values, double* bound, std::int64_t count,
            std::int64_t step) {
  const Across across = op.act.across();
  const bool shifted = across == Across::exp_sum_shifted || across == Across::softmax;
  double highest = -std::numeric_limits<double>::infinity();
  for (std::int64_t i = 0; i < count; ++i) highest = std::max(highest, values[i * step]);
  if (!shifted) highest = 0;

  double sum = across == Across::softmax ? 0 : 1e-4;
  double error = 0;  // the greatest bound of an input, or the sum of them
  for (std::int64_t i = 0; i < count; ++i) {
    double& x = values[i * step];
    x = across == Across::relu_sum ? std::max(x, 0.0) : std::exp((x - highest) / op.temperature);
    sum += x;
    if (bound == nullptr) continue;
    const double of_input = bound[i * step];
    error = across == Across::relu_sum ? error + of_input : std::max(error, of_input);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    const double y = values[i * step] /= sum;
    if (bound == nullptr) continue;
    // |dy| <= (|dx| + y sum |dx|) / sum, and y (|dx| + sum y |dx|) / T for the exponentials.
    double& b = bound[i * step];
    b = across == Across::relu_sum ? (b + y * error) / sum + y
                                   : y * (2 * error / op.temperature + 1);
  }
}

void activate(Slot& slot, const Activate& op, int threads) {
  const std::int64_t count = slot.shape.elements();
  double* bound = slot.bound.empty() ? nullptr : slot.bound.data();
  if (op.act.across() == Across::none) {
    split(count, threads, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        double& x = slot.values[index(i)];
        x = op.act.apply(x);
        if (bound != nullptr) bound[i] = std::max(bound[i], std::abs(x));
      }
    });
    return;
  }
  const std::int64_t cells = op.flat ? 1 : slot.shape.plane();
  const std::int64_t members = count / cells / op.groups;
  for (std::int64_t g = 0; g < op.groups; ++g) {
    for (std::int64_t cell = 0; cell < cells; ++cell) {
      const std::int64_t first = g * members * cells + cell;
      couple(op, slot.values.data() + first, bound == nullptr ? nullptr : bound + first, members,
             cells);
    }
  }
}

// -- the interpreter --------------------------------------------------------------------------

class Interpreter {
 public:
  Interpreter(const Program& program, const Weights& weights, const InterpretOptions& options) :
      program_(program), weights_(weights), options_(options),
      threads_(options.threads > 0 ? options.threads : cpu_budget().threads()),
      slots_(program.values.size()), nodes_of_(program.values.size()),
      last_(program.values.size(), -1) {
    outputs_.nodes.resize(program.node_values.size());
    for (std::size_t node = 0; node < program.node_values.size(); ++node) {
      const ValueId value = program.node_values[node];
      if (value >= 0) nodes_of_[index(value)].push_back(static_cast<NodeId>(node));
    }
    for (std::size_t i = 0; i < program.code.size(); ++i) {
      for (const ValueId value : program.code[i].src) last_[index(value)] = static_cast<int>(i);
    }
  }

  Outputs run(const Tensor& input) {
    input_ = input.values();
    SYOLO_ASSERT(std::ssize(input_) == program_.shape(program_.input).elements(),
                 "an input of the program's shape");
    for (std::size_t i = 0; i < program_.code.size(); ++i) {
      instr_ = &program_.code[i];
      dst_ = new_slot(program_.shape(instr_->dst));
      dst_.origin = instr_->origin;
      std::visit(Overload{[this](const auto& op) { run(op); }}, instr_->op);
      finish(static_cast<int>(i));
    }
    return std::move(outputs_);
  }

 private:
  Slot new_slot(const Shape& shape) const {
    Slot slot;
    slot.shape = shape;
    slot.values.resize(index(shape.elements()));
    if (options_.bounds) slot.bound.resize(slot.values.size());
    return slot;
  }

  const Slot& src(std::size_t i) const { return slots_[index(instr_->src[i])]; }

  /// The scale of a source's error: what its sum left, within one node; between nodes the source
  /// counts as exact and only its magnitude matters.
  double bound_of(const Slot& slot, std::int64_t i) const {
    return slot.origin == instr_->origin ? slot.bound[index(i)] : std::abs(slot.values[index(i)]);
  }

  /// dst = src[0] with the error it brings.
  void copy_source() {
    const Slot& from = src(0);
    dst_.values = from.values;
    if (slot_is_inner(from)) dst_.terms = from.terms;
    for (std::int64_t i = 0; i < std::ssize(dst_.bound); ++i) {
      dst_.bound[index(i)] = bound_of(from, i);
    }
  }
  bool slot_is_inner(const Slot& slot) const { return slot.origin == instr_->origin; }

  /// dst[i] = from[at(i)], for operations that only move values.
  void set(std::int64_t to, const Slot& from, std::int64_t at) {
    dst_.values[index(to)] = from.values[index(at)];
    if (options_.bounds) dst_.bound[index(to)] = bound_of(from, at);
  }

  /// dst[i] += factor * from[at].
  void accumulate(std::int64_t to, const Slot& from, std::int64_t at, double factor = 1) {
    dst_.values[index(to)] += factor * from.values[index(at)];
    if (options_.bounds) dst_.bound[index(to)] += std::abs(factor) * bound_of(from, at);
  }

  void finish(int step) {
    Slot& slot = slots_[index(instr_->dst)];
    slot = std::move(dst_);
    bool replaced = false;
    for (const NodeId node : nodes_of_[index(instr_->dst)]) {
      outputs_.nodes[index(node)] = {slot.shape, slot.values, slot.bound, slot.terms};
      if (replaced || !options_.observed) continue;
      const Tensor seen = options_.observed(node);
      if (seen.empty()) continue;
      SYOLO_ASSERT(seen.values().size() == slot.values.size(), "an observed tensor of the node");
      std::copy(seen.values().begin(), seen.values().end(), slot.values.begin());
      replaced = true;
    }
    for (const ValueId value : instr_->src) {
      if (last_[index(value)] == step) slots_[index(value)] = {};
    }
  }

  void run(const Input&) {
    std::copy(input_.begin(), input_.end(), dst_.values.begin());
    for (std::size_t i = 0; i < dst_.bound.size(); ++i) dst_.bound[i] = std::abs(dst_.values[i]);
  }

  void run(const Conv& op) {
    const bool learned = op.kernel == Conv::Kernel::learned;
    std::vector<float> blur;
    if (!learned) {
      const std::vector<float> plane = blur_plane(op.kernel);
      for (int c = 0; c < op.filters; ++c) blur.insert(blur.end(), plane.begin(), plane.end());
    }
    const std::span<const float> kernel =
        learned ? weights_.at({op.params, Role::kernel}).values() : std::span<const float>(blur);
    dst_.terms = std::int64_t{src(0).shape.c / op.groups} * op.kh * op.kw;
    SYOLO_ASSERT(std::ssize(kernel) == op.filters * dst_.terms, "a kernel of the operation's size");
    ConvSums(op, src(0), dst_, kernel, options_.bounds).run(threads_);
    if (op.bias) add_bias(dst_, weights_.at({op.params, Role::bias}).values());
    if (op.norm_epsilon) normalize(dst_, weights_, op.params, *op.norm_epsilon);
    if (!op.act.is_linear()) activate(dst_, {.act = op.act}, threads_);
    if (!op.residual) return;
    for (std::int64_t i = 0; i < std::ssize(dst_.values); ++i) accumulate(i, src(1), i);
  }

  void run(const BatchNorm& op) {
    copy_source();
    normalize(dst_, weights_, op.params, op.epsilon);
  }

  void run(const Activate& op) {
    copy_source();
    activate(dst_, op, threads_);
  }

  void run(const Pool& op) {
    if (op.depth > 0) return pool_depth(op);
    std::int64_t to = 0;
    for (int c = 0; c < dst_.shape.c; ++c) {
      for (int y = 0; y < dst_.shape.h; ++y) {
        for (int x = 0; x < dst_.shape.w; ++x, ++to) pool_window(op, c, y, x, to);
      }
    }
    if (op.kind == Pool::Kind::average) dst_.terms = std::int64_t{op.kh} * op.kw;
  }

  void pool_window(const Pool& op, int c, int y, int x, std::int64_t to) {
    const Slot& from = src(0);
    const int top = y * op.stride_y - op.pad_y, left = x * op.stride_x - op.pad_x;
    const int y0 = std::max(top, 0), y1 = std::min(top + op.kh, from.shape.h);
    const int x0 = std::max(left, 0), x1 = std::min(left + op.kw, from.shape.w);
    const std::int64_t plane = c * from.shape.plane();
    const std::int64_t cells = std::int64_t{std::max(y1 - y0, 0)} * std::max(x1 - x0, 0);
    if (op.kind == Pool::Kind::max) {
      dst_.values[index(to)] = -FLT_MAX;
      if (options_.bounds) dst_.bound[index(to)] = FLT_MAX;
    }
    for (int j = y0; j < y1; ++j) {
      for (int i = x0; i < x1; ++i) {
        const std::int64_t at = plane + std::int64_t{j} * from.shape.w + i;
        if (op.kind == Pool::Kind::average) {
          accumulate(to, from, at, 1.0 / static_cast<double>(cells));
        } else if (from.values[index(at)] > dst_.values[index(to)]) {
          set(to, from, at);
        }
      }
    }
  }

  void pool_depth(const Pool& op) {
    const Slot& from = src(0);
    const std::int64_t plane = from.shape.plane();
    for (std::int64_t i = 0; i < dst_.shape.elements(); ++i) set(i, from, i);
    for (int c = op.depth; c < from.shape.c; ++c) {
      for (std::int64_t cell = 0; cell < plane; ++cell) {
        const std::int64_t to = c % op.depth * plane + cell, at = c * plane + cell;
        if (from.values[index(at)] > dst_.values[index(to)]) set(to, from, at);
      }
    }
  }

  void run(const Upsample& op) {
    const Slot& from = src(0);
    const Shape& large = op.shrink ? from.shape : dst_.shape;
    const Shape& small = op.shrink ? dst_.shape : from.shape;
    std::int64_t of_large = 0;
    for (int c = 0; c < large.c; ++c) {
      for (int y = 0; y < large.h; ++y) {
        for (int x = 0; x < large.w; ++x, ++of_large) {
          const std::int64_t of_small =
              (std::int64_t{c} * small.h + y / op.stride) * small.w + x / op.stride;
          if (op.shrink) {
            accumulate(of_small, from, of_large, op.scale);
          } else {
            accumulate(of_large, from, of_small, op.scale);
          }
        }
      }
    }
    if (op.shrink) dst_.terms = std::int64_t{op.stride} * op.stride;
  }

  void run(const Concat&) {
    std::int64_t to = 0;
    for (std::size_t s = 0; s < instr_->src.size(); ++s) {
      for (std::int64_t at = 0; at < src(s).shape.elements(); ++at) set(to++, src(s), at);
    }
    SYOLO_ASSERT(to == dst_.shape.elements(), "sources that fill the concatenation");
  }

  void run(const Slice& op) {
    const std::int64_t first = op.begin * dst_.shape.plane();
    for (std::int64_t i = 0; i < dst_.shape.elements(); ++i) set(i, src(0), first + i);
  }

  void run(const Binary& op) {
    const Slot &a = src(0), &b = src(1);
    const std::int64_t plane = dst_.shape.plane();
    const bool common = op.match == Binary::Match::common;
    const std::int64_t both = common ? std::min(a.shape.c, b.shape.c) * plane : 0;
    for (std::int64_t i = 0; i < dst_.shape.elements(); ++i) {
      const std::int64_t of_a = op.match == Binary::Match::per_channel ? i / plane
                                : op.match == Binary::Match::per_pixel ? i % plane
                                                                       : i;
      if (op.kind == Binary::Kind::multiply) {
        accumulate(i, b, i, a.values[index(of_a)]);
      } else {
        accumulate(i, a, of_a);
        if (!common || i < both) accumulate(i, b, i);
      }
    }
    if (op.kind == Binary::Kind::add) dst_.terms = 2;
  }

  void run(const WeightedSum& op) {
    const int sources = static_cast<int>(instr_->src.size());
    const std::vector<double> w =
        normalized_sum_weights(weights_.at({op.params, Role::weights}), sources, op.normalization);
    const std::int64_t plane = dst_.shape.plane();
    for (int s = 0; s < sources; ++s) {
      const Slot& from = src(index(s));
      for (int c = 0; c < std::min(dst_.shape.c, from.shape.c); ++c) {
        const double factor = w[index(op.per_channel ? s * dst_.shape.c + c : s)];
        for (std::int64_t i = c * plane; i < (c + 1) * plane; ++i) accumulate(i, from, i, factor);
      }
    }
    dst_.terms = sources;
  }

  void run(const Reorg& op) {
    // `full` has the rows and columns; `packed` has stride^2 times its channels.
    const bool forward = op.kind == Reorg::Kind::space_to_depth || op.kind == Reorg::Kind::flat;
    const bool flat = op.kind == Reorg::Kind::flat || op.kind == Reorg::Kind::flat_inverse;
    const Shape& full = forward ? src(0).shape : dst_.shape;
    const std::int64_t s = op.stride;
    // The reinterpreting form walks over the shape of `full` and takes its values from a picture
    // of stride^2 fewer channels with larger sides, in the same memory.
    const std::int64_t channels = flat ? full.c / (s * s) : full.c;
    const std::int64_t height = flat ? full.h : full.h / s, width = flat ? full.w : full.w / s;
    std::int64_t of_packed = 0;
    for (std::int64_t k = 0; k < channels * s * s; ++k) {
      for (std::int64_t j = 0; j < height; ++j) {
        for (std::int64_t i = 0; i < width; ++i, ++of_packed) {
          const std::int64_t offset = k / channels;
          const std::int64_t y = j * s + offset / s, x = i * s + offset % s;
          const std::int64_t of_full = (k % channels * height * s + y) * width * s + x;
          if (forward) {
            set(of_packed, src(0), of_full);
          } else {
            set(of_full, src(0), of_packed);
          }
        }
      }
    }
  }

  void run(const Drop&) { copy_source(); }

  void run(const Head& op) {
    activate_head(op.spec, src(0).shape, src(0).values.data(), dst_.values.data());
    for (std::int64_t i = 0; i < std::ssize(dst_.bound); ++i) {
      dst_.bound[index(i)] = std::max(bound_of(src(0), i), std::abs(dst_.values[index(i)]));
    }
  }

  const Program& program_;
  const Weights& weights_;
  const InterpretOptions& options_;
  int threads_;
  std::span<const float> input_;
  std::vector<Slot> slots_;
  std::vector<std::vector<NodeId>> nodes_of_;  // the nodes whose output a value is
  std::vector<int> last_;                      // the last instruction that reads a value
  const Instr* instr_ = nullptr;
  Slot dst_;
  Outputs outputs_;
};

}  // namespace

Outputs interpret(const Program& program, const Weights& weights, const Tensor& input,
                  const InterpretOptions& options) {
  return Interpreter(program, weights, options).run(input);
}

double rounding_bound(double epsilon, std::int64_t terms, double sum_of_magnitudes) {
  return 4 * epsilon * (2 + std::log2(static_cast<double>(terms))) * sum_of_magnitudes;
}

}  // namespace syolo
