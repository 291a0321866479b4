#include "layers/activation.h"

#include "config/names.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;
using config::Activation;

// The backward calls that need the output alone let the input's buffer go.
struct Functions {
  dnnl::algorithm forward;
  dnnl::algorithm backward;
  bool backward_uses_dst;
  bool keeps_zero;  // f(0) = 0, so the padding of a blocked layout stays zero
};

Functions functions_of(Activation function) {
  using dnnl::algorithm;
  switch (function) {
    case Activation::relu:
      return {algorithm::eltwise_relu, algorithm::eltwise_relu_use_dst_for_bwd, true, true};
    case Activation::sigmoid:
      return {algorithm::eltwise_logistic, algorithm::eltwise_logistic_use_dst_for_bwd, true, false};
    case Activation::tanh:
      return {algorithm::eltwise_tanh, algorithm::eltwise_tanh_use_dst_for_bwd, true, true};
    case Activation::identity:
      break;
  }
  return {algorithm::eltwise_linear, algorithm::eltwise_linear, false, true};
}

class ActivationLayer : public Layer {
 public:
  ActivationLayer(const LayerContext& context, Activation function, bool fused_before)
      : Layer(context.name, config::name_of(function), context.src_shape, context.src_shape),
        function_(function),
        fused_before_(fused_before) {}

  Forward build(Builder& builder, const Tensor& src) override {
    builder.observe("input", src);
    Forward result = function_ == Activation::identity || (fused_before_ && builder.may_fuse()) ? pass_on(builder, src)
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
    const Functions f = functions_of(function_);
    Tensor input = src;
    // oneDNN has only reference code for functions that would have to write zeros back into the padding.
    if (!f.keeps_zero && onednn::is_padded(src.memory.get_desc()))
      input.memory = builder.adapt(src.memory, onednn::plain_desc(compat::dims_of(src.memory.get_desc()),
                                                                  compat::type_of(src.memory.get_desc())));
    const onednn::Desc desc = input.memory.get_desc();
    const auto pd =
        compat::eltwise_forward(builder.engine(), builder.prop_kind(), builder.has_backward() ? f.backward : f.forward,
                                desc, 0.0f, 0.0f, builder.attributes());
    const Tensor dst{builder.allocate(desc), src.shape, src.needs_diff};
    builder.add("forward", pd, dnnl::eltwise_forward(pd), {{DNNL_ARG_SRC, input.memory}, {DNNL_ARG_DST, dst.memory}});
    if (!builder.has_backward() || !src.needs_diff) return {dst, {}};
    return {dst, [=](Builder& b, const Tensor& diff_dst) {
              const auto back =
                  compat::eltwise_backward(b.engine(), f.backward, desc, desc, 0.0f, 0.0f, pd, b.attributes());
              const Tensor diff_src{b.allocate(desc), src.shape, true};
              b.add(
                  "backward_data", back, dnnl::eltwise_backward(back),
                  {{f.backward_uses_dst ? DNNL_ARG_DST : DNNL_ARG_SRC, f.backward_uses_dst ? dst.memory : input.memory},
                   {DNNL_ARG_DIFF_DST, b.adapt(diff_dst.memory, desc)},
                   {DNNL_ARG_DIFF_SRC, diff_src.memory}});
              return diff_src;
            }};
  }

  Activation function_;
  bool fused_before_;
};

}  // namespace

std::unique_ptr<Layer> make_activation(const LayerContext& context, Activation function, double, bool fused_before) {
  return std::make_unique<ActivationLayer>(context, function, fused_before);
}

}  // namespace bnlab::layers
