#include "layers/dense.h"

#include <fmt/format.h>

#include "layers/weights_diff.h"
#include "util/errors.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;
using onednn::Desc;

class DenseLayer : public Layer {
 public:
  DenseLayer(const LayerContext& context, std::int64_t units, bool bias)
      : Layer(context.name, LayerKind::dense, "dense", context.src_shape, {1, units}), parameters_(context.parameters) {
    const std::int64_t inputs = context.src_shape[1];
    weights_ = &parameters_.declare({.name = context.name + ".weights",
                                     .kind = ParameterKind::weights,
                                     .shape = {units, inputs},
                                     .fan_in = inputs,
                                     .fan_out = units});
    if (bias)
      bias_ = &parameters_.declare(
          {.name = context.name + ".bias", .kind = ParameterKind::bias, .shape = {units}, .fan_in = inputs});
  }

  void keep_output_in_f32() override { output_is_f32_ = true; }

  Forward build(Builder& builder, const Tensor& src) override {
    const Dims dst_shape = batched_dst_shape(src);
    const Desc bias_desc = onednn::row_major_desc({dst_shape[1]});
    const Desc dst_desc = output_is_f32_ ? onednn::any_desc(dst_shape) : builder.any(dst_shape);
    const auto pd = compat::inner_product_forward(builder.engine(), builder.prop_kind(), builder.any(src.shape),
                                                  weights_->layout(builder, weights_->shape),
                                                  bias_ ? &bias_desc : nullptr, dst_desc, builder.attributes());
    if (!weights_->laid_out())
      parameters_.lay_out(*weights_, builder.type() == onednn::DataType::f32
                                         ? pd.weights_desc()
                                         : weights_diff(builder, pd, dst_shape).diff_weights_desc());
    if (bias_) parameters_.lay_out(*bias_, bias_desc);

    const dnnl::memory weights = builder.reorder_to(weights_->value, pd.weights_desc());
    const dnnl::memory input = builder.reorder_to(src.memory, pd.src_desc());
    const Tensor dst{builder.allocate(pd.dst_desc()), dst_shape, true};
    builder.add("forward", pd, dnnl::inner_product_forward(pd),
                {{DNNL_ARG_SRC, input},
                 {DNNL_ARG_WEIGHTS, weights},
                 {DNNL_ARG_BIAS, bias_ ? bias_->value : dnnl::memory()},
                 {DNNL_ARG_DST, dst.memory}},
                flop(src));
    if (!builder.has_backward()) return {dst, {}};
    return {dst, [this, pd, src, input, weights](Builder& b, const Tensor& diff_dst) {
              backward_weights(b, pd, src, input, diff_dst);
              return src.needs_diff ? backward_data(b, pd, src, weights, diff_dst) : Tensor{};
            }};
  }

 private:
  double flop(const Tensor& src) const { return 2.0 * static_cast<double>(src.shape[0] * weights_->count()); }

  // The gradient of the weights is f32 in programs of any type.
  dnnl::inner_product_backward_weights::primitive_desc weights_diff(
      const Builder& builder, const dnnl::inner_product_forward::primitive_desc& hint, const Dims& dst_shape) const {
    const Desc bias_desc = onednn::row_major_desc({dst_shape[1]});
    return compat::inner_product_backward_weights(builder.engine(), hint.src_desc(), onednn::any_desc(weights_->shape),
                                                  bias_ ? &bias_desc : nullptr, builder.any(dst_shape), hint,
                                                  builder.attributes());
  }

  void backward_weights(Builder& builder, const dnnl::inner_product_forward::primitive_desc& hint, const Tensor& src,
                        const dnnl::memory& input, const Tensor& diff_dst) {
    const auto pd = weights_diff(builder, hint, diff_dst.shape);
    add_weights_diff(builder, *weights_, pd.diff_weights_desc(), [&](const dnnl::memory& diff_weights) {
      builder.add("backward_weights", pd, dnnl::inner_product_backward_weights(pd),
                  {{DNNL_ARG_SRC, input},
                   {DNNL_ARG_DIFF_DST, builder.reorder_to(diff_dst.memory, pd.diff_dst_desc())},
                   {DNNL_ARG_DIFF_WEIGHTS, diff_weights},
                   {DNNL_ARG_DIFF_BIAS, bias_ ? bias_->diff : dnnl::memory()}},
                  flop(src));
    });
  }

  Tensor backward_data(Builder& builder, const dnnl::inner_product_forward::primitive_desc& hint, const Tensor& src,
                       const dnnl::memory& weights, const Tensor& diff_dst) {
    const auto pd =
        compat::inner_product_backward_data(builder.engine(), builder.any(src.shape), builder.any(weights_->shape),
                                            builder.any(diff_dst.shape), hint, builder.attributes());
    const Tensor diff_src{builder.allocate(pd.diff_src_desc()), src.shape, true};
    builder.add("backward_data", pd, dnnl::inner_product_backward_data(pd),
                {{DNNL_ARG_WEIGHTS, builder.reorder_to(weights, pd.weights_desc())},
                 {DNNL_ARG_DIFF_DST, builder.reorder_to(diff_dst.memory, pd.diff_dst_desc())},
                 {DNNL_ARG_DIFF_SRC, diff_src.memory}},
                flop(src));
    return diff_src;
  }

  Parameters& parameters_;
  bool output_is_f32_ = false;
  Parameter* weights_;
  Parameter* bias_ = nullptr;
};

}  // namespace

std::unique_ptr<Layer> make_dense(const LayerContext& context, const config::Dense& spec, bool bias) {
  if (context.src_shape.size() != 2)
    throw ConfigError(
        fmt::format("network: {}: dense needs a vector, got {}; put a flatten or global_avg_pool before it",
                    context.name, shape_text(context.src_shape)));
  return std::make_unique<DenseLayer>(context, spec.units, bias);
}

}  // namespace bnlab::layers
