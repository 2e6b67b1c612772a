// Convolutions in bf16 against the same ones in double: shapes for which a library takes other
// ways.
#include "syolo/train/operations_impl.h"

#include <gtest/gtest.h>

namespace syolo::test {
namespace {

struct Case {
  const char* name;
  int channels, filters, size, stride, height, width, groups;
};
void PrintTo(const Case& test, std::ostream* out) {
  *out << test.name;
}

constexpr Case kCases[] = {
    {"channels_of_no_whole_block", 40, 32, 1, 1, 13, 13, 1},
    {"channels_of_two_blocks_and_one", 33, 16, 1, 1, 16, 16, 1},
    {"one_filter", 49, 1, 1, 1, 8, 8, 1},
    {"few_channels", 3, 16, 3, 1, 16, 64, 1},
    {"rows_above_352", 3, 16, 3, 1, 16, 360, 1},
    {"rows_of_blocks_above_352", 16, 32, 3, 1, 16, 416, 1},
    {"rows_above_704", 4, 8, 3, 1, 12, 720, 1},
    {"rows_above_768", 3, 8, 3, 1, 12, 897, 1},
    {"long_rows_at_stride_2", 3, 16, 3, 2, 16, 801, 1},
    {"long_rows_of_groups", 8, 16, 3, 1, 16, 400, 4},
    {"long_rows_of_single_cells", 40, 8, 1, 1, 16, 400, 1},
    {"long_rows_of_5x5", 4, 8, 5, 1, 16, 400, 1},
};

class ConvolutionInBf16 : public testing::TestWithParam<Case> {};

TEST_P(ConvolutionInBf16, RoundsWhatDoubleComputes) {
  const Case& test = GetParam();
  const Conv op{.filters = test.filters,
                .kh = test.size,
                .kw = test.size,
                .stride_y = test.stride,
                .stride_x = test.stride,
                .pad_y = test.size / 2,
                .pad_x = test.size / 2,
                .groups = test.groups};
  const int height = (test.height - 1) / test.stride + 1,
            width = (test.width - 1) / test.stride + 1;
  // Values that bf16 holds, so that it rounds results only.
  const auto random = [](at::IntArrayRef sizes) {
    return torch::randn(sizes).to(torch::kBFloat16);
  };
  const torch::Tensor src = random({2, test.channels, test.height, test.width});
  const torch::Tensor kernel =
      random({test.filters, test.channels / test.groups, test.size, test.size});
  const torch::Tensor of_dst = random({2, test.filters, height, width});

  const auto results = [&](torch::ScalarType type) {
    const auto leaf = [&](const torch::Tensor& tensor) {
      return tensor.to(type).detach().requires_grad_();
    };
    const torch::Tensor x = leaf(src), w = leaf(kernel);
    const torch::Tensor dst = train::convolve(op, x, w, {}, {1, test.filters, height, width});
    dst.backward(of_dst.to(type));
    return std::vector<torch::Tensor>{
        dst.detach(), x.grad(), w.grad(),
        train::kernel_gradient(op, src.to(type), kernel.to(type), of_dst.to(type))};
  };
  const std::vector<torch::Tensor> want = results(torch::kFloat64);
  for (int again = 0; again < 3; ++again) {  // what is left in memory differs
    const std::vector<torch::Tensor> got = results(torch::kBFloat16);
    for (std::size_t i = 0; i < want.size(); ++i) {
      const torch::Tensor difference = got[i].to(torch::kFloat64) - want[i];
      // A half unit in the last of 8 bits, of each value; twice of a strip's part.
      EXPECT_LT((difference.norm() / want[i].norm()).item<double>(), 1.0 / 256)
          << "result " << i << ", time " << again;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ConvolutionInBf16, testing::ValuesIn(kCases),
                         [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace syolo::test
