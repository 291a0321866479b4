#include "layers/activation.h"

#include "config/names.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;
using config::Activation;

class ActivationLayer : public Layer {
 public:
  ActivationLayer(const LayerContext& context, Activation function, double negative_slope, bool fused_before)
      : Layer(context.name, LayerKind::activation, config::name_of(function), context.src_shape, context.src_shape),
        function_(function, negative_slope),
        kind_(function),
        fused_before_(fused_before) {}

  std::optional<Activation> activation() const override { return kind_; }

  Forward build(Builder& builder, const Tensor& src) override {
    builder.observe("input", src);
    Forward result = kind_ == Activation::identity || (fused_before_ && builder.may_fuse()) ? pass_on(builder, src)
                                                                                            : apply(builder, src);
    builder.observe("output", result.dst);
    return result;
  }

 private:
  static Forward pass_on(Builder& builder, const Tensor& src) {
    if (!builder.has_backward() || !src.needs_diff) return {src, {}};
    return {src, [](Builder&, const Tensor& diff_dst) { return diff_dst; }};
  }

  Forward apply(Builder& builder, const Tensor& src) {
    dnnl::memory input = src.memory;
    // oneDNN has only reference code for functions that would have to write zeros back into the padding.
    if (!function_.keeps_zero() && onednn::is_padded(src.memory.get_desc()))
      input = builder.reorder_to(src.memory, onednn::row_major_desc(compat::dims_of(src.memory.get_desc()),
                                                                    compat::type_of(src.memory.get_desc())));
    const onednn::Desc desc = input.get_desc();
    const Tensor dst{builder.allocate(desc), src.shape, src.needs_diff};
    function_.forward(builder, input, dst.memory);
    if (!builder.has_backward() || !src.needs_diff) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              const Tensor diff_src{b.allocate(desc), src.shape, true};
              function_.backward(b, input, dst.memory, b.reorder_to(diff_dst.memory, desc), diff_src.memory);
              return diff_src;
            }};
  }

  Elementwise function_;
  Activation kind_;
  bool fused_before_;
};

}  // namespace

Elementwise::Elementwise(Activation function, double negative_slope)
    : forward_(dnnl::algorithm::eltwise_linear),
      backward_(dnnl::algorithm::eltwise_linear),
      backward_uses_dst_(false),
      keeps_zero_(config::row_of(function).keeps_zero),
      alpha_(1.0f) {
  using dnnl::algorithm;
  const auto set = [this](algorithm forward, algorithm backward, float alpha) {
    forward_ = forward;
    backward_ = backward;
    backward_uses_dst_ = forward != backward;
    alpha_ = alpha;
  };
  switch (function) {
    case Activation::identity:
      break;
    case Activation::relu:
      set(algorithm::eltwise_relu, algorithm::eltwise_relu_use_dst_for_bwd, 0.0f);
      break;
    case Activation::leaky_relu:  // the output tells the sign of the input unless the slope turns it over
      set(algorithm::eltwise_relu,
          negative_slope >= 0 ? algorithm::eltwise_relu_use_dst_for_bwd : algorithm::eltwise_relu,
          static_cast<float>(negative_slope));
      break;
    case Activation::elu:
      set(algorithm::eltwise_elu, algorithm::eltwise_elu_use_dst_for_bwd, 1.0f);
      break;
    case Activation::softplus:  // oneDNN 3 takes alpha for log(1 + e^(alpha x)) / alpha, 2.6 takes none
      set(algorithm::eltwise_soft_relu, algorithm::eltwise_soft_relu, 1.0f);
      break;
    case Activation::gelu:
      set(algorithm::eltwise_gelu_erf, algorithm::eltwise_gelu_erf, 0.0f);
      break;
    case Activation::sigmoid:
      set(algorithm::eltwise_logistic, algorithm::eltwise_logistic_use_dst_for_bwd, 0.0f);
      break;
    case Activation::tanh:
      set(algorithm::eltwise_tanh, algorithm::eltwise_tanh_use_dst_for_bwd, 0.0f);
      break;
  }
}

dnnl::eltwise_forward::primitive_desc Elementwise::forward_desc(Builder& builder, const onednn::Desc& desc) const {
  return compat::eltwise_forward(builder.engine(), builder.prop_kind(), builder.has_backward() ? backward_ : forward_,
                                 desc, alpha_, 0.0f, builder.attributes());
}

void Elementwise::forward(Builder& builder, const dnnl::memory& src, const dnnl::memory& dst) const {
  const auto pd = forward_desc(builder, src.get_desc());
  builder.add("forward", pd, dnnl::eltwise_forward(pd), {{DNNL_ARG_SRC, src}, {DNNL_ARG_DST, dst}});
}

void Elementwise::backward(Builder& builder, const dnnl::memory& src, const dnnl::memory& dst,
                           const dnnl::memory& diff_dst, const dnnl::memory& diff_src) const {
  const onednn::Desc desc = dst.get_desc();
  const auto pd = compat::eltwise_backward(builder.engine(), backward_, desc, desc, alpha_, 0.0f,
                                           forward_desc(builder, desc), builder.attributes());
  builder.add("backward_data", pd, dnnl::eltwise_backward(pd),
              {{backward_uses_dst_ ? DNNL_ARG_DST : DNNL_ARG_SRC, backward_uses_dst_ ? dst : src},
               {DNNL_ARG_DIFF_DST, diff_dst},
               {DNNL_ARG_DIFF_SRC, diff_src}});
}

std::unique_ptr<Layer> make_activation(const LayerContext& context, Activation function, double negative_slope,
                                       bool fused_before) {
  return std::make_unique<ActivationLayer>(context, function, negative_slope, fused_before);
}

}  // namespace bnlab::layers
