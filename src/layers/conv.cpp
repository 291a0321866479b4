#include "layers/conv.h"

#include <fmt/format.h>

#include <algorithm>

#include "util/errors.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;
using onednn::Desc;

struct Geometry {
  Dims stride;  // (height, width), as the padding
  Sides padding;
};

class ConvLayer : public Layer {
 public:
  ConvLayer(const LayerContext& context, const config::Conv& spec, bool bias, Dims dst_shape, Geometry geometry)
      : Layer(context.name, "conv", context.src_shape, std::move(dst_shape)),
        parameters_(context.parameters),
        groups_(spec.groups),
        geometry_(std::move(geometry)) {
    const std::int64_t inputs = context.src_shape[1] / groups_;
    const std::int64_t window = spec.kernel.height * spec.kernel.width;
    weights_ = &parameters_.declare({.name = context.name + ".weights",
                                     .kind = ParameterKind::weights,
                                     .shape = {spec.channels, inputs, spec.kernel.height, spec.kernel.width},
                                     .fan_in = inputs * window,
                                     .fan_out = spec.channels / groups_ * window});
    if (bias)
      bias_ = &parameters_.declare({.name = context.name + ".bias",
                                    .kind = ParameterKind::bias,
                                    .shape = {spec.channels},
                                    .fan_in = inputs * window});
  }

  Forward build(Builder& builder, const Tensor& src) override {
    const Dims dst_shape = batched_dst_shape(src);
    const Desc bias_desc = onednn::plain_desc({dst_shape[1]});
    const auto pd = compat::convolution_forward(builder.engine(), builder.prop_kind(), onednn::any_desc(src.shape),
                                                weights_->layout(weights_dims()), bias_ ? &bias_desc : nullptr,
                                                onednn::any_desc(dst_shape), geometry_.stride, geometry_.padding.lower,
                                                geometry_.padding.upper, builder.attributes());
    parameters_.lay_out(*weights_, pd.weights_desc());
    if (bias_) parameters_.lay_out(*bias_, bias_desc);

    const dnnl::memory input = builder.adapt(src.memory, pd.src_desc());
    const Tensor dst{builder.allocate(pd.dst_desc()), dst_shape, true};
    builder.add("forward", pd, dnnl::convolution_forward(pd),
                {{DNNL_ARG_SRC, input},
                 {DNNL_ARG_WEIGHTS, weights_->value},
                 {DNNL_ARG_BIAS, bias_ ? bias_->value : dnnl::memory()},
                 {DNNL_ARG_DST, dst.memory}},
                flop(dst_shape));
    if (!builder.has_backward()) return {dst, {}};
    return {dst, [this, pd, src, input](Builder& b, const Tensor& diff_dst) {
              backward_weights(b, pd, input, diff_dst);
              return src.needs_diff ? backward_data(b, pd, src, diff_dst) : Tensor{};
            }};
  }

 private:
  // oneDNN's (groups, O/groups, I/groups, kh, kw) where there are groups; the same order of values as `shape`.
  Dims weights_dims() const {
    Dims dims = weights_->shape;
    if (groups_ == 1) return dims;
    dims[0] /= groups_;
    dims.insert(dims.begin(), groups_);
    return dims;
  }

  double flop(const Dims& dst_shape) const {
    return 2.0 * static_cast<double>(dst_shape[0] * dst_shape[2] * dst_shape[3] * weights_->count());
  }

  void backward_weights(Builder& builder, const dnnl::convolution_forward::primitive_desc& hint,
                        const dnnl::memory& input, const Tensor& diff_dst) {
    const Desc bias_desc = onednn::plain_desc({diff_dst.shape[1]});
    const auto pd = compat::convolution_backward_weights(
        builder.engine(), onednn::any_desc(compat::dims_of(input.get_desc())), onednn::any_desc(weights_dims()),
        bias_ ? &bias_desc : nullptr, onednn::any_desc(diff_dst.shape), geometry_.stride, geometry_.padding.lower,
        geometry_.padding.upper, hint, builder.attributes());
    const bool same_layout = pd.diff_weights_desc() == weights_->diff.get_desc();
    const dnnl::memory diff_weights = same_layout ? weights_->diff : builder.allocate(pd.diff_weights_desc());
    builder.add("backward_weights", pd, dnnl::convolution_backward_weights(pd),
                {{DNNL_ARG_SRC, builder.adapt(input, pd.src_desc())},
                 {DNNL_ARG_DIFF_DST, builder.adapt(diff_dst.memory, pd.diff_dst_desc())},
                 {DNNL_ARG_DIFF_WEIGHTS, diff_weights},
                 {DNNL_ARG_DIFF_BIAS, bias_ ? bias_->diff : dnnl::memory()}},
                flop(diff_dst.shape));
    if (!same_layout) builder.copy(diff_weights, weights_->diff);
  }

  Tensor backward_data(Builder& builder, const dnnl::convolution_forward::primitive_desc& hint, const Tensor& src,
                       const Tensor& diff_dst) {
    const auto pd = compat::convolution_backward_data(
        builder.engine(), onednn::any_desc(src.shape), onednn::any_desc(weights_dims()),
        onednn::any_desc(diff_dst.shape), geometry_.stride, geometry_.padding.lower, geometry_.padding.upper, hint,
        builder.attributes());
    const Tensor diff_src{builder.allocate(pd.diff_src_desc()), src.shape, true};
    builder.add("backward_data", pd, dnnl::convolution_backward_data(pd),
                {{DNNL_ARG_WEIGHTS, builder.adapt(weights_->value, pd.weights_desc())},
                 {DNNL_ARG_DIFF_DST, builder.adapt(diff_dst.memory, pd.diff_dst_desc())},
                 {DNNL_ARG_DIFF_SRC, diff_src.memory}},
                flop(diff_dst.shape));
    return diff_src;
  }

  Parameters& parameters_;
  std::int64_t groups_;
  Geometry geometry_;
  Parameter* weights_;
  Parameter* bias_ = nullptr;
};

}  // namespace

Sides padding_sides(const config::Padding& padding, const Dims& src_shape, config::Extent kernel,
                    config::Extent stride) {
  if (!padding.same) {
    const Dims both{padding.extent.height, padding.extent.width};
    return {both, both};
  }
  Sides sides;
  const Dims kernels{kernel.height, kernel.width};
  const Dims strides{stride.height, stride.width};
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t size = src_shape[i + 2];
    const std::int64_t output = (size + strides[i] - 1) / strides[i];
    const std::int64_t total = std::max<std::int64_t>(0, (output - 1) * strides[i] + kernels[i] - size);
    sides.lower.push_back(total / 2);
    sides.upper.push_back(total - total / 2);
  }
  return sides;
}

Dims window_output(const LayerContext& context, const char* type, config::Extent kernel, config::Extent stride,
                   const Sides& sides) {
  const Dims kernels{kernel.height, kernel.width};
  const Dims strides{stride.height, stride.width};
  Dims output;
  for (std::size_t i = 0; i < 2; ++i) {
    const std::int64_t padded = context.src_shape[i + 2] + sides.lower[i] + sides.upper[i];
    if (kernels[i] > padded)
      throw ConfigError(
          fmt::format("network: {}: {} window ({}, {}) does not fit the padded image: input {}, padding "
                      "({}, {})",
                      context.name, type, kernel.height, kernel.width, shape_text(context.src_shape), sides.lower[0],
                      sides.lower[1]));
    output.push_back((padded - kernels[i]) / strides[i] + 1);
  }
  return output;
}

std::unique_ptr<Layer> make_conv(const LayerContext& context, const config::Conv& spec, bool bias) {
  require_image(context, "conv");
  const std::int64_t inputs = context.src_shape[1];
  if (inputs % spec.groups != 0 || spec.channels % spec.groups != 0)
    throw ConfigError(
        fmt::format("network: {}: groups must divide the channels of input and output, got {} groups, "
                    "input {}, {} output channels",
                    context.name, spec.groups, shape_text(context.src_shape), spec.channels));
  const Sides sides = padding_sides(spec.padding, context.src_shape, spec.kernel, spec.stride);
  const Dims output = window_output(context, "conv", spec.kernel, spec.stride, sides);
  Geometry geometry{{spec.stride.height, spec.stride.width}, sides};
  return std::make_unique<ConvLayer>(context, spec, bias, Dims{1, spec.channels, output[0], output[1]},
                                     std::move(geometry));
}

}  // namespace bnlab::layers
