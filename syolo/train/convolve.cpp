#include "syolo/train/convolve_impl.h"

#include "syolo/train/kernels/convolution_impl.h"

namespace syolo::train::processor {
namespace {

using convolution::Form;

torch::Tensor channels_last(const torch::Tensor& tensor) {
  return tensor.contiguous(torch::MemoryFormat::ChannelsLast);
}

Shape shape_of(const torch::Tensor& tensor) {
  const auto side = [&](int i) { return static_cast<int>(tensor.size(i)); };
  return {side(0), side(1), side(2), side(3)};
}

Form form_of(const Conv& op, const torch::Tensor& src, Shape dst) {
  dst.n = static_cast<int>(src.size(0));
  const DType type = src.scalar_type() == torch::kBFloat16 ? DType::bf16 : DType::f32;
  return {op, shape_of(src), dst, type};
}

torch::Tensor of_kernel(const Form& form, const torch::Tensor& src, const torch::Tensor& of_dst) {
  const Conv& op = form.op;
  torch::Tensor sums = torch::empty({op.filters, form.src.c / op.groups, op.kh, op.kw});
  convolution::of_kernel(form, src.data_ptr(), of_dst.data_ptr(), sums.data_ptr<float>());
  return sums;
}

/// How autograd keeps a form.
struct FormHolder : torch::CustomClassHolder {
  explicit FormHolder(const Form& kept) : form(kept) {}
  Form form;
};

class Convolve : public torch::autograd::Function<Convolve> {
 public:
  /// @param kernel  filters, channels of a group, rows, columns; f32 like the bias
  /// @param bias    empty: none
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& src,
                               const torch::Tensor& kernel, const torch::Tensor& bias,
                               const Form& form) {
    torch::Tensor dst =
        torch::empty({form.dst.n, form.dst.c, form.dst.h, form.dst.w},
                     src.options().memory_format(torch::MemoryFormat::ChannelsLast));
    convolution::forward(form, src.data_ptr(), kernel.data_ptr<float>(),
                         bias.numel() > 0 ? bias.data_ptr<float>() : nullptr, dst.data_ptr());
    context->save_for_backward({src, kernel});
    context->saved_data["form"] =
        torch::IValue::make_capsule(c10::make_intrusive<FormHolder>(form));
    return dst;
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& gradients) {
    const torch::autograd::tensor_list saved = context->get_saved_variables();
    const torch::Tensor &src = saved[0], &kernel = saved[1];
    const auto holder = context->saved_data.at("form").toCapsule();
    const Form& form = static_cast<const FormHolder&>(*holder).form;
    const torch::Tensor of_dst = channels_last(gradients[0]);
    torch::Tensor of_src, of_bias;
    if (context->needs_input_grad(0)) {
      of_src = torch::empty_like(src);
      convolution::of_source(form, of_dst.data_ptr(), kernel.data_ptr<float>(), of_src.data_ptr());
    }
    if (context->needs_input_grad(2)) of_bias = of_dst.sum({0, 2, 3}, false, torch::kFloat32);
    return {of_src,
            context->needs_input_grad(1) ? of_kernel(form, src, of_dst) : torch::Tensor(),
            of_bias,
            {}};
  }
};

/// Else f32 stands in.
bool is_own_type(const torch::Tensor& src) {
  return src.scalar_type() == torch::kFloat32 || convolution::has_bf16();
}

}  // namespace

bool takes(const torch::Tensor& src) {
  const auto type = src.scalar_type();
  return src.is_cpu() && (type == torch::kFloat32 || type == torch::kBFloat16);
}

torch::Tensor convolve(const Conv& op, const torch::Tensor& src, const torch::Tensor& kernel,
                       const torch::Tensor& bias, const Shape& dst) {
  if (!is_own_type(src)) {
    return convolve(op, src.to(torch::kFloat32), kernel, bias, dst).to(src.scalar_type());
  }
  const auto full = [](const torch::Tensor& tensor) {
    return tensor.to(torch::kFloat32).contiguous();
  };
  return Convolve::apply(channels_last(src), full(kernel.reshape({op.filters, -1, op.kh, op.kw})),
                         bias.defined() ? full(bias) : torch::empty({0}), form_of(op, src, dst));
}

torch::Tensor kernel_gradient(const Conv& op, const torch::Tensor& src,
                              const torch::Tensor& of_dst) {
  if (!is_own_type(src)) {
    return kernel_gradient(op, src.to(torch::kFloat32), of_dst.to(torch::kFloat32));
  }
  return of_kernel(form_of(op, src, shape_of(of_dst)), channels_last(src), channels_last(of_dst));
}

}  // namespace syolo::train::processor
