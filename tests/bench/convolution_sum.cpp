// What the convolutions of a network cost alone in oneDNN, each with the activation the network
// gives it: the floor that a whole engine is compared with. Reads one convolution a line,
//   in out size stride pad groups rows columns activation
// and prints a JSON object of sums over all of them, in milliseconds: f32 direct, f32 with
// Winograd where that is faster, bf16 where that is faster. Each time is the least (and the
// median) of some runs after one that warms up. -v adds a line per convolution on stderr.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <limits>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

using dnnl::algorithm;
using dnnl::memory;
using DataType = memory::data_type;
using Tag = memory::format_tag;

constexpr int kRuns = 7;

struct Shape {
  int in = 0, out = 0, size = 0, stride = 0, pad = 0, groups = 0, rows = 0, columns = 0;
  std::string activation;
};

struct Time {
  double least = 0, median = 0;
};

struct Formula {
  algorithm kind = algorithm::undef;
  float alpha = 0;
};

Formula formula_of(const std::string& activation) {
  if (activation == "linear") return {};
  if (activation == "leaky") return {algorithm::eltwise_relu, 0.1F};
  if (activation == "relu") return {algorithm::eltwise_relu, 0.0F};
  if (activation == "mish") return {algorithm::eltwise_mish, 0.0F};
  if (activation == "swish") return {algorithm::eltwise_swish, 1.0F};
  if (activation == "logistic") return {algorithm::eltwise_logistic, 0.0F};
  std::fprintf(stderr, "convolution_sum: no operation for activation %s\n", activation.c_str());
  std::exit(2);
}

dnnl::primitive_attr fused(const Formula& formula) {
  dnnl::post_ops ops;
  if (formula.kind != algorithm::undef) ops.append_eltwise(1.0F, formula.kind, formula.alpha, 0.0F);
  dnnl::primitive_attr attributes;
  attributes.set_post_ops(ops);
  return attributes;
}

/// Values that are neither zero nor denormal: some kernels are faster on zeros.
void fill(const memory& where, DataType type) {
  const std::size_t bytes = where.get_desc().get_size();
  if (type == DataType::f32) {
    std::fill_n(static_cast<float*>(where.get_data_handle()), bytes / 4, 0.03125F);
  } else {
    std::fill_n(static_cast<std::uint16_t*>(where.get_data_handle()), bytes / 2,
                std::uint16_t{0x3D00});  // 0.03125 in bf16
  }
}

dnnl::convolution_forward::primitive_desc describe(const dnnl::engine& engine, const Shape& s,
                                                   algorithm kind, DataType type,
                                                   const dnnl::primitive_attr& attributes) {
  const auto side = [&](int n) { return (n + 2 * s.pad - s.size) / s.stride + 1; };
  memory::dims kernel = {s.out, s.in / s.groups, s.size, s.size};
  if (s.groups > 1) kernel = {s.groups, s.out / s.groups, s.in / s.groups, s.size, s.size};
  // The picture arrives as planes; everything behind it has the layout the library likes.
  const Tag source = s.in == 3 && type == DataType::f32 ? Tag::nchw : Tag::any;
  const dnnl::convolution_forward::desc what(
      dnnl::prop_kind::forward_inference, kind,
      memory::desc({1, s.in, s.rows, s.columns}, type, source),
      memory::desc(kernel, type, Tag::any), memory::desc({s.out}, DataType::f32, Tag::x),
      memory::desc({1, s.out, side(s.rows), side(s.columns)}, type, Tag::any), {s.stride, s.stride},
      {s.pad, s.pad}, {s.pad, s.pad});
  return {what, attributes, engine};
}

template <class Run>
Time timed(const Run& run) {
  std::vector<double> times;
  for (int count = -1; count < kRuns; ++count) {
    const auto start = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - start;
    if (count >= 0) times.push_back(took.count());
  }
  std::sort(times.begin(), times.end());
  return Time{times.front(), times[times.size() / 2]};
}

/// The activation is a post-operation, or (`separate`) an operation of its own in place.
/// Nothing where the library has no such kernel.
std::optional<Time> measure(const dnnl::engine& engine, const Shape& shape, algorithm kind,
                            DataType type, bool separate = false) {
  try {
    const Formula formula = formula_of(shape.activation);
    const auto chosen =
        describe(engine, shape, kind, type, separate ? dnnl::primitive_attr() : fused(formula));
    const memory src(chosen.src_desc(), engine), weights(chosen.weights_desc(), engine),
        bias(chosen.bias_desc(), engine), dst(chosen.dst_desc(), engine);
    fill(src, type), fill(weights, type), fill(bias, DataType::f32), fill(dst, type);
    const std::unordered_map<int, memory> arguments = {{DNNL_ARG_SRC, src},
                                                       {DNNL_ARG_WEIGHTS, weights},
                                                       {DNNL_ARG_BIAS, bias},
                                                       {DNNL_ARG_DST, dst}};
    const dnnl::convolution_forward convolution(chosen);
    dnnl::stream stream(engine);
    std::optional<dnnl::eltwise_forward> after;
    if (separate) {
      const dnnl::eltwise_forward::desc what(dnnl::prop_kind::forward_inference, formula.kind,
                                             chosen.dst_desc(), formula.alpha, 0.0F);
      after.emplace(dnnl::eltwise_forward::primitive_desc(what, engine));
    }
    return timed([&] {
      convolution.execute(stream, arguments);
      if (after) after->execute(stream, {{DNNL_ARG_SRC, dst}, {DNNL_ARG_DST, dst}});
      stream.wait();
    });
  } catch (const dnnl::error&) {
    return std::nullopt;
  }
}

/// Winograd; its kernels fuse few activations, the others follow as a pass of their own.
std::optional<Time> measure_winograd(const dnnl::engine& engine, const Shape& shape) {
  if (shape.size != 3 || shape.stride != 1 || shape.groups != 1) return std::nullopt;
  const auto time = measure(engine, shape, algorithm::convolution_winograd, DataType::f32);
  return time ? time : measure(engine, shape, algorithm::convolution_winograd, DataType::f32, true);
}

Time faster(const Time& a, const std::optional<Time>& b) {
  return b && b->least < a.least ? *b : a;
}

void add(Time& sum, const Time& time) {
  sum.least += time.least;
  sum.median += time.median;
}

void print(const char* name, const Time& sum, const char* end) {
  std::printf("\"%s\": {\"min\": %.4f, \"median\": %.4f}%s", name, sum.least, sum.median, end);
}

}  // namespace

int main(int count, char** arguments) {
  const bool verbose = count > 1 && std::strcmp(arguments[1], "-v") == 0;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  Time direct_sum, winograd_sum, bf16_sum;
  int convolutions = 0;
  Shape s;
  while (std::cin >> s.in >> s.out >> s.size >> s.stride >> s.pad >> s.groups >> s.rows >>
         s.columns >> s.activation) {
    const auto direct = measure(engine, s, algorithm::convolution_direct, DataType::f32);
    if (!direct) {
      std::fprintf(stderr, "convolution_sum: oneDNN has no direct f32 kernel for line %d\n",
                   convolutions + 1);
      return 1;
    }
    const auto winograd = measure_winograd(engine, s);
    const auto bf16 = measure(engine, s, algorithm::convolution_direct, DataType::bf16);
    add(direct_sum, *direct);
    add(winograd_sum, faster(*direct, winograd));
    add(bf16_sum, faster(*direct, bf16));
    ++convolutions;
    if (verbose) {
      std::fprintf(stderr, "%4d -> %4d %dx%d/%d at %dx%d: direct %.3f winograd %.3f bf16 %.3f\n",
                   s.in, s.out, s.size, s.size, s.stride, s.columns, s.rows, direct->least,
                   winograd ? winograd->least : 0.0, bf16 ? bf16->least : 0.0);
    }
  }
  std::printf("{\"convolutions\": %d, ", convolutions);
  print("direct", direct_sum, ", ");
  print("winograd", winograd_sum, ", ");
  print("bf16", bf16_sum, "}\n");
  return convolutions > 0 ? 0 : 1;
}
