#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "syolo/train/kernels/norm.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set; must be first

#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include <algorithm>

#include "syolo/train/kernels/norm_impl.h"

#ifndef SYOLO_TRAIN_NORM_ONCE  // what does not depend on the instruction set
#define SYOLO_TRAIN_NORM_ONCE
namespace syolo::train::norm {

/// Pixels of few channels are taken together, so that a line is long and whole vectors: a tensor
/// of `lines` lines of `width` values.
struct Lines {
  std::int64_t count = 0, width = 0, repeat = 1;  // repeat: pixels in a line
};
inline Lines lines_of(const Rows& rows) {
  constexpr std::int64_t kLong = 128, kVector = 16;
  std::int64_t repeat = 1;
  const auto good = [&](std::int64_t n) {
    return rows.channels * n >= kLong && rows.channels * n % kVector == 0;
  };
  while (repeat < kVector && !good(repeat)) repeat *= 2;
  if (!good(repeat) || rows.rows % repeat != 0) repeat = 1;
  return {rows.rows / repeat, rows.channels * repeat, repeat};
}

/// Parts that threads take: a constant number of lines, so that sums are the same for any number
/// of threads.
inline constexpr std::int64_t kPart = 128;

/// A value for each channel as a value for each place of a line.
template <class Real>
std::vector<Real> along(const std::vector<double>& values, const Lines& lines) {
  std::vector<Real> line;
  line.reserve(static_cast<std::size_t>(lines.width));
  for (std::int64_t i = 0; i < lines.repeat; ++i) {
    for (const double value : values) line.push_back(static_cast<Real>(value));
  }
  return line;
}

/// What the passes multiply and add, along a line.
template <class Real>
struct Factors {
  std::vector<Real> mean, factor, bias, slope, shift;
  Factors(const Channels& channels, const Lines& lines) :
      mean(along<Real>(channels.mean, lines)), bias(along<Real>(channels.bias, lines)) {
    std::vector<double> factors(channels.scale);
    for (std::size_t i = 0; i < factors.size(); ++i) factors[i] /= channels.deviation[i];
    factor = along<Real>(factors, lines);
  }
};

}  // namespace syolo::train::norm
#endif

HWY_BEFORE_NAMESPACE();
namespace syolo::train::norm::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
template <class D>
using V = hn::Vec<D>;

// -- values in memory ---------------------------------------------------------------------------

template <class T>
struct Plain {
  using Stored = T;
  using Real = T;
  template <class D>
  static HWY_INLINE V<D> load(D d, const T* from) {
    return hn::LoadU(d, from);
  }
  template <class D>
  static HWY_INLINE void store(D d, V<D> v, T* to) {
    hn::StoreU(v, d, to);
  }
};

/// The upper half of an f32, rounded to nearest, ties to even. NaN stays NaN: the ones that
/// arithmetic makes of others have no lower half.
struct Half {
  using Stored = std::uint16_t;
  using Real = float;
  template <class D>
  static HWY_INLINE V<D> load(D d, const std::uint16_t* from) {
    const hn::Rebind<std::uint16_t, D> halves;
    const hn::RebindToUnsigned<D> bits;
    return hn::BitCast(d, hn::ShiftLeft<16>(hn::PromoteTo(bits, hn::LoadU(halves, from))));
  }
  template <class D>
  static HWY_INLINE void store([[maybe_unused]] D d, V<D> v, std::uint16_t* to) {
    const hn::Rebind<std::uint16_t, D> halves;
    const hn::RebindToUnsigned<D> bits;
    const auto u = hn::BitCast(bits, v);
    const auto odd = hn::And(hn::ShiftRight<16>(u), hn::Set(bits, 1));
    const auto rounded = hn::Add(hn::Add(u, hn::Set(bits, 0x7FFF)), odd);
    hn::StoreU(hn::TruncateTo(halves, hn::ShiftRight<16>(rounded)), halves, to);
  }
};

// -- activations: y of z, and the derivative ------------------------------------------------------

struct LinearV {
  template <class D>
  static HWY_INLINE V<D> value(D, V<D> z) {
    return z;
  }
  template <class D>
  static HWY_INLINE V<D> slope(D d, V<D>) {
    return hn::Set(d, 1);
  }
};
struct LeakyV {
  template <class D>
  static HWY_INLINE V<D> value(D d, V<D> z) {
    return hn::Mul(z, slope(d, z));
  }
  template <class D>
  static HWY_INLINE V<D> slope(D d, V<D> z) {
    using Real = hn::TFromD<D>;
    return hn::IfThenElse(hn::Gt(z, hn::Zero(d)), hn::Set(d, 1), hn::Set(d, Real(0.1)));
  }
};
struct ReluV {
  template <class D>
  static HWY_INLINE V<D> value(D d, V<D> z) {
    return hn::IfThenElse(hn::Lt(z, hn::Zero(d)), hn::Zero(d), z);  // NaN stays
  }
  template <class D>
  static HWY_INLINE V<D> slope(D d, V<D> z) {
    return hn::IfThenElseZero(hn::Gt(z, hn::Zero(d)), hn::Set(d, 1));
  }
};

/// e^x with the argument kept where the result is finite. f32: 2^k times a polynomial of degree 5
/// (least relative error, 7.5e-8) in f = x / ln 2 - k.
template <class D>
HWY_INLINE V<D> exp_of(D d, V<D> x) {
  x = hn::Min(hn::Max(x, hn::Set(d, -87)), hn::Set(d, 88));
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(double)) {
    return hn::Exp(d, x);
  } else {
    const hn::RebindToSigned<D> integers;
    const auto inverse = hn::Set(d, 1.44269502F), rest = hn::Set(d, 1.92596299e-8F);  // of ln 2
    const auto k = hn::Round(hn::Mul(x, inverse));
    const auto f = hn::MulAdd(x, rest, hn::MulSub(x, inverse, k));
    auto p = hn::MulAdd(f, hn::Set(d, 1.327647206587e-3F), hn::Set(d, 9.675541452497e-3F));
    p = hn::MulAdd(p, f, hn::Set(d, 5.550713274295e-2F));
    p = hn::MulAdd(p, f, hn::Set(d, 2.402211972167e-1F));
    p = hn::MulAdd(p, f, hn::Set(d, 6.931469670637e-1F));
    p = hn::MulAdd(p, f, hn::Set(d, 1.0F));
    const auto exponent = hn::ShiftLeft<23>(hn::ConvertTo(integers, k));
    return hn::BitCast(d, hn::Add(hn::BitCast(integers, p), exponent));
  }
}
/// 1 / x of normal numbers. f32 on x86: an estimate of 12 bits or more and a step of Newton's
/// method take less time than a division.
template <class D>
HWY_INLINE V<D> inverse_of(D d, V<D> x) {
#if HWY_ARCH_X86
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(float)) {
    const auto r = hn::ApproximateReciprocal(x);
    return hn::Mul(r, hn::NegMulAdd(x, r, hn::Set(d, 2)));
  }
#endif
  return hn::Div(hn::Set(d, 1), x);
}
struct SwishV {
  template <class D>
  static HWY_INLINE V<D> logistic(D d, V<D> z) {
    return inverse_of(d, hn::Add(hn::Set(d, 1), exp_of(d, hn::Neg(z))));
  }
  template <class D>
  static HWY_INLINE V<D> value(D d, V<D> z) {
    return hn::Mul(z, logistic(d, z));
  }
  template <class D>
  static HWY_INLINE V<D> slope(D d, V<D> z) {
    const V<D> s = logistic(d, z);
    return hn::MulAdd(hn::Mul(s, z), hn::Sub(hn::Set(d, 1), s), s);
  }
};
/// With e = e^z and n = e (e + 2): tanh(ln(1 + e)) = n / (n + 2), the derivative
/// n / (n + 2) + 4 z e (e + 1) / (n + 2)^2. Above 20 the quotient is 1 in any precision.
struct MishV {
  template <class D>
  static HWY_INLINE V<D> exponential(D d, V<D> z) {
    return exp_of(d, hn::Min(z, hn::Set(d, 20)));
  }
  template <class D>
  static HWY_INLINE V<D> value(D d, V<D> z) {
    const V<D> e = exponential(d, z);
    const V<D> n = hn::Mul(e, hn::Add(e, hn::Set(d, 2)));
    return hn::Mul(z, hn::Mul(n, inverse_of(d, hn::Add(n, hn::Set(d, 2)))));
  }
  template <class D>
  static HWY_INLINE V<D> slope(D d, V<D> z) {
    const V<D> e = exponential(d, z);
    const V<D> n = hn::Mul(e, hn::Add(e, hn::Set(d, 2)));
    const V<D> q = inverse_of(d, hn::Add(n, hn::Set(d, 2)));
    const V<D> rest = hn::Mul(hn::Mul(e, hn::Add(e, hn::Set(d, 1))), hn::Mul(q, q));
    return hn::MulAdd(hn::Mul(hn::Set(d, 4), z), rest, hn::Mul(n, q));
  }
};

// -- the passes -----------------------------------------------------------------------------------

/// Calls work(tag, column) for the columns of a line, in vectors as long as they fit.
template <class Real, class Work>
HWY_INLINE void for_columns(std::int64_t width, const Work& work) {
  std::int64_t at = 0;
  const auto walk = [&](auto d) HWY_ATTR {
    const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
    for (; at + lanes <= width; at += lanes) work(d, at);
  };
  walk(hn::ScalableTag<Real>());
  walk(hn::CappedTag<Real, 4>());
  walk(hn::CappedTag<Real, 1>());
}

template <class Real>
struct Sum2 {
  Real *first, *second;
};

/// Sums in two columns of what term(line, tag, column) gives: within a part in Real, four lines at
/// a time, then in double in the order of the parts.
template <class Real, class Term>
Sums sum_lines(const Lines& lines, std::int64_t channels, const Term& term) {
  const std::int64_t parts = (lines.count + kPart - 1) / kPart, width = lines.width;
  std::vector<Real> partial(static_cast<std::size_t>(2 * parts * width));
#pragma omp parallel for schedule(static)
  for (std::int64_t part = 0; part < parts; ++part) {
    Real* first = partial.data() + 2 * part * width;
    Real* second = first + width;
    const std::int64_t end = std::min(lines.count, (part + 1) * kPart);
    for (std::int64_t line = part * kPart; line < end; line += 4) {
      const std::int64_t count = std::min<std::int64_t>(4, end - line);
      for_columns<Real>(width, [&](auto d, std::int64_t at) HWY_ATTR {
        auto a = hn::LoadU(d, first + at);
        auto b = hn::LoadU(d, second + at);
        if (count == 4) {
          decltype(a) a0, a1, a2, a3, b0, b1, b2, b3;
          term(line, d, at, a0, b0), term(line + 1, d, at, a1, b1);
          term(line + 2, d, at, a2, b2), term(line + 3, d, at, a3, b3);
          a = hn::Add(a, hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)));
          b = hn::Add(b, hn::Add(hn::Add(b0, b1), hn::Add(b2, b3)));
        } else {
          for (std::int64_t i = 0; i < count; ++i) {
            decltype(a) a0, b0;
            term(line + i, d, at, a0, b0);
            a = hn::Add(a, a0), b = hn::Add(b, b0);
          }
        }
        hn::StoreU(a, d, first + at);
        hn::StoreU(b, d, second + at);
      });
    }
  }
  Sums sums{std::vector<double>(static_cast<std::size_t>(channels)),
            std::vector<double>(static_cast<std::size_t>(channels))};
#pragma omp parallel for schedule(static)
  for (std::int64_t c = 0; c < channels; ++c) {
    double first = 0, second = 0;
    for (std::int64_t part = 0; part < parts; ++part) {
      const Real* of_part = partial.data() + 2 * part * width;
      for (std::int64_t at = c; at < width; at += channels) {
        first += static_cast<double>(of_part[at]);
        second += static_cast<double>(of_part[width + at]);
      }
    }
    sums.first[static_cast<std::size_t>(c)] = first;
    sums.second[static_cast<std::size_t>(c)] = second;
  }
  return sums;
}

template <class Work>
void for_lines(const Lines& lines, const Work& work) {
#pragma omp parallel for schedule(static)
  for (std::int64_t line = 0; line < lines.count; ++line) work(line);
}

template <class Storage>
Sums sums_of(const Rows& rows, const void* x, const std::vector<double>& origin) {
  using Real = typename Storage::Real;
  const Lines lines = lines_of(rows);
  const auto* from = static_cast<const typename Storage::Stored*>(x);
  const std::vector<Real> origins = along<Real>(origin, lines);
  return sum_lines<Real>(lines, rows.channels,
                         [&](std::int64_t line, auto d, std::int64_t at, auto& first, auto& second)
                             HWY_ATTR {
                               first = hn::Sub(Storage::load(d, from + line * lines.width + at),
                                               hn::LoadU(d, origins.data() + at));
                               second = hn::Mul(first, first);
                             });
}

template <class Storage, class F>
void normalize_by(const Rows& rows, const void* x, const Channels& channels, F, void* y) {
  using Real = typename Storage::Real;
  using Stored = typename Storage::Stored;
  const Lines lines = lines_of(rows);
  const Factors<Real> of(channels, lines);
  for_lines(lines, [&](std::int64_t line) HWY_ATTR {
    const Stored* from = static_cast<const Stored*>(x) + line * lines.width;
    Stored* to = static_cast<Stored*>(y) + line * lines.width;
    for_columns<Real>(lines.width, [&](auto d, std::int64_t at) HWY_ATTR {
      const auto centred = hn::Sub(Storage::load(d, from + at), hn::LoadU(d, of.mean.data() + at));
      const auto z = hn::MulAdd(centred, hn::LoadU(d, of.factor.data() + at),
                                hn::LoadU(d, of.bias.data() + at));
      Storage::store(d, F::value(d, z), to + at);
    });
  });
}

/// x - mean, and dz = dy act'(z).
template <class Storage, class F, class D>
HWY_INLINE void gradient_at(D d, std::int64_t at, const typename Storage::Stored* x,
                            const typename Storage::Stored* dy,
                            const Factors<typename Storage::Real>& of, V<D>& centred, V<D>& dz) {
  centred = hn::Sub(Storage::load(d, x + at), hn::LoadU(d, of.mean.data() + at));
  const V<D> z =
      hn::MulAdd(centred, hn::LoadU(d, of.factor.data() + at), hn::LoadU(d, of.bias.data() + at));
  dz = hn::Mul(Storage::load(d, dy + at), F::slope(d, z));
}

template <class Storage, class F>
Sums gradient_sums_by(const Rows& rows, const void* x, const void* dy, const Channels& channels, F,
                      void* dz) {
  using Real = typename Storage::Real;
  using Stored = typename Storage::Stored;
  const Lines lines = lines_of(rows);
  const Factors<Real> of(channels, lines);
  return sum_lines<Real>(
      lines, rows.channels,
      [&](std::int64_t line, auto d, std::int64_t at, auto& first, auto& second) HWY_ATTR {
        const std::int64_t offset = line * lines.width;
        gradient_at<Storage, F>(d, at, static_cast<const Stored*>(x) + offset,
                                static_cast<const Stored*>(dy) + offset, of, second, first);
        if (dz != nullptr) Storage::store(d, first, static_cast<Stored*>(dz) + offset + at);
        second = hn::Mul(second, first);
      });
}

template <class Storage, class F>
void gradient_by(const Rows& rows, const void* x, const void* dy,
                 const Factors<typename Storage::Real>& of, F, void* dx) {
  using Real = typename Storage::Real;
  using Stored = typename Storage::Stored;
  const Lines lines = lines_of(rows);
  for_lines(lines, [&](std::int64_t line) HWY_ATTR {
    const std::int64_t offset = line * lines.width;
    Stored* to = static_cast<Stored*>(dx) + offset;
    for_columns<Real>(lines.width, [&](auto d, std::int64_t at) HWY_ATTR {
      decltype(hn::Zero(d)) centred, dz;
      gradient_at<Storage, F>(d, at, static_cast<const Stored*>(x) + offset,
                              static_cast<const Stored*>(dy) + offset, of, centred, dz);
      const auto linear = hn::MulAdd(centred, hn::LoadU(d, of.slope.data() + at),
                                     hn::LoadU(d, of.shift.data() + at));
      Storage::store(d, hn::MulAdd(dz, hn::LoadU(d, of.factor.data() + at), linear), to + at);
    });
  });
}

// -- from what is known at run time to what is known when compiling -----------------------------

template <class Work>
auto with_storage(Element element, const Work& work) {
  if (element == Element::f64) return work(Plain<double>());
  if (element == Element::bf16) return work(Half());
  return work(Plain<float>());
}
template <class Work>
auto with_act(const Act& act, const Work& work) {
  if (act.is<formula::Mish>()) return work(MishV());
  if (act.is<formula::Swish>()) return work(SwishV());
  if (act.is<formula::Leaky>()) return work(LeakyV());
  if (act.is<formula::Relu>()) return work(ReluV());
  return work(LinearV());
}

Sums sums(const Rows& rows, const void* x, const std::vector<double>& origin) {
  return with_storage(rows.element, [&]<class S>(S) { return sums_of<S>(rows, x, origin); });
}

void normalize(const Rows& rows, const void* x, const Channels& channels, const Act& act, void* y) {
  with_storage(rows.element, [&]<class S>(S) {
    with_act(act, [&](auto f) { normalize_by<S>(rows, x, channels, f, y); });
  });
}

Sums gradient_sums(const Rows& rows, const void* x, const void* dy, const Channels& channels,
                   const Act& act, void* dz) {
  return with_storage(rows.element, [&]<class S>(S) {
    return with_act(act, [&](auto f) { return gradient_sums_by<S>(rows, x, dy, channels, f, dz); });
  });
}

void gradient(const Rows& rows, const void* x, const void* dy, const Channels& channels,
              const Act& act, const std::vector<double>& slope, const std::vector<double>& shift,
              void* dx) {
  with_storage(rows.element, [&]<class S>(S) {
    const Lines lines = lines_of(rows);
    Factors<typename S::Real> factors(channels, lines);
    factors.slope = along<typename S::Real>(slope, lines);
    factors.shift = along<typename S::Real>(shift, lines);
    with_act(act, [&](auto f) { gradient_by<S>(rows, x, dy, factors, f, dx); });
  });
}

}  // namespace syolo::train::norm::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace syolo::train::norm {

HWY_EXPORT(sums);
HWY_EXPORT(normalize);
HWY_EXPORT(gradient_sums);
HWY_EXPORT(gradient);

bool knows(const Act& act) {
  return act.is_linear() || act.is<formula::Mish>() || act.is<formula::Swish>() ||
         act.is<formula::Leaky>() || act.is<formula::Relu>();
}

Sums sums(const Rows& rows, const void* x, const std::vector<double>& origin) {
  return HWY_DYNAMIC_DISPATCH(sums)(rows, x, origin);
}

void normalize(const Rows& rows, const void* x, const Channels& channels, const Act& act, void* y) {
  HWY_DYNAMIC_DISPATCH(normalize)(rows, x, channels, act, y);
}

Sums gradient_sums(const Rows& rows, const void* x, const void* dy, const Channels& channels,
                   const Act& act, void* dz) {
  return HWY_DYNAMIC_DISPATCH(gradient_sums)(rows, x, dy, channels, act, dz);
}

void gradient(const Rows& rows, const void* x, const void* dy, const Channels& channels,
              const Act& act, const std::vector<double>& slope, const std::vector<double>& shift,
              void* dx) {
  HWY_DYNAMIC_DISPATCH(gradient)(rows, x, dy, channels, act, slope, shift, dx);
}

}  // namespace syolo::train::norm
#endif
