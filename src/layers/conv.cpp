#include "layers/conv.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "layers/weight_standardization.h"
#include "layers/weights_diff.h"
#include "util/errors.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;
using onednn::Desc;

struct Geometry {
  Dims stride;  // (height, width), as the padding
  Sides padding;
};

// Fewest channels, of input and output alike, with which Winograd's convolution is the faster one, measured for 8 to
// 128 images of 7x7 to 32x32 on one and two threads: forward and backward through data 1.1 to 2.0 times with 32
// channels and more, and 0.7 to 1.4 times with 16; gradient of the weights 1.2 to 2.4 times with 16 to 32 and more, and
// 0.7 to 1.1 times with 16 to 16.
constexpr std::int64_t fewest_for_winograd = 32;
constexpr std::int64_t fewest_for_winograd_weights = 16;
// Fewer tiles of 4x4 outputs don't pay for the transformation of the weights.
constexpr std::int64_t fewest_tiles_for_winograd = 32;

// So few that oneDNN has kernels of its own for them, and a network's input is the only place for them.
constexpr std::int64_t few_channels = 4;

/// An algorithm and a layout of the images to ask oneDNN for; any: the one that it likes best.
struct Candidate {
  dnnl::algorithm algorithm = dnnl::algorithm::convolution_direct;
  dnnl::memory::format_tag tag = dnnl::memory::format_tag::any;
};

Desc weights_of(const dnnl::convolution_forward::primitive_desc& pd) { return pd.weights_desc(); }
Desc weights_of(const dnnl::convolution_backward_data::primitive_desc& pd) { return pd.weights_desc(); }
Desc weights_of(const dnnl::convolution_backward_weights::primitive_desc& pd) { return pd.diff_weights_desc(); }

/// The first candidate that oneDNN has a compiled kernel for, with weights that an optimizer can change; otherwise any.
template <class Make>
auto first_compiled(const std::vector<Candidate>& candidates, const Make& make) {
  for (const Candidate& candidate : candidates) {
    try {
      const auto found = make(candidate);
      const std::string_view name = found.impl_info_str();
      const bool is_compiled =
          name.find("ref") == std::string_view::npos && name.find("gemm") == std::string_view::npos;
      if (is_compiled && compat::is_blocked(weights_of(found))) return found;
    } catch (const dnnl::error&) {  // not on this processor, or not in this version
    }
  }
  return make(Candidate{});
}

class ConvLayer : public Layer {
 public:
  ConvLayer(const LayerContext& context, const config::Conv& spec, bool bias, bool standardizes, Dims dst_shape,
            Geometry geometry)
      : Layer(context.name, LayerKind::conv, "conv", context.src_shape, std::move(dst_shape)),
        parameters_(context.parameters),
        groups_(spec.groups),
        standardizes_(standardizes),
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
    const Desc bias_desc = onednn::row_major_desc({dst_shape[1]});
    const auto make = [&](const Candidate& candidate) {
      // Of Winograd's for inference alone oneDNN would want weights in a form of their own.
      const bool is_direct = candidate.algorithm == dnnl::algorithm::convolution_direct;
      return compat::convolution_forward(
          builder.engine(), candidate.algorithm, is_direct ? builder.prop_kind() : dnnl::prop_kind::forward_training,
          image_desc(builder, src.shape, candidate), weights_->layout(builder, weights_dims()),
          bias_ ? &bias_desc : nullptr, image_desc(builder, dst_shape, candidate), geometry_.stride,
          geometry_.padding.lower, geometry_.padding.upper, builder.attributes());
    };
    const auto pd = first_compiled(candidates(builder, src.shape, dst_shape), make);
    if (!weights_->laid_out())
      parameters_.lay_out(*weights_, builder.type() == onednn::DataType::f32
                                         ? pd.weights_desc()
                                         : weights_diff(builder, pd, src.shape, dst_shape).diff_weights_desc());
    if (bias_) parameters_.lay_out(*bias_, bias_desc);

    std::optional<StandardizedWeights> standardized;
    if (standardizes_) standardized = standardize_weights(builder, *weights_);
    const dnnl::memory weights =
        builder.reorder_to(standardized ? standardized->memory : weights_->value, pd.weights_desc());
    const dnnl::memory input = builder.reorder_to(src.memory, pd.src_desc());
    const Tensor dst{builder.allocate(pd.dst_desc()), dst_shape, true};
    builder.add("forward", pd, dnnl::convolution_forward(pd),
                {{DNNL_ARG_SRC, input},
                 {DNNL_ARG_WEIGHTS, weights},
                 {DNNL_ARG_BIAS, bias_ ? bias_->value : dnnl::memory()},
                 {DNNL_ARG_DST, dst.memory}},
                flop(dst_shape));
    if (!builder.has_backward()) return {dst, {}};
    return {dst, [this, pd, src, input, weights, standardized](Builder& b, const Tensor& diff_dst) {
              backward_weights(b, pd, src, input, standardized, diff_dst);
              return src.needs_diff ? backward_data(b, pd, src, weights, diff_dst) : Tensor{};
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

  // Convolutions of 3x3 by Winograd's minimal filtering, F(4x4, 3x3) in oneDNN (Lavin & Gray 2016): fewer
  // multiplications. Against double precision its results are as exact as those of the direct kernels but for 1e-6 of
  // the largest value in forward and backward through data, and more exact for the weights' gradient.
  bool suits_winograd(const Dims& dst_shape) const {
    const bool is_3x3 = weights_->shape[2] == 3 && weights_->shape[3] == 3;
    const std::int64_t tiles = dst_shape[0] * ((dst_shape[2] + 3) / 4) * ((dst_shape[3] + 3) / 4);
    return is_3x3 && geometry_.stride == Dims{1, 1} && tiles >= fewest_tiles_for_winograd;
  }

  // With 8 channels, or 24, oneDNN would pad blocks of 16, and want another layout for the weights' gradient.
  static bool suits_blocks_of_8(const Dims& src_shape, const Dims& dst_shape) {
    const auto is_odd = [](std::int64_t channels) { return channels % 16 == 8; };
    const auto fits = [](std::int64_t channels) { return channels % 8 == 0; };
    return (is_odd(src_shape[1]) || is_odd(dst_shape[1])) && (fits(src_shape[1]) || src_shape[1] <= few_channels) &&
           fits(dst_shape[1]);
  }

  // Those that are faster than what oneDNN takes by itself, the fastest first.
  std::vector<Candidate> candidates(const Builder& builder, const Dims& src_shape, const Dims& dst_shape) const {
    if (builder.type() != onednn::DataType::f32 || groups_ != 1) return {};
    std::vector<Candidate> found;
    if (suits_winograd(dst_shape) && std::min(src_shape[1], dst_shape[1]) >= fewest_for_winograd)
      found.push_back({.algorithm = dnnl::algorithm::convolution_winograd});
    if (suits_blocks_of_8(src_shape, dst_shape)) found.push_back({.tag = dnnl::memory::format_tag::nChw8c});
    return found;
  }

  // Images of few channels, the network's input, stay as oneDNN likes them.
  static Desc image_desc(const Builder& builder, const Dims& shape, const Candidate& candidate) {
    const bool is_few = shape[1] <= few_channels && candidate.tag == dnnl::memory::format_tag::nChw8c;
    return Desc(shape, builder.type(), is_few ? dnnl::memory::format_tag::any : candidate.tag);
  }

  // The gradient of the weights is f32 in programs of any type.
  dnnl::convolution_backward_weights::primitive_desc weights_diff(const Builder& builder,
                                                                  const dnnl::convolution_forward::primitive_desc& hint,
                                                                  const Dims& src_shape, const Dims& dst_shape) const {
    const Desc bias_desc = onednn::row_major_desc({dst_shape[1]});
    const auto make = [&](const Candidate& candidate) {
      return compat::convolution_backward_weights(
          builder.engine(), candidate.algorithm, image_desc(builder, src_shape, candidate),
          onednn::any_desc(weights_dims()), bias_ ? &bias_desc : nullptr, image_desc(builder, dst_shape, candidate),
          geometry_.stride, geometry_.padding.lower, geometry_.padding.upper, hint, builder.attributes());
    };
    std::vector<Candidate> found = candidates(builder, src_shape, dst_shape);
    if (builder.type() == onednn::DataType::f32) {
      const auto [fewest, most] = std::minmax(src_shape[1], dst_shape[1]);
      const bool suits = groups_ == 1 && suits_winograd(dst_shape) && most >= fewest_for_winograd &&
                         fewest >= fewest_for_winograd_weights;
      if (suits) found.insert(found.begin(), {.algorithm = dnnl::algorithm::convolution_winograd});
    } else {
      // For 8 output channels oneDNN 2.6 picks a matrix product in bf16, though its compiled kernel for channels last
      // is five times as fast (1.6 against 8.2 ms for 8 to 8 channels of 28x28, batch 128).
      found = {Candidate{}, {.tag = dnnl::memory::format_tag::nhwc}};
    }
    return first_compiled(found, make);
  }

  void backward_weights(Builder& builder, const dnnl::convolution_forward::primitive_desc& hint, const Tensor& src,
                        const dnnl::memory& input, const std::optional<StandardizedWeights>& standardized,
                        const Tensor& diff_dst) {
    const auto pd = weights_diff(builder, hint, src.shape, diff_dst.shape);
    const auto add_call = [&](const dnnl::memory& diff_weights) {
      builder.add("backward_weights", pd, dnnl::convolution_backward_weights(pd),
                  {{DNNL_ARG_SRC, builder.reorder_to(input, pd.src_desc())},
                   {DNNL_ARG_DIFF_DST, builder.reorder_to(diff_dst.memory, pd.diff_dst_desc())},
                   {DNNL_ARG_DIFF_WEIGHTS, diff_weights},
                   {DNNL_ARG_DIFF_BIAS, bias_ ? bias_->diff : dnnl::memory()}},
                  flop(diff_dst.shape));
    };
    if (!standardized) return add_weights_diff(builder, *weights_, pd.diff_weights_desc(), add_call);
    const dnnl::memory diff = builder.allocate(pd.diff_weights_desc());
    add_call(diff);
    backward_standardization(builder, *weights_, *standardized, diff);
  }

  Tensor backward_data(Builder& builder, const dnnl::convolution_forward::primitive_desc& hint, const Tensor& src,
                       const dnnl::memory& weights, const Tensor& diff_dst) {
    const auto make = [&](const Candidate& candidate) {
      return compat::convolution_backward_data(
          builder.engine(), candidate.algorithm, image_desc(builder, src.shape, candidate), builder.any(weights_dims()),
          image_desc(builder, diff_dst.shape, candidate), geometry_.stride, geometry_.padding.lower,
          geometry_.padding.upper, hint, builder.attributes());
    };
    const auto pd = first_compiled(candidates(builder, src.shape, diff_dst.shape), make);
    const Tensor diff_src{builder.allocate(pd.diff_src_desc()), src.shape, true};
    builder.add("backward_data", pd, dnnl::convolution_backward_data(pd),
                {{DNNL_ARG_WEIGHTS, builder.reorder_to(weights, pd.weights_desc())},
                 {DNNL_ARG_DIFF_DST, builder.reorder_to(diff_dst.memory, pd.diff_dst_desc())},
                 {DNNL_ARG_DIFF_SRC, diff_src.memory}},
                flop(diff_dst.shape));
    return diff_src;
  }

  Parameters& parameters_;
  std::int64_t groups_;
  bool standardizes_;
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

std::unique_ptr<Layer> make_conv(const LayerContext& context, const config::Conv& spec, bool bias, bool standardizes) {
  require_image(context, "conv");
  const std::int64_t inputs = context.src_shape[1];
  if (inputs % spec.groups != 0 || spec.channels % spec.groups != 0)
    throw ConfigError(
        fmt::format("network: {}: groups must divide the channels of input and output, got {} groups, "
                    "input {}, {} output channels",
                    context.name, spec.groups, shape_text(context.src_shape), spec.channels));
  if (standardizes && inputs / spec.groups * spec.kernel.height * spec.kernel.width == 1)
    throw ConfigError(
        fmt::format("network: {}: weight_standardization needs at least 2 weights for each output channel, got 1: its "
                    "variance is 0; set \"weight_standardization\": false for this layer",
                    context.name));
  const Sides sides = padding_sides(spec.padding, context.src_shape, spec.kernel, spec.stride);
  const Dims output = window_output(context, "conv", spec.kernel, spec.stride, sides);
  Geometry geometry{{spec.stride.height, spec.stride.width}, sides};
  return std::make_unique<ConvLayer>(context, spec, bias, standardizes, Dims{1, spec.channels, output[0], output[1]},
                                     std::move(geometry));
}

}  // namespace bnlab::layers
