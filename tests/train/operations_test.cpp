// Convolutions in f32 and bf16 against the same ones in double: shapes for which the library takes
// other ways.
#include "syolo/train/operations_impl.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "syolo/base/text.h"

namespace syolo::test {
namespace {

struct Case {
  const char* name;
  int batch, channels, filters, height, width;
  int kh, kw, stride, pad;
  int groups = 1, dilation = 1;
  int left_out = 0;  // rows and columns at the end that no window reaches
};
void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

constexpr Case kCases[] = {
    {"one_cell", 2, 40, 32, 13, 13, 1, 1, 1, 0},
    {"channels_of_two_blocks_and_one", 2, 33, 16, 16, 16, 1, 1, 1, 0},
    {"odd_filters", 2, 12, 13, 10, 18, 1, 1, 1, 0},
    {"one_filter", 2, 49, 1, 8, 8, 1, 1, 1, 0},
    {"one_pixel", 3, 16, 32, 1, 1, 1, 1, 1, 0},
    {"cells_at_stride_2", 2, 16, 16, 10, 10, 1, 1, 2, 0, 1, 1, 1},
    {"few_channels", 2, 3, 16, 16, 64, 3, 3, 1, 1},
    {"winograd", 2, 32, 64, 20, 24, 3, 3, 1, 1},
    {"winograd_of_uneven_sides", 3, 64, 16, 13, 19, 3, 3, 1, 1},
    {"winograd_without_padding", 2, 32, 32, 18, 21, 3, 3, 1, 0},
    {"winograd_of_many_channels", 4, 256, 256, 16, 16, 3, 3, 1, 1},
    {"many_channels", 1, 128, 256, 5, 5, 3, 3, 1, 1},
    {"stride_2", 2, 32, 64, 26, 26, 3, 3, 2, 1},
    {"winograd_of_uneven_padding", 3, 64, 16, 15, 15, 3, 3, 1, 1, 1, 1, 1},
    {"narrower_than_stride", 3, 38, 18, 18, 1, 3, 3, 2, 1},
    {"padding_before_alone", 2, 16, 16, 16, 16, 3, 3, 1, 2, 1, 1, 2},
    {"padding_behind_alone", 2, 8, 16, 15, 15, 2, 2, 1, 0, 1, 1, -1},
    {"rows_left_out", 2, 16, 32, 12, 12, 3, 3, 3, 0, 1, 1, 0},
    {"dilated", 2, 40, 24, 15, 17, 3, 3, 1, 2, 1, 2},
    {"tall_kernel", 2, 16, 8, 12, 14, 5, 1, 1, 0},
    {"depthwise", 2, 24, 24, 14, 14, 3, 3, 1, 1, 24},
    {"groups_of_8", 2, 32, 64, 14, 14, 3, 3, 1, 1, 4},
    {"groups_of_odd_size", 2, 9, 15, 9, 9, 3, 3, 2, 1, 3},
    {"rows_above_352", 2, 3, 16, 16, 360, 3, 3, 1, 1},
    {"rows_of_blocks_above_352", 2, 16, 32, 16, 416, 3, 3, 1, 1},
    {"rows_above_704", 2, 4, 8, 12, 720, 3, 3, 1, 1},
    {"rows_above_768", 2, 3, 8, 12, 897, 3, 3, 1, 1},
    {"long_rows_at_stride_2", 2, 3, 16, 16, 801, 3, 3, 2, 1},
    {"long_rows_of_groups", 2, 8, 16, 16, 400, 3, 3, 1, 1, 4},
    {"long_rows_of_single_cells", 2, 40, 8, 16, 400, 1, 1, 1, 0},
    {"long_rows_of_5x5", 2, 4, 8, 16, 400, 5, 5, 1, 2},
};

Conv conv_of(const Case& test) {
  Conv op;
  op.filters = test.filters, op.kh = test.kh, op.kw = test.kw;
  op.stride_y = op.stride_x = test.stride;
  op.pad_y = op.pad_x = test.pad;
  op.groups = test.groups, op.dilation = test.dilation;
  return op;
}

Shape result_of(const Case& test) {
  const auto side = [&](int length, int size) {
    const int extent = test.dilation * (size - 1) + 1;
    return (length + 2 * test.pad - extent - test.left_out) / test.stride + 1;
  };
  return {test.batch, test.filters, side(test.height, test.kh), side(test.width, test.kw)};
}

/// A convolution of random values that bf16 holds, so that it rounds results only.
class Trial {
 public:
  explicit Trial(const Case& test) :
      op_(conv_of(test)), shape_(result_of(test)),
      src_(random({test.batch, test.channels, test.height, test.width})),
      kernel_(random({op_.filters, test.channels / op_.groups, op_.kh, op_.kw})),
      bias_(random({op_.filters})), of_dst_(random({shape_.n, shape_.c, shape_.h, shape_.w})) {}

  /// Result and gradients in each type of values; kernels are never in bf16.
  std::vector<torch::Tensor> results(torch::ScalarType type) const {
    const auto full = type == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
    const auto leaf = [](const torch::Tensor& tensor, torch::ScalarType to) {
      return tensor.to(to).detach().clone().requires_grad_();
    };
    const torch::Tensor x = leaf(src_, type), w = leaf(kernel_, full), b = leaf(bias_, full);
    const torch::Tensor dst = train::convolve(op_, x, w, b, shape_);
    dst.backward(of_dst_.to(type));
    return {dst.detach(), x.grad(), w.grad(), b.grad(),
            train::kernel_gradient(op_, src_.to(type), kernel_.to(full), of_dst_.to(type))};
  }

  /// Largest error of the results, in norms; again, since what is left in memory differs.
  double error(torch::ScalarType type, int times) const {
    const std::vector<torch::Tensor> want = results(torch::kFloat64);
    double largest = 0;
    for (int again = 0; again < times; ++again) {
      const std::vector<torch::Tensor> got = results(type);
      for (std::size_t i = 0; i < want.size(); ++i) {
        const torch::Tensor difference = got[i].to(torch::kFloat64) - want[i];
        const double error = (difference.norm() / want[i].norm()).item<double>();
        EXPECT_EQ(got[i].sizes(), want[i].sizes()) << "result " << i;
        if (!(error <= largest)) largest = error;
      }
    }
    return largest;
  }

 private:
  static torch::Tensor random(at::IntArrayRef sizes) {
    return torch::randn(sizes).to(torch::kBFloat16);
  }

  Conv op_;
  Shape shape_;
  torch::Tensor src_, kernel_, bias_, of_dst_;
};

/// Sums of thousands, and Winograd's transform, in units of a rounding.
constexpr double kF32 = 64 * std::numeric_limits<float>::epsilon() / 2;
constexpr double kBf16 = 1.0 / 256;  // a half unit in the last of 8 bits, each value

class Convolution : public testing::TestWithParam<Case> {};

TEST_P(Convolution, InF32RoundsWhatDoubleComputes) {
  EXPECT_LT(Trial(GetParam()).error(torch::kFloat32, 3), kF32);
}

TEST_P(Convolution, InBf16RoundsWhatDoubleComputes) {
  EXPECT_LT(Trial(GetParam()).error(torch::kBFloat16, 3), kBf16);
}

TEST_P(Convolution, OnOneThreadGivesTheResultOfTwo) {
  const int before = torch::get_num_threads();
  const Trial trial(GetParam());
  for (const auto type : {torch::kFloat32, torch::kBFloat16}) {
    torch::set_num_threads(1);
    const std::vector<torch::Tensor> one = trial.results(type);
    torch::set_num_threads(2);
    const std::vector<torch::Tensor> two = trial.results(type);
    EXPECT_TRUE(one[0].equal(two[0])) << type;
    EXPECT_TRUE(one[1].equal(two[1])) << type;
  }
  torch::set_num_threads(before);
}

INSTANTIATE_TEST_SUITE_P(Shapes, Convolution, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

/// Any form that a network can have: windows begin in the padding and end at most a stride early.
TEST(AnyConvolution, RoundsWhatDoubleComputes) {
  std::mt19937 engine(1);
  const auto between = [&](int least, int most) {
    return std::uniform_int_distribution(least, most)(engine);
  };
  for (int i = 0; i < 300; ++i) {
    const int size = between(1, 5), groups = between(0, 3) == 0 ? between(2, 4) : 1;
    const int dilation = between(0, 3) == 0 ? 2 : 1, extent = dilation * (size - 1) + 1;
    const int block = between(0, 1) == 0 ? 16 : 1, most = std::max(1, 48 / block / groups);
    const Case test{"any",
                    between(1, 3),
                    groups * block * between(1, most),
                    groups * block * between(1, most),
                    between(extent, 24),
                    between(extent, 24),
                    size,
                    size,
                    between(1, 3),
                    between(0, size - 1) * dilation,
                    groups,
                    dilation};
    const Trial trial(test);
    const std::string what = format(
        "{}x{}x{}x{} to {} filters of {}x{}/{}, padding {}, {} groups, "
        "dilation {}",
        test.batch, test.channels, test.height, test.width, test.filters, size, size, test.stride,
        test.pad, groups, dilation);
    EXPECT_LT(trial.error(torch::kFloat32, 1), kF32) << what;
    EXPECT_LT(trial.error(torch::kBFloat16, 1), kBf16) << what;
  }
}

}  // namespace
}  // namespace syolo::test
