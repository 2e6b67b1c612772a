// The program: thirteen kinds of core operation over numbered values. Interpreter, engine,
// trainer, exporter and cost calculator read only this.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "syolo/base/tensor.h"
#include "syolo/graph/activation.h"
#include "syolo/graph/head.h"

namespace syolo {

using NodeId = int;  // a layer of the cfg; -1 = the network's input
using ValueId = int;

/// Roles of parameters; a node's parameter is printed "112.kernel".
enum class Role { bias, scale, mean, variance, kernel, weights };
std::string_view name_of(Role role);

struct Input {};

/// y = act(bn(x * k + b)) + residual. Cross-correlation with zero padding; kernel
/// [filters][in/groups][kh][kw] of node `params`. The last group of fields is set by fuse() only.
struct Conv {
  enum class Kernel { learned, blur3, blur2 };  // blur: fixed depthwise [1 2 1]x[1 2 1]/16, 2x2/4
  NodeId params = 0;  // whose kernel (and bias): differs from the origin under share_index
  int filters = 0, kh = 1, kw = 1, stride_y = 1, stride_x = 1;
  int pad_y = 0, pad_x = 0;  // before the first row and column, undilated * dilation
  int dilation = 1, groups = 1;
  Kernel kernel = Kernel::learned;
  bool bias = true;  // has a bias of its own (no batch normalisation follows)

  std::optional<double> norm_epsilon = {};  // batch normalisation of `params` folded in
  Act act = {};                             // applied after it
  bool residual = false;                    // src[1] is added last
};

/// gamma (x - mean) / sqrt(variance + epsilon) + beta, of node `params`.
struct BatchNorm {
  NodeId params = 0;
  double epsilon = 1e-5;
};

/// A formula per value, or a coupling of the channels of one pixel (Across). For softmax the
/// channels (with `flat`: all values) are cut into `groups`.
struct Activate {
  Act act;
  int groups = 1;
  double temperature = 1;
  bool flat = false;
};

/// Windows of size kh x kw at stride; the first starts at -pad. max: outside is -inf, a window
/// wholly outside gives -FLT_MAX; average: divides by the cells inside. `depth` > 0: max over
/// channels k = g (mod depth), one pixel each, no window.
struct Pool {
  enum class Kind { max, average };
  Kind kind = Kind::max;
  int kh = 1, kw = 1, stride_y = 1, stride_x = 1, pad_y = 0, pad_x = 0;
  int depth = 0;
};

/// Nearest: dst[y][x] = scale * src[y/stride][x/stride]; `shrink`: scale * sum of stride x stride.
struct Upsample {
  int stride = 2;
  double scale = 1;
  bool shrink = false;
};

struct Concat {};  // channels, in order

struct Slice {
  int begin = 0, count = 0;  // channels
};

/// src[0] op src[1]. Shapes are equal, or: `per_channel` src[0] is Cx1x1, `per_pixel` src[0] is
/// 1xHxW; `common` (add only) adds the channels both have and keeps src[0]'s others.
struct Binary {
  enum class Kind { add, multiply };
  enum class Match { equal, per_channel, per_pixel, common };
  Kind kind = Kind::add;
  Match match = Match::equal;
};

/// sum_i w_i src_i with learned w of node `params` (Role::weights, [src][channel] or [src]);
/// channels a source lacks are skipped. relu: max(v,0)/(1e-4 + sum max(v,0)); softmax: shifted.
struct WeightedSum {
  enum class Normalization { none, relu, softmax };
  NodeId params = 0;
  bool per_channel = false;
  Normalization normalization = Normalization::none;
};

/// space_to_depth: dst[k][j][i] = src[k mod C][j*s + (k/C)/s][i*s + (k/C) mod s] ([reorg3d]);
/// flat: the reinterpreting form of YOLOv2 ([reorg]); the others are their inverses.
struct Reorg {
  enum class Kind { space_to_depth, depth_to_space, flat, flat_inverse };
  Kind kind = Kind::space_to_depth;
  int stride = 2;
};

struct Drop {};  // identity at inference; the trainer reads its layer

struct Head {
  HeadSpec spec;
};

using Op = std::variant<Input, Conv, BatchNorm, Activate, Pool, Upsample, Concat, Slice, Binary,
                        WeightedSum, Reorg, Drop, Head>;

struct Instr {
  Op op;
  std::vector<ValueId> src;
  ValueId dst = 0;
  NodeId origin = 0;
};

struct Value {
  Shape shape;
};

struct Program {
  std::vector<Value> values;
  std::vector<Instr> code;
  std::vector<ValueId> node_values;  // the output of each node; -1 where a pass removed it
  ValueId input = 0;

  const Shape& shape(ValueId value) const { return values[static_cast<std::size_t>(value)].shape; }
};

/// One line per instruction; the form tests compare.
std::string to_text(const Program& program);

template <class... F>
struct Overload : F... {
  using F::operator()...;
};
template <class... F>
Overload(F...) -> Overload<F...>;

}  // namespace syolo
