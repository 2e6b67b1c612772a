// Activations as formulas. T is any type with these functions: double in the interpreter, a dual
// number for derivatives, a tensor in training, a node builder in ONNX. No speed lives here.
// Source of the formulas and constants: spec of the Darknet activations (see docs/layers.md).
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace syolo {

namespace formula {  // what a formula may use, for real numbers; other types bring theirs by ADL
inline double exp(double x) {
  return std::exp(x);
}
inline double expm1(double x) {
  return std::expm1(x);
}
inline double tanh(double x) {
  return std::tanh(x);
}
inline double floor(double x) {
  return std::floor(x);
}
inline double maximum(double x, double low) {
  return std::max(x, low);
}
inline double clamp(double x, double low, double high) {
  return std::clamp(x, low, high);
}
inline double logistic(double x) {
  return x >= 0 ? 1 / (1 + std::exp(-x)) : std::exp(x) / (1 + std::exp(x));
}
inline double softplus(double x) {
  return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
}
inline double select(bool condition, double yes, double no) {
  return condition ? yes : no;
}

struct Linear {
  static constexpr std::string_view name = "linear";
  template <class T>
  static T apply(const T& x) {
    return x;
  }
};
struct Logistic {
  static constexpr std::string_view name = "logistic";
  template <class T>
  static T apply(const T& x) {
    return logistic(x);
  }
};
/// x * logistic(x), also called SiLU. Source: Ramachandran et al., arXiv:1710.05941.
struct Swish {
  static constexpr std::string_view name = "swish";
  template <class T>
  static T apply(const T& x) {
    return x * logistic(x);
  }
};
/// x * tanh(ln(1 + e^x)). Source: Misra, Mish, arXiv:1908.08681.
struct Mish {
  static constexpr std::string_view name = "mish";
  template <class T>
  static T apply(const T& x) {
    return x * tanh(softplus(x));
  }
};
struct HardMish {
  static constexpr std::string_view name = "hard_mish";
  template <class T>
  static T apply(const T& x) {
    return select(x > 0.0, x, select(x > -2.0, x * x * 0.5 + x, x * 0.0));
  }
};
struct Leaky {
  static constexpr std::string_view name = "leaky";
  template <class T>
  static T apply(const T& x) {
    return select(x > 0.0, x, x * 0.1);
  }
};
/// The value of leaky; it differs in Darknet's training only.
struct RevLeaky {
  static constexpr std::string_view name = "revleaky";
  template <class T>
  static T apply(const T& x) {
    return select(x > 0.0, x, x * 0.1);
  }
};
struct Relu {
  static constexpr std::string_view name = "relu";
  template <class T>
  static T apply(const T& x) {
    return maximum(x, 0.0);
  }
};
struct Relie {
  static constexpr std::string_view name = "relie";
  template <class T>
  static T apply(const T& x) {
    return select(x > 0.0, x, x * 0.01);
  }
};
struct Relu6 {
  static constexpr std::string_view name = "relu6";
  template <class T>
  static T apply(const T& x) {
    return clamp(x, 0.0, 6.0);
  }
};
struct Elu {
  static constexpr std::string_view name = "elu";
  template <class T>
  static T apply(const T& x) {
    return select(x >= 0.0, x, expm1(clamp(x, -1e30, 0.0)));
  }
};
struct Selu {
  static constexpr std::string_view name = "selu";
  template <class T>
  static T apply(const T& x) {
    return select(x >= 0.0, x * 1.0507, expm1(clamp(x, -1e30, 0.0)) * (1.0507 * 1.6732));
  }
};
/// The tanh form with Darknet's constants, not erf.
struct Gelu {
  static constexpr std::string_view name = "gelu";
  template <class T>
  static T apply(const T& x) {
    return x * 0.5 * (tanh(x * 0.797885 + x * x * x * 0.035677) + 1.0);
  }
};
struct Tanh {
  static constexpr std::string_view name = "tanh";
  template <class T>
  static T apply(const T& x) {
    return tanh(x);
  }
};
struct Loggy {
  static constexpr std::string_view name = "loggy";
  template <class T>
  static T apply(const T& x) {
    return logistic(x) * 2.0 - 1.0;
  }
};
struct Ramp {
  static constexpr std::string_view name = "ramp";
  template <class T>
  static T apply(const T& x) {
    return maximum(x, 0.0) + x * 0.1;
  }
};
struct Lhtan {
  static constexpr std::string_view name = "lhtan";
  template <class T>
  static T apply(const T& x) {
    return select(x < 0.0, x * 0.001, select(x > 1.0, (x - 1.0) * 0.001 + 1.0, x));
  }
};
struct Hardtan {
  static constexpr std::string_view name = "hardtan";
  template <class T>
  static T apply(const T& x) {
    return clamp(x, -1.0, 1.0);
  }
};
struct Plse {
  static constexpr std::string_view name = "plse";
  template <class T>
  static T apply(const T& x) {
    return select(x < -4.0, (x + 4.0) * 0.01,
                  select(x > 4.0, (x - 4.0) * 0.01 + 1.0, x * 0.125 + 0.5));
  }
};
struct Stair {
  static constexpr std::string_view name = "stair";
  template <class T>
  static T apply(const T& x) {
    const T n = floor(x);
    const T half = floor(x * 0.5);
    return select(n - floor(n * 0.5) * 2.0 > 0.5, x - n + half, half);
  }
};
}  // namespace formula

using Activations =
    std::tuple<formula::Linear, formula::Logistic, formula::Swish, formula::Mish, formula::HardMish,
               formula::Leaky, formula::RevLeaky, formula::Relu, formula::Relie, formula::Relu6,
               formula::Elu, formula::Selu, formula::Gelu, formula::Tanh, formula::Loggy,
               formula::Ramp, formula::Lhtan, formula::Hardtan, formula::Plse, formula::Stair>;

/// Activations that couple the channels of one pixel; they have no formula of one number.
///   relu_sum:        max(x_c, 0) / (1e-4 + sum_k max(x_k, 0))
///   exp_sum:         e^x_c / (1e-4 + sum_k e^x_k)
///   exp_sum_shifted: the same with x - max_k x_k (the 1e-4 is not rescaled)
///   softmax:         e^((x - max)/T) / sum, over groups of channels ([softmax], [region])
enum class Across { none, relu_sum, exp_sum, exp_sum_shifted, softmax };

/// One activation: a formula of `Activations`, or a coupling of channels.
class Act {
 public:
  Act() = default;  // linear
  explicit Act(Across across) : across_(across) {}
  static Act linear() { return {}; }
  template <class A>
  static Act of() {
    return find(A::name).value();
  }
  /// By Darknet's name or an alias (silu); nothing when unknown.
  static std::optional<Act> find(std::string_view name);
  static std::vector<std::string_view> names();

  std::string_view name() const;
  Across across() const { return across_; }
  bool is_linear() const { return index_ == 0 && across_ == Across::none; }
  template <class A>
  bool is() const {
    return across_ == Across::none && name() == A::name;
  }

  /// The formula at x; only where across() is none.
  template <class T>
  T apply(const T& x) const {
    return apply_at(x, std::make_index_sequence<std::tuple_size_v<Activations>>{});
  }
  bool operator==(const Act&) const = default;

 private:
  template <class T, std::size_t... I>
  T apply_at(const T& x, std::index_sequence<I...>) const {
    T y = x;
    (void)((index_ == static_cast<int>(I) &&
            (y = std::tuple_element_t<I, Activations>::apply(x), true)) ||
           ...);
    return y;
  }
  int index_ = 0;
  Across across_ = Across::none;
};

}  // namespace syolo
