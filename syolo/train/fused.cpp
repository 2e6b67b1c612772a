#include "syolo/train/fused_impl.h"

#include <algorithm>
#include <cmath>

#include "syolo/train/kernels/norm_impl.h"
#include "syolo/train/operations_impl.h"

namespace syolo::train {
namespace {

using Values = std::vector<double>;

torch::Tensor channels_last(const torch::Tensor& tensor) {
  return tensor.contiguous(torch::MemoryFormat::ChannelsLast);
}

norm::Rows rows_of(const torch::Tensor& tensor) {
  norm::Element element = norm::Element::f32;
  if (tensor.scalar_type() == torch::kFloat64) element = norm::Element::f64;
  if (tensor.scalar_type() == torch::kBFloat16) element = norm::Element::bf16;
  return {element, tensor.numel() / tensor.size(1), tensor.size(1)};
}

Values values_of(const torch::Tensor& tensor) {
  const torch::Tensor plain = tensor.detach().to(torch::kFloat64).contiguous();
  const double* values = plain.data_ptr<double>();
  return Values(values, values + plain.numel());
}

torch::Tensor tensor_of(const Values& values) {
  return torch::tensor(at::ArrayRef<double>(values), torch::kFloat64);
}

struct Moments {
  Values mean, variance;  // of the rows: divided by their number
  double count = 0;       // rows
};
Moments moments(const torch::Tensor& src) {
  const norm::Rows rows = rows_of(src);
  Moments moments{values_of(src[0].select(2, 0).select(1, 0)), {}, 0};  // the first pixel
  const norm::Sums sums = norm::sums(rows, src.data_ptr(), moments.mean);
  const auto count = static_cast<double>(rows.rows);
  moments.count = count;
  for (std::size_t c = 0; c < moments.mean.size(); ++c) {
    const double offset = sums.first[c] / count;
    moments.mean[c] += offset;
    moments.variance.push_back(std::max(0.0, sums.second[c] / count - offset * offset));
  }
  return moments;
}

/// Of the batches of all ranks together.
Moments joined(const Moments& own, Group& group) {
  const std::size_t channels = own.mean.size();
  Values sums(2 * channels + 1);
  for (std::size_t c = 0; c < channels; ++c) {
    sums[c] = own.count * own.mean[c];
    sums[channels + c] = own.count * (own.variance[c] + own.mean[c] * own.mean[c]);
  }
  sums.back() = own.count;
  group.sum(sums);
  Moments all{{}, {}, sums.back()};
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = sums[c] / all.count;
    all.mean.push_back(mean);
    all.variance.push_back(std::max(0.0, sums[channels + c] / all.count - mean * mean));
  }
  return all;
}

/// Moments of the batch and those before it in the window, as Darknet gathers them.
Moments gathered(const Moments& batch, NormWindow& window) {
  const double count = batch.count;
  if (window.batches++ == 0) {
    window.mean.assign(batch.mean.size(), 0), window.square.assign(batch.mean.size(), 0);
  }
  const double share = 1 / static_cast<double>(window.batches);
  Moments all;
  for (std::size_t c = 0; c < batch.mean.size(); ++c) {
    const double mean = batch.mean[c], most = mean * mean;
    const double square = std::max((batch.variance[c] + most) * count / (count - 1), most);
    window.mean[c] += share * (mean - window.mean[c]);
    window.square[c] += share * (square - window.square[c]);
    all.mean.push_back(window.mean[c]);
    all.variance.push_back(std::max(0.0, window.square[c] - window.mean[c] * window.mean[c]));
  }
  return all;
}

/// Moments of the batch and of earlier iterations.
Moments joined(const Moments& batch, const NormEarlier& earlier) {
  const Values mean = values_of(earlier.mean), square = values_of(earlier.square);
  const double all = 1 + static_cast<double>(earlier.count);
  Moments joined{{}, {}, batch.count};
  for (std::size_t c = 0; c < batch.mean.size(); ++c) {
    const double own = batch.variance[c] + batch.mean[c] * batch.mean[c];
    joined.mean.push_back((batch.mean[c] + mean[c]) / all);
    const double of_all = joined.mean[c] * joined.mean[c];
    joined.variance.push_back(std::max(0.0, (own + square[c]) / all - of_all));
  }
  return joined;
}

void move(torch::Tensor running, const Values& values, double factor, double rate) {
  running.mul_(1 - rate).add_(tensor_of(values).to(running.scalar_type()), factor * rate);
}

/// The four rows of the table that autograd keeps.
norm::Channels channels_of(const torch::Tensor& table) {
  return {values_of(table[0]), values_of(table[1]), values_of(table[2]), values_of(table[3])};
}

/// What the gradients of one batch, or of all ranks' together, sum to.
struct BatchSums {
  Values of_bias, of_scale;
  double count = 0;  // rows
};
BatchSums batch_sums(const Values& of_bias, const Values& of_scale, double rows,
                     std::int64_t group) {
  if (group == 0) return {of_bias, of_scale, rows};
  Values all = of_bias;
  all.insert(all.end(), of_scale.begin(), of_scale.end());
  all.push_back(rows);
  reinterpret_cast<Group*>(group)->sum(all);  // NOLINT(performance-no-int-to-ptr): as saved
  const auto half = all.begin() + static_cast<std::ptrdiff_t>(of_bias.size());
  return {{all.begin(), half}, {half, all.end() - 1}, all.back()};
}

class Normalize : public torch::autograd::Function<Normalize> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& src,
                               const torch::Tensor& scale, const torch::Tensor& bias,
                               const torch::Tensor& mean, const torch::Tensor& deviation,
                               const NormOptions& options, double share, const Act& act) {
    const torch::Tensor table = torch::stack(
        {mean, deviation, scale.detach().to(torch::kFloat64), bias.detach().to(torch::kFloat64)});
    torch::Tensor dst = torch::empty_like(src);
    norm::normalize(rows_of(src), src.data_ptr(), channels_of(table), act, dst.data_ptr());
    context->save_for_backward({src, table});
    context->saved_data["of_batch"] = options.of_batch;
    context->saved_data["share"] = share;
    context->saved_data["group"] = reinterpret_cast<std::int64_t>(options.group);
    context->saved_data["act"] = std::string(act.name());
    return dst;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& gradients) {
    const torch::autograd::tensor_list saved = context->get_saved_variables();
    const torch::Tensor& src = saved[0];
    const norm::Channels channels = channels_of(saved[1]);
    const Act act = Act::find(context->saved_data.at("act").toStringRef()).value();
    const torch::Tensor of_dst = channels_last(gradients[0]);
    const norm::Rows rows = rows_of(src);
    torch::Tensor of_src = torch::empty_like(src);
    // bf16 takes little bandwidth, and to keep dz less time than to compute it again; not so f32.
    const bool keeps = rows.element == norm::Element::bf16 && !act.is_linear();
    norm::Sums sums = norm::gradient_sums(rows, src.data_ptr(), of_dst.data_ptr(), channels, act,
                                          keeps ? of_src.data_ptr() : nullptr);
    const Values of_bias = sums.first;
    Values of_scale = sums.second, slope(of_bias.size()), shift(of_bias.size());
    for (std::size_t c = 0; c < of_scale.size(); ++c) of_scale[c] /= channels.deviation[c];
    if (context->saved_data.at("of_batch").toBool()) {
      const double share = context->saved_data.at("share").toDouble();
      const BatchSums batch = batch_sums(of_bias, of_scale, static_cast<double>(rows.rows),
                                         context->saved_data.at("group").toInt());
      for (std::size_t c = 0; c < of_bias.size(); ++c) {
        const double deviation = channels.deviation[c];
        const double factor = share * channels.scale[c] / deviation;
        slope[c] = -factor * batch.of_scale[c] / deviation / batch.count;
        shift[c] = -factor * batch.of_bias[c] / batch.count;
      }
    }
    norm::gradient(rows, src.data_ptr(), (keeps ? of_src : of_dst).data_ptr(), channels,
                   keeps ? Act::linear() : act, slope, shift, of_src.data_ptr());
    return {of_src, tensor_of(of_scale), tensor_of(of_bias), {}, {}, {}, {}, {}};
  }
};

bool has_kernels(const torch::Tensor& src) {
  const auto type = src.scalar_type();
  return src.is_cpu() &&
         (type == torch::kFloat32 || type == torch::kFloat64 || type == torch::kBFloat16);
}

}  // namespace

torch::Tensor normalize(const torch::Tensor& src, const NormTensors& tensors,
                        const NormOptions& options, const Activate& act) {
  if (!has_kernels(src)) {
    return activate(act, torch::batch_norm(src, tensors.scale, tensors.bias, tensors.mean,
                                           tensors.variance, options.of_batch, options.rate,
                                           options.epsilon, /*cudnn_enabled=*/true));
  }
  const torch::Tensor from = channels_last(src);
  torch::Tensor mean = tensors.mean.to(torch::kFloat64);
  torch::Tensor variance = tensors.variance.to(torch::kFloat64);
  double share = 1;
  if (options.of_batch && options.moments != nullptr && options.moments->mean.defined()) {
    mean = options.moments->mean, variance = options.moments->variance;
    share = options.moments->share;
  } else if (options.of_batch) {
    const torch::NoGradGuard no_grad;
    Moments batch = moments(from.detach());
    if (options.group != nullptr) batch = joined(batch, *options.group);
    double unbiased = batch.count / (batch.count - 1);
    if (options.window != nullptr) batch = gathered(batch, *options.window), unbiased = 1;
    move(tensors.mean, batch.mean, 1, options.rate);
    move(tensors.variance, batch.variance, unbiased, options.rate);
    if (options.earlier != nullptr) {
      batch = joined(batch, *options.earlier);
      share = 1 / (1 + static_cast<double>(options.earlier->count));
    }
    mean = tensor_of(batch.mean), variance = tensor_of(batch.variance);
    if (options.moments != nullptr) *options.moments = {mean, variance, share};
  }
  const torch::Tensor deviation = (variance + options.epsilon).sqrt();
  const bool known = norm::knows(act.act);
  const torch::Tensor dst = Normalize::apply(from, tensors.scale, tensors.bias, mean, deviation,
                                             options, share, known ? act.act : Act::linear());
  return known ? dst : activate(act, dst);
}

}  // namespace syolo::train
