// Every kernel of the engine against its definition, written out plainly in double over C,H,W, on
// shapes and layouts that do not divide.
#include "syolo/runtime/kernels/kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>

#include "syolo/base/geometry.h"
#include "syolo/base/rng.h"
#include "tests/support/compare.h"

namespace syolo::test {
namespace {

using runtime::Array;
using runtime::MutableArray;

/// A map as plain C,H,W values.
struct Map {
  int c = 0, h = 0, w = 0;
  std::vector<double> values;
  Map(int channels, int height, int width) :
      c(channels), h(height), w(width),
      values(static_cast<std::size_t>(channels * height * width)) {}
  double& at(int k, int y, int x) { return values[static_cast<std::size_t>((k * h + y) * w + x)]; }
  double at(int k, int y, int x) const { return const_cast<Map*>(this)->at(k, y, x); }
};

std::uint16_t bf16_bits(float v) {
  const auto bits = std::bit_cast<std::uint32_t>(v);
  return static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}
float of_bf16(std::uint16_t bits) {
  return std::bit_cast<float>(std::uint32_t{bits} << 16);
}

/// Block of channels and element type; block 0 = channels last.
struct Storing {
  int block;
  DType type;
  int of(int channels) const { return block == 0 ? channels : block; }
};

/// A map in the engine's memory, every byte of it owned, with a guard behind.
class Stored {
 public:
  Stored(int c, int h, int w, Storing how) {
    array_.channels = c, array_.height = h, array_.width = w;
    array_.block = how.of(c), array_.type = how.type;
    bytes_.assign(static_cast<std::size_t>(array_.bytes()) + 64, 0xA5);
    array_.data = bytes_.data();
  }
  /// Rounds `map` to the element type, as the kernel will read it.
  Stored(Map& map, Storing how) : Stored(map.c, map.h, map.w, how) {
    std::fill(bytes_.begin(), bytes_.end() - 64, std::uint8_t{0});
    for (int k = 0; k < map.c; ++k) {
      for (int y = 0; y < map.h; ++y) {
        for (int x = 0; x < map.w; ++x) map.at(k, y, x) = put(k, y, x, map.at(k, y, x));
      }
    }
  }
  const Array& array() const { return array_; }
  const MutableArray& out() const { return array_; }

  Map map() const {
    Map map(array_.channels, array_.height, array_.width);
    for (int k = 0; k < map.c; ++k) {
      for (int y = 0; y < map.h; ++y) {
        for (int x = 0; x < map.w; ++x) map.at(k, y, x) = get(k, y, x);
      }
    }
    return map;
  }
  bool guard_intact() const {
    return std::all_of(bytes_.end() - 64, bytes_.end(), [](auto b) { return b == 0xA5; });
  }
  bool padding_is_zero() const {
    for (int k = array_.channels; k < array_.padded(); ++k) {
      for (int y = 0; y < array_.height; ++y) {
        for (int x = 0; x < array_.width; ++x) {
          if (get(k, y, x) != 0) return false;
        }
      }
    }
    return true;
  }

 private:
  std::size_t place(int k, int y, int x) const {
    const int b = array_.block;
    const std::int64_t pixel = std::int64_t{y} * array_.width + x;
    return static_cast<std::size_t>((k / b * array_.pixels() + pixel) * b + k % b);
  }
  double get(int k, int y, int x) const {
    if (array_.type == DType::bf16) {
      std::uint16_t bits;
      std::memcpy(&bits, bytes_.data() + 2 * place(k, y, x), 2);
      return static_cast<double>(of_bf16(bits));
    }
    float v;
    std::memcpy(&v, bytes_.data() + 4 * place(k, y, x), 4);
    return static_cast<double>(v);
  }
  double put(int k, int y, int x, double value) {
    const auto v = static_cast<float>(value);
    if (array_.type == DType::bf16) {
      const std::uint16_t bits = bf16_bits(v);
      std::memcpy(bytes_.data() + 2 * place(k, y, x), &bits, 2);
    } else {
      std::memcpy(bytes_.data() + 4 * place(k, y, x), &v, 4);
    }
    return get(k, y, x);
  }
  MutableArray array_;
  std::vector<std::uint8_t> bytes_;
};

Map random_map(int c, int h, int w, Rng& rng, double size = 4) {
  Map map(c, h, w);
  for (double& v : map.values) v = rng.uniform(-size, size);
  return map;
}

/// Half a unit in the last place of the result's type, and a few of f32 for the arithmetic.
void expect_stored(const Stored& got, const Map& want, double magnitude = 0) {
  const double half = got.array().type == DType::bf16 ? 0x1p-8 : 0;
  EXPECT_TRUE(all_within(got.map().values, want.values, [&](std::size_t i) {
    const double size = std::abs(want.values[i]);
    return half * size + 8 * FLT_EPSILON * std::max(size, magnitude) + FLT_MIN;
  }));
  EXPECT_TRUE(got.padding_is_zero());
  EXPECT_TRUE(got.guard_intact());
}

/// Runs `body(storing, channels, height, width, rng)` over all layouts, types and odd shapes.
template <class Body>
void for_all(const Body& body) {
  std::uint64_t sample = 0;
  for (const int block : {1, 8, 16, 0}) {
    for (const DType type : {DType::f32, DType::bf16}) {
      for (const int c : {1, 7, 16, 17, 33}) {
        for (const Size size : {Size{1, 1}, Size{5, 3}, Size{8, 7}}) {
          SCOPED_TRACE(format("block {} {} {}x{}x{}", block, type == DType::f32 ? "f32" : "bf16", c,
                              size.height, size.width));
          Rng rng(5, Stream::test, 1, sample++);
          body(Storing{block, type}, c, size.height, size.width, rng);
          if (testing::Test::HasFailure()) return;
        }
      }
    }
  }
}

TEST(KernelToPlanar, IsChannelsRowsColumns) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    Map map = random_map(c, h, w, rng);
    const Stored src(map, how);
    const std::vector<float> got = runtime::to_planar(src.array());
    EXPECT_TRUE(all_within(got, map.values, [](std::size_t) { return 0.0; }));
  });
}

TEST(KernelCopy, MovesAnyRangeOfChannelsAndNoOther) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    Map source = random_map(c, h, w, rng);
    Map target = random_map(c + 5 + rng.below(20), h, w, rng);
    const Stored src(source, how), dst(target, how);
    const int count = 1 + rng.below(c), from = rng.below(c - count + 1);
    const int begin = rng.below(target.c - count + 1);
    // Aligned ranges take another way through the kernel.
    runtime::copy_channels(src.array(), from, dst.out(), begin, count);
    for (int k = 0; k < count; ++k) {
      for (int y = 0; y < h; ++y) {
        for (int x = 0; x < w; ++x) target.at(begin + k, y, x) = source.at(from + k, y, x);
      }
    }
    expect_stored(dst, target);
  });
}

TEST(KernelCopy, MovesWholeMapsToTheFrontAndTheEnd) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    Map source = random_map(c, h, w, rng);
    for (const bool at_end : {false, true}) {
      Map target = random_map(16 + c, h, w, rng);
      const Stored src(source, how), dst(target, how);
      runtime::copy_channels(src.array(), 0, dst.out(), at_end ? 16 : 0, c);
      for (int k = 0; k < c; ++k) {
        for (int y = 0; y < h; ++y) {
          for (int x = 0; x < w; ++x) target.at((at_end ? 16 : 0) + k, y, x) = source.at(k, y, x);
        }
      }
      EXPECT_TRUE(dst.map().values == target.values) << at_end;
    }
  });
}

TEST(KernelUpsample, RepeatsOrSums) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    const int s = 1 + rng.below(3);
    const double scale = rng.chance(0.5) ? 1 : rng.uniform(0.5, 2);
    Map small = random_map(c, h, w, rng);
    const Stored src(small, how), dst(c, h * s, w * s, how);
    runtime::upsample(src.array(), dst.out(), {.stride = s, .scale = scale});
    Map want(c, h * s, w * s);
    for (int k = 0; k < c; ++k) {
      for (int y = 0; y < h * s; ++y) {
        for (int x = 0; x < w * s; ++x) want.at(k, y, x) = scale * small.at(k, y / s, x / s);
      }
    }
    expect_stored(dst, want);

    Map large = random_map(c, h * s, w * s, rng);
    const Stored wide(large, how), shrunk(c, h, w, how);
    runtime::upsample(wide.array(), shrunk.out(), {.stride = s, .scale = scale, .shrink = true});
    Map sums(c, h, w);
    for (int k = 0; k < c; ++k) {
      for (int y = 0; y < h * s; ++y) {
        for (int x = 0; x < w * s; ++x) sums.at(k, y / s, x / s) += scale * large.at(k, y, x);
      }
    }
    expect_stored(shrunk, sums, 72);
  });
}

TEST(KernelBinary, AddsAndMultipliesInEveryMatch) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    for (const auto kind : {Binary::Kind::add, Binary::Kind::multiply}) {
      for (const auto match : {Binary::Match::equal, Binary::Match::per_channel,
                               Binary::Match::per_pixel, Binary::Match::common}) {
        if (match == Binary::Match::common && kind != Binary::Kind::add) continue;
        const bool channel = match == Binary::Match::per_channel;
        const bool pixel = match == Binary::Match::per_pixel;
        Map a = random_map(pixel ? 1 : c, channel ? 1 : h, channel ? 1 : w, rng);
        Map b = random_map(match == Binary::Match::common ? 1 + rng.below(2 * c) : c, h, w, rng);
        const Stored x(a, how), y(b, how), dst(c, h, w, how);
        runtime::binary(x.array(), y.array(), dst.out(), {kind, match});
        Map want(c, h, w);
        for (int k = 0; k < c; ++k) {
          for (int i = 0; i < h; ++i) {
            for (int j = 0; j < w; ++j) {
              const double u = a.at(pixel ? 0 : k, channel ? 0 : i, channel ? 0 : j);
              const double v = k < b.c ? b.at(k, i, j) : 0;
              want.at(k, i, j) = kind == Binary::Kind::add ? u + v : u * v;
            }
          }
        }
        expect_stored(dst, want, 8);
      }
    }
  });
}

TEST(KernelWeightedSum, SkipsChannelsASourceLacks) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    for (const bool per_channel : {false, true}) {
      std::vector<Map> maps;
      maps.push_back(random_map(c, h, w, rng));
      maps.push_back(random_map(1 + rng.below(2 * c), h, w, rng));
      maps.push_back(random_map(c, h, w, rng));
      std::vector<Stored> stored;
      std::vector<Array> arrays;
      for (Map& map : maps) stored.emplace_back(map, how);
      for (const Stored& s : stored) {
        arrays.push_back(s.array());
      }
      std::vector<double> weights(per_channel ? 3 * static_cast<std::size_t>(c) : 3);
      for (double& v : weights) v = rng.uniform(-1, 1);
      const Stored dst(c, h, w, how);
      runtime::weighted_sum(arrays, weights, per_channel, dst.out());
      Map want(c, h, w);
      for (std::size_t s = 0; s < 3; ++s) {
        for (int k = 0; k < std::min(c, maps[s].c); ++k) {
          const double weight =
              weights[per_channel ? s * static_cast<std::size_t>(c) + static_cast<std::size_t>(k)
                                  : s];
          for (int i = 0; i < h; ++i) {
            for (int j = 0; j < w; ++j) want.at(k, i, j) += weight * maps[s].at(k, i, j);
          }
        }
      }
      expect_stored(dst, want, 12);
    }
  });
}

TEST(KernelScaleShift, IsPerChannel) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    Map map = random_map(c, h, w, rng);
    std::vector<float> scale, shift;
    for (int k = 0; k < c; ++k) {
      scale.push_back(static_cast<float>(rng.uniform(-2, 2)));
      shift.push_back(static_cast<float>(rng.uniform(-2, 2)));
    }
    const Stored src(map, how), dst(c, h, w, how);
    runtime::scale_shift(src.array(), scale, shift, dst.out());
    for (int k = 0; k < c; ++k) {
      for (int y = 0; y < h; ++y) {
        for (int x = 0; x < w; ++x) {
          const auto at = static_cast<std::size_t>(k);
          map.at(k, y, x) =
              map.at(k, y, x) * static_cast<double>(scale[at]) + static_cast<double>(shift[at]);
        }
      }
    }
    expect_stored(dst, map, 10);
  });
}

/// Values of one window, or nothing when it lies outside.
std::vector<double> window(const Map& map, const Pool& op, int k, int y, int x) {
  std::vector<double> values;
  for (int i = 0; i < op.kh; ++i) {
    for (int j = 0; j < op.kw; ++j) {
      const int row = y * op.stride_y - op.pad_y + i, column = x * op.stride_x - op.pad_x + j;
      if (row < 0 || row >= map.h || column < 0 || column >= map.w) continue;
      values.push_back(map.at(k, row, column));
    }
  }
  return values;
}

TEST(KernelPool, TakesTheCellsInsideOnly) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    for (const auto kind : {Pool::Kind::max, Pool::Kind::average}) {
      Pool op{.kind = kind};
      op.kh = 1 + rng.below(5), op.kw = 1 + rng.below(5);
      op.stride_y = 1 + rng.below(3), op.stride_x = 1 + rng.below(3);
      op.pad_y = rng.below(op.kh), op.pad_x = rng.below(op.kw);
      Map map = random_map(c, h, w, rng);
      const int oh = (h + op.pad_y) / op.stride_y + 1, ow = (w + op.pad_x) / op.stride_x + 1;
      const Stored src(map, how), dst(c, oh, ow, how);
      runtime::pool(src.array(), dst.out(), op);
      const Map got = dst.map();
      Map want(c, oh, ow);
      for (int k = 0; k < c; ++k) {
        for (int y = 0; y < oh; ++y) {
          for (int x = 0; x < ow; ++x) {
            const auto cells = window(map, op, k, y, x);
            if (cells.empty()) {  // said for maxima only
              if (kind == Pool::Kind::max) {
                EXPECT_LE(got.at(k, y, x), -0x1.FEp127);
              }
              want.at(k, y, x) = got.at(k, y, x);
              continue;
            }
            double sum = 0;
            for (const double v : cells) sum += v;
            want.at(k, y, x) = kind == Pool::Kind::max
                                   ? *std::max_element(cells.begin(), cells.end())
                                   : sum / static_cast<double>(cells.size());
          }
        }
      }
      expect_stored(dst, want, 4);
    }
  });
}

TEST(KernelPool, OverChannelsTakesEveryNthOne) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    const int left = 1 + rng.below(c);
    Map map = random_map(c, h, w, rng);
    const Stored src(map, how), dst(left, h, w, how);
    Pool op;
    op.depth = left;
    runtime::pool(src.array(), dst.out(), op);
    Map want(left, h, w);
    std::fill(want.values.begin(), want.values.end(), -HUGE_VAL);
    for (int k = 0; k < c; ++k) {
      for (int y = 0; y < h; ++y) {
        for (int x = 0; x < w; ++x) {
          want.at(k % left, y, x) = std::max(want.at(k % left, y, x), map.at(k, y, x));
        }
      }
    }
    expect_stored(dst, want);
  });
}

// The formulas of the header: dst[k][j][i] = src[k mod C][j*s + (k/C)/s][i*s + (k/C) mod s].
TEST(KernelReorg, FollowsTheFormulasAndItsInversesUndoIt) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    const int s = 1 + rng.below(3), square = s * s;
    Map large = random_map(c * square, h * s, w * s, rng);
    const Stored src(large, how);
    const Stored packed(c * square * square, h, w, how);
    runtime::reorg(src.array(), packed.out(), {Reorg::Kind::space_to_depth, s});
    Map want(c * square * square, h, w);
    const int channels = large.c;
    for (int k = 0; k < want.c; ++k) {
      for (int j = 0; j < h; ++j) {
        for (int i = 0; i < w; ++i) {
          const int offset = k / channels;
          want.at(k, j, i) = large.at(k % channels, j * s + offset / s, i * s + offset % s);
        }
      }
    }
    EXPECT_TRUE(packed.map().values == want.values);
    EXPECT_TRUE(packed.padding_is_zero());
    const Stored back(large.c, h * s, w * s, how);
    runtime::reorg(packed.array(), back.out(), {Reorg::Kind::depth_to_space, s});
    EXPECT_TRUE(back.map().values == large.values);

    // flat_out[i + W (j + H k)] = flat_in[w2 + W s (h2 + H s c2)] over the input's C, H, W.
    const Stored flat(c * square * square, h, w, how);
    runtime::reorg(src.array(), flat.out(), {Reorg::Kind::flat, s});
    std::vector<double> moved(large.values.size());
    const int few = large.c / square, height = large.h, width = large.w;
    for (int k = 0; k < large.c; ++k) {
      for (int j = 0; j < height; ++j) {
        for (int i = 0; i < width; ++i) {
          const int c2 = k % few, offset = k / few;
          const int w2 = i * s + offset % s, h2 = j * s + offset / s;
          moved[static_cast<std::size_t>(i + width * (j + height * k))] =
              large.values[static_cast<std::size_t>(w2 + width * s * (h2 + height * s * c2))];
        }
      }
    }
    EXPECT_TRUE(flat.map().values == moved);
    const Stored unflat(large.c, h * s, w * s, how);
    runtime::reorg(flat.array(), unflat.out(), {Reorg::Kind::flat_inverse, s});
    EXPECT_TRUE(unflat.map().values == large.values);
  });
}

TEST(KernelActivate, IsTheFormulaOfEveryValue) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    for (const std::string_view name : Act::names()) {
      const Act act = *Act::find(name);
      if (act.across() != Across::none) continue;
      Map map = random_map(c, h, w, rng, 6);
      const Stored src(map, how), dst(c, h, w, how);
      runtime::activate(src.array(), dst.out(), {.act = act});
      for (double& v : map.values) v = act.apply(v);
      expect_stored(dst, map);
    }
  });
}

TEST(KernelActivate, CouplesTheChannelsOfAPixel) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    for (const Across across : {Across::relu_sum, Across::exp_sum, Across::exp_sum_shifted}) {
      Map map = random_map(c, h, w, rng), want(c, h, w);
      const Stored src(map, how), dst(c, h, w, how);
      runtime::activate(src.array(), dst.out(), {.act = Act(across)});
      for (int y = 0; y < h; ++y) {
        for (int x = 0; x < w; ++x) {
          double sum = 1e-4, greatest = -HUGE_VAL;
          for (int k = 0; k < c; ++k) greatest = std::max(greatest, map.at(k, y, x));
          const double shift = across == Across::exp_sum_shifted ? greatest : 0;
          const auto f = [&](double v) {
            return across == Across::relu_sum ? std::max(v, 0.0) : std::exp(v - shift);
          };
          for (int k = 0; k < c; ++k) sum += f(map.at(k, y, x));
          for (int k = 0; k < c; ++k) want.at(k, y, x) = f(map.at(k, y, x)) / sum;
        }
      }
      expect_stored(dst, want);
    }
  });
}

TEST(KernelActivate, TakesSoftmaxOfPixelsAndOfAllValues) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    for (const bool flat : {false, true}) {
      Activate op{.act = Act(Across::softmax), .temperature = rng.uniform(0.5, 2), .flat = flat};
      op.groups = c % 3 == 0 ? 3 : 1;
      Map map = random_map(c, h, w, rng, 30), want(c, h, w);
      const Stored src(map, how), dst(c, h, w, how);
      runtime::activate(src.array(), dst.out(), op);
      const int plane = h * w, run = flat ? 1 : plane, length = (flat ? c * plane : c) / op.groups;
      for (int r = 0; r < run; ++r) {
        for (int g = 0; g < op.groups; ++g) {
          const auto place = [&](int i) {
            return static_cast<std::size_t>(flat ? g * length + i : (g * length + i) * plane + r);
          };
          double greatest = -HUGE_VAL, sum = 0;
          for (int i = 0; i < length; ++i) greatest = std::max(greatest, map.values[place(i)]);
          const auto f = [&](int i) {
            return std::exp((map.values[place(i)] - greatest) / op.temperature);
          };
          for (int i = 0; i < length; ++i) sum += f(i);
          for (int i = 0; i < length; ++i) want.values[place(i)] = f(i) / sum;
        }
      }
      expect_stored(dst, want);
    }
  });
}

TEST(KernelZeroPadding, TouchesThePaddingOnly) {
  for_all([](Storing how, int c, int h, int w, Rng& rng) {
    Map map = random_map(c, h, w, rng);
    const Stored dst(map, how);
    runtime::zero_padding(dst.out());
    expect_stored(dst, map);
    const Stored dirty(c, h, w, how);
    runtime::zero_padding(dirty.out());
    EXPECT_TRUE(dirty.padding_is_zero());
    EXPECT_TRUE(dirty.guard_intact());
  });
}

// The epilogue ------------------------------------------------------------------------------------

class KernelEpilogue : public testing::TestWithParam<std::string_view> {};

/// -100 to 100 in steps that fall on no grid, and the ends of every piece.
std::vector<float> arguments() {
  std::vector<float> x = {0.0F,  -0.0F, 1e-30F, -1e-30F, 1e-6F,  -1e-6F, 6.0F,
                          -2.0F, 20.0F, -20.0F, 88.0F,   -88.0F, 100.0F, -100.0F};
  for (int i = 0; i < 20'000; ++i) x.push_back(-100.0F + 0.0100007F * static_cast<float>(i));
  return x;
}

// Below -87 e^x leaves the normal floats; what it is a factor of is exact to that times |x|.
TEST_P(KernelEpilogue, IsTheFormulaToTheFifthDigit) {
  const Act act = *Act::find(GetParam());
  std::vector<float> values = arguments();
  const std::vector<float> x = values;
  runtime::epilogue(values.data(), nullptr, std::ssize(values), act);
  std::vector<double> want;
  for (const float v : x) want.push_back(act.apply(static_cast<double>(v)));
  EXPECT_TRUE(all_within(values, want, [&](std::size_t i) {
    const double smallest = 2 * FLT_MIN * std::max(1.0, std::abs(static_cast<double>(x[i])));
    return 1e-5 * std::abs(want[i]) + smallest;
  }));
}

TEST_P(KernelEpilogue, AddsTheResidualAndLeavesTheRestAlone) {
  const Act act = *Act::find(GetParam());
  for (int count = 0; count <= 40; ++count) {
    Rng rng(8, Stream::test, 0, static_cast<std::uint64_t>(count));
    // Starts at an address that no vector is aligned to.
    std::vector<float> values(static_cast<std::size_t>(count) + 2, 77.0F), residual(values.size());
    std::vector<double> want(values.size(), 77.0);
    for (int i = 1; i <= count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      values[at] = static_cast<float>(rng.uniform(-8, 8));
      residual[at] = static_cast<float>(rng.uniform(-8, 8));
      want[at] = act.apply(static_cast<double>(values[at])) + static_cast<double>(residual[at]);
    }
    runtime::epilogue(values.data() + 1, residual.data() + 1, count, act);
    EXPECT_TRUE(all_within(values, want, [](std::size_t) { return 16 * 1e-5; })) << count;
    EXPECT_EQ(values.front(), 77.0F);
    EXPECT_EQ(values.back(), 77.0F);
  }
}

std::vector<std::string_view> formula_names() {
  std::vector<std::string_view> names;
  for (const std::string_view name : Act::names()) {
    if (Act::find(name)->across() == Across::none) names.push_back(name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Activations, KernelEpilogue, testing::ValuesIn(formula_names()),
                         [](const auto& it) { return std::string(it.param); });

TEST(KernelEpilogueEnds, PassesInfinityOnAndMakesNone) {
  for (const char* name : {"linear", "leaky", "relu", "mish", "swish", "logistic"}) {
    const Act act = *Act::find(name);
    std::vector<float> values(33, 3e38F);
    values[1] = -3e38F, values[32] = -3e38F;
    runtime::epilogue(values.data(), nullptr, 33, act);
    for (const float v : values) EXPECT_TRUE(std::isfinite(v)) << name;
    std::vector<float> infinite(33, HUGE_VALF);
    runtime::epilogue(infinite.data(), nullptr, 33, act);
    for (const float v : infinite) {
      EXPECT_EQ(v, static_cast<float>(act.apply(HUGE_VAL))) << name;
    }
  }
}

TEST(KernelEpilogueEnds, PassesNotANumberOn) {
  for (const char* name : {"linear", "leaky", "relu", "mish", "swish", "logistic"}) {
    std::vector<float> values(19, std::nanf(""));
    runtime::epilogue(values.data(), nullptr, 19, *Act::find(name));
    for (const float v : values) EXPECT_TRUE(std::isnan(v)) << name;
  }
}

}  // namespace
}  // namespace syolo::test
