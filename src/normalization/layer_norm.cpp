#include "normalization/layer_norm.h"

#include "normalization/channel_layout.h"
#include "normalization/group.h"
#include "normalization/moments.h"

namespace bnlab::normalization {
namespace {

namespace compat = onednn::compat;
using dnnl::normalization_flags;
using layers::Builder;
using layers::Dims;
using layers::Forward;
using layers::Tensor;
using onednn::Desc;

/// Positions are the rows of a matrix (N H W, C), which channels-last memory is.
class PositionLayer : public layers::Layer {
 public:
  explicit PositionLayer(const NormalizationContext& context)
      : Layer(context.layer.name, layers::LayerKind::normalization, "layer", context.layer.src_shape,
              context.layer.src_shape),
        parameters_(context.layer.parameters),
        epsilon_(static_cast<float>(context.config.epsilon)),
        state_(add_state(context)),
        affine_{state_.gamma, state_.beta} {
    require_two_values(context, state_.channels, "layer");
  }

  Forward build(Builder& builder, const Tensor& src) override {
    lay_out(parameters_, affine_);
    const Desc data = channels_last(src);
    const Dims row_shape{src.shape[0] * state_.values_per_image, state_.channels};
    const Desc rows = onednn::row_major_desc(row_shape);
    // Of a row without variance oneDNN's primitive makes NaN.
    if (epsilon_ == 0.0f) return build_without_epsilon(builder, src, data, row_shape);
    const Desc statistics = onednn::row_major_desc({src.shape[0] * state_.values_per_image});
    const auto flags =
        affine_.gamma ? normalization_flags::use_scale | normalization_flags::use_shift : normalization_flags::none;
    const auto pd = compat::layer_normalization_forward(builder.engine(), builder.prop_kind(), rows, statistics,
                                                        epsilon_, flags, builder.attributes());
    const dnnl::memory input = builder.view(builder.reorder_to(src.memory, data), rows);
    const Tensor dst{builder.allocate(data), src.shape, src.needs_diff || affine_.gamma};
    const bool trains = builder.has_backward();  // only then are the statistics an output
    const dnnl::memory mean = trains ? builder.allocate(statistics) : dnnl::memory();
    const dnnl::memory variance = trains ? builder.allocate(statistics) : dnnl::memory();
    builder.add("forward", pd, dnnl::layer_normalization_forward(pd),
                {{DNNL_ARG_SRC, input},
                 {DNNL_ARG_MEAN, mean},
                 {DNNL_ARG_VARIANCE, variance},
                 {DNNL_ARG_SCALE, affine_.gamma ? affine_.gamma->value : dnnl::memory()},
                 {DNNL_ARG_SHIFT, affine_.beta ? affine_.beta->value : dnnl::memory()},
                 {DNNL_ARG_DST, builder.view(dst.memory, rows)}});
    if (!trains || !dst.needs_diff) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              const auto back = compat::layer_normalization_backward(b.engine(), rows, rows, statistics, epsilon_,
                                                                     flags, pd, b.attributes());
              const Tensor diff_src{b.allocate(data), src.shape, true};
              b.add("backward", back, dnnl::layer_normalization_backward(back),
                    {{DNNL_ARG_SRC, input},
                     {DNNL_ARG_MEAN, mean},
                     {DNNL_ARG_VARIANCE, variance},
                     {DNNL_ARG_SCALE, affine_.gamma ? affine_.gamma->value : dnnl::memory()},
                     {DNNL_ARG_SHIFT, affine_.beta ? affine_.beta->value : dnnl::memory()},
                     {DNNL_ARG_DIFF_DST, b.view(b.reorder_to(diff_dst.memory, data), rows)},
                     {DNNL_ARG_DIFF_SRC, b.view(diff_src.memory, rows)},
                     {DNNL_ARG_DIFF_SCALE, affine_.gamma ? affine_.gamma->diff : dnnl::memory()},
                     {DNNL_ARG_DIFF_SHIFT, affine_.beta ? affine_.beta->diff : dnnl::memory()}});
              return diff_src;
            }};
  }

 private:
  Forward build_without_epsilon(Builder& builder, const Tensor& src, const Desc& data, const Dims& row_shape) const {
    const Desc rows = onednn::row_major_desc(row_shape);
    const Tensor src_rows{builder.view(builder.reorder_to(src.memory, data), rows), row_shape, src.needs_diff};
    const Forward normalized =
        build_moments(builder, src_rows, affine_, {.sets = {.images = 1, .channels = state_.channels}});
    const Tensor dst{builder.view(normalized.dst.memory, data), src.shape, normalized.dst.needs_diff};
    if (!normalized.backward) return {dst, {}};
    return {dst, [=](Builder& b, const Tensor& diff_dst) {
              const dnnl::memory diff = b.view(b.reorder_to(diff_dst.memory, data), rows);
              const Tensor diff_src = normalized.backward(b, {diff, row_shape, true});
              return src.needs_diff ? Tensor{b.view(diff_src.memory, data), src.shape, true} : Tensor{};
            }};
  }

  Desc channels_last(const Tensor& src) const {
    const Desc own = src.memory.get_desc();
    const auto layout = channel_layout(own, src.shape);
    if (layout && layout->lanes == state_.channels) return own;
    if (src.shape.size() == 2) return onednn::row_major_desc(src.shape);
    return Desc(src.shape, dnnl::memory::data_type::f32, dnnl::memory::format_tag::nhwc);
  }

  layers::Parameters& parameters_;
  float epsilon_;
  NormalizationState& state_;
  Affine affine_;
};

}  // namespace

std::unique_ptr<layers::Layer> make_layer_norm(const NormalizationContext& context) {
  const Dims& shape = context.layer.src_shape;
  if (shape.size() == 2 || context.config.over == config::LayerNormOver::position)
    return std::make_unique<PositionLayer>(context);
  return make_per_image(context, "layer", shape[1]);
}

}  // namespace bnlab::normalization
