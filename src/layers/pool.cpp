#include "layers/pool.h"

#include <fmt/format.h>

#include "layers/conv.h"
#include "util/errors.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;

struct Window {
  dnnl::algorithm algorithm;
  config::Extent kernel;
  config::Extent stride;
  Sides padding;
};

class PoolLayer : public Layer {
 public:
  PoolLayer(const LayerContext& context, const char* type, Dims image, Dims dst_shape, Window window)
      : Layer(context.name, LayerKind::pool, type, context.src_shape, std::move(dst_shape)),
        image_(std::move(image)),
        window_(std::move(window)) {}

  Forward build(Builder& builder, const Tensor& src) override {
    Dims image = image_;
    image[0] = src.shape[0];
    const Dims kernel{window_.kernel.height, window_.kernel.width};
    const Dims stride{window_.stride.height, window_.stride.width};
    const auto pd =
        compat::pooling_forward(builder.engine(), builder.prop_kind(), window_.algorithm, src.memory.get_desc(),
                                onednn::any_desc(image, compat::type_of(src.memory.get_desc())), stride, kernel,
                                window_.padding.lower, window_.padding.upper, builder.attributes());
    const Tensor dst{builder.allocate(pd.dst_desc()), batched_dst_shape(src), src.needs_diff};
    // Max pooling keeps the places of the maxima for its backward pass.
    const bool keeps_places = builder.has_backward() && window_.algorithm == dnnl::algorithm::pooling_max;
    const dnnl::memory workspace = keeps_places ? builder.allocate(pd.workspace_desc()) : dnnl::memory();
    builder.add("forward", pd, dnnl::primitive(pd),
                {{DNNL_ARG_SRC, src.memory}, {DNNL_ARG_DST, dst.memory}, {DNNL_ARG_WORKSPACE, workspace}});
    if (!builder.has_backward() || !src.needs_diff) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              const auto back =
                  compat::pooling_backward(b.engine(), window_.algorithm, src.memory.get_desc(), pd.dst_desc(), stride,
                                           kernel, window_.padding.lower, window_.padding.upper, pd, b.attributes());
              const Tensor diff_src{b.allocate(back.diff_src_desc()), src.shape, true};
              b.add("backward_data", back, dnnl::primitive(back),
                    {{DNNL_ARG_DIFF_DST, b.reorder_to(diff_dst.memory, back.diff_dst_desc())},
                     {DNNL_ARG_DIFF_SRC, diff_src.memory},
                     {DNNL_ARG_WORKSPACE, workspace}});
              return diff_src;
            }};
  }

 private:
  Dims image_;  // (1, C, H', W')
  Window window_;
};

std::unique_ptr<Layer> make_pool(const LayerContext& context, const char* type, const config::Pool& spec,
                                 dnnl::algorithm algorithm) {
  require_image(context, type);
  const config::Extent stride = spec.stride.value_or(spec.kernel);
  const Dims both{spec.padding.height, spec.padding.width};
  if (spec.padding.height >= spec.kernel.height || spec.padding.width >= spec.kernel.width)
    throw ConfigError(fmt::format(
        "network: {}: {} padding ({}, {}) must be smaller than the window ({}, {}), or a window "
        "may lie wholly in it",
        context.name, type, spec.padding.height, spec.padding.width, spec.kernel.height, spec.kernel.width));
  const Sides sides{both, both};
  const Dims output = window_output(context, type, spec.kernel, stride, sides);
  const Dims image{1, context.src_shape[1], output[0], output[1]};
  return std::make_unique<PoolLayer>(context, type, image, image, Window{algorithm, spec.kernel, stride, sides});
}

}  // namespace

std::unique_ptr<Layer> make_max_pool(const LayerContext& context, const config::Pool& spec) {
  return make_pool(context, "max_pool", spec, dnnl::algorithm::pooling_max);
}

std::unique_ptr<Layer> make_avg_pool(const LayerContext& context, const config::Pool& spec) {
  return make_pool(context, "avg_pool", spec, dnnl::algorithm::pooling_avg_exclude_padding);
}

std::unique_ptr<Layer> make_global_avg_pool(const LayerContext& context) {
  require_image(context, "global_avg_pool");
  const config::Extent whole{context.src_shape[2], context.src_shape[3]};
  const std::int64_t channels = context.src_shape[1];
  return std::make_unique<PoolLayer>(
      context, "global_avg_pool", Dims{1, channels, 1, 1}, Dims{1, channels},
      Window{dnnl::algorithm::pooling_avg_exclude_padding, whole, whole, {{0, 0}, {0, 0}}});
}

}  // namespace bnlab::layers
