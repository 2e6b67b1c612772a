// Activation and residual sum over a convolution's output, for kernels that lack them.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "syolo/runtime/kernels/epilogue.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set; must be first

#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "syolo/runtime/kernels/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace syolo::runtime::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

struct LinearV {
  V operator()(D, V x) const { return x; }
};
/// Comparisons rather than Min and Max, which turn NaN into a number.
struct LeakyV {
  float slope;
  V operator()(D d, V x) const { return hn::IfThenElse(x > hn::Zero(d), x, x * hn::Set(d, slope)); }
};
struct ReluV {
  V operator()(D d, V x) const { return hn::IfThenElse(x < hn::Zero(d), hn::Zero(d), x); }
};
/// e^x with the argument kept where the result is finite.
V exp_of(D d, V x) {
  return hn::Exp(d, hn::Min(hn::Max(x, hn::Set(d, -87.0F)), hn::Set(d, 88.0F)));
}
struct LogisticV {
  V operator()(D d, V x) const {
    const V y = hn::Set(d, 1.0F) / (hn::Set(d, 1.0F) + exp_of(d, hn::Neg(x)));
    return hn::IfThenElse(x == x, y, x);  // exp_of makes a number of NaN
  }
};
struct SwishV {
  V operator()(D d, V x) const { return x * LogisticV()(d, x); }
};
/// x n / (n + 2) with n = e^x (e^x + 2); above 20 the quotient is 1 in float.
struct MishV {
  V operator()(D d, V x) const {
    const V e = exp_of(d, hn::Min(x, hn::Set(d, 20.0F)));
    const V n = e * (e + hn::Set(d, 2.0F));
    return x * (n / (n + hn::Set(d, 2.0F)));
  }
};

template <class F>
void apply(float* values, const float* residual, std::int64_t count, const F& act) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t whole = count / lanes * lanes;
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < whole; i += lanes) {
    V y = act(d, hn::LoadU(d, values + i));
    if (residual) y = y + hn::LoadU(d, residual + i);
    hn::StoreU(y, d, values + i);
  }
  if (whole == count) return;
  const auto rest = static_cast<std::size_t>(count - whole);
  HWY_ALIGN float last[HWY_MAX_BYTES / sizeof(float)] = {};
  for (std::size_t i = 0; i < rest; ++i) last[i] = values[whole + static_cast<std::int64_t>(i)];
  hn::Store(act(d, hn::Load(d, last)), d, last);
  for (std::size_t i = 0; i < rest; ++i) {
    const std::int64_t at = whole + static_cast<std::int64_t>(i);
    values[at] = residual ? last[i] + residual[at] : last[i];
  }
}

void epilogue(float* values, const float* residual, std::int64_t count, const Act& act) {
  if (act.is_linear()) return apply(values, residual, count, LinearV());
  if (act.is<formula::Leaky>() || act.is<formula::RevLeaky>())
    return apply(values, residual, count, LeakyV{0.1F});
  if (act.is<formula::Relu>()) return apply(values, residual, count, ReluV());
  if (act.is<formula::Mish>()) return apply(values, residual, count, MishV());
  if (act.is<formula::Swish>()) return apply(values, residual, count, SwishV());
  if (act.is<formula::Logistic>()) return apply(values, residual, count, LogisticV());
#pragma omp parallel for schedule(static)
  for (std::int64_t i = 0; i < count; ++i) {
    const auto y = static_cast<float>(act.apply(static_cast<double>(values[i])));
    values[i] = residual ? y + residual[i] : y;
  }
}

}  // namespace syolo::runtime::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace syolo::runtime {

HWY_EXPORT(epilogue);

void epilogue(float* values, const float* residual, std::int64_t count, const Act& act) {
  HWY_DYNAMIC_DISPATCH(epilogue)(values, residual, count, act);
}

}  // namespace syolo::runtime
#endif
