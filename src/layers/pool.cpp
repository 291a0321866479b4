#include "layers/pool.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "layers/conv.h"
#include "layers/multiply.h"
#include "util/errors.h"

namespace bnlab::layers {
namespace {

namespace compat = onednn::compat;

struct Window {
  dnnl::algorithm algorithm;
  config::Extent kernel;
  config::Extent stride;
  Sides padding;

  bool is_padded() const {
    const auto any = [](const Dims& side) { return side[0] > 0 || side[1] > 0; };
    return any(padding.lower) || any(padding.upper);
  }
};

/// For each place along one axis of the output: the size of the window / the number of its values that are not padding.
std::vector<float> window_shares(std::int64_t src, std::int64_t dst, std::int64_t kernel, std::int64_t stride,
                                 std::int64_t lower) {
  std::vector<float> shares(static_cast<std::size_t>(dst));
  for (std::int64_t i = 0; i < dst; ++i) {
    const std::int64_t first = i * stride - lower;
    const std::int64_t values = std::min(first + kernel, src) - std::max<std::int64_t>(first, 0);
    shares[static_cast<std::size_t>(i)] = static_cast<float>(kernel) / static_cast<float>(values);
  }
  return shares;
}

class PoolLayer : public Layer {
 public:
  PoolLayer(const LayerContext& context, const char* type, Dims image, Dims dst_shape, Window window)
      : Layer(context.name, LayerKind::pool, type, context.src_shape, std::move(dst_shape)),
        image_(std::move(image)),
        window_(std::move(window)) {}

  Forward build(Builder& builder, const Tensor& src) override {
    Dims image = image_;
    image[0] = src.shape[0];
    const auto type = compat::type_of(src.memory.get_desc());
    // oneDNN's mean without the padding takes 4 to 10 times as long as its mean with it (2.6.3, f32, windows of 3x3).
    // The two differ by a constant factor for each place.
    const bool corrects = window_.algorithm == dnnl::algorithm::pooling_avg_exclude_padding && window_.is_padded() &&
                          type == onednn::DataType::f32;
    const auto algorithm = corrects ? dnnl::algorithm::pooling_avg_include_padding : window_.algorithm;
    const Dims kernel{window_.kernel.height, window_.kernel.width};
    const Dims stride{window_.stride.height, window_.stride.width};
    const auto pd = compat::pooling_forward(builder.engine(), builder.prop_kind(), algorithm, src.memory.get_desc(),
                                            onednn::any_desc(image, type), stride, kernel, window_.padding.lower,
                                            window_.padding.upper, builder.attributes());
    const Tensor dst{builder.allocate(pd.dst_desc()), batched_dst_shape(src), src.needs_diff};
    // Max pooling keeps the places of the maxima for its backward pass.
    const bool keeps_places = builder.has_backward() && window_.algorithm == dnnl::algorithm::pooling_max;
    const dnnl::memory workspace = keeps_places ? builder.allocate(pd.workspace_desc()) : dnnl::memory();
    builder.add("forward", pd, dnnl::primitive(pd),
                {{DNNL_ARG_SRC, src.memory}, {DNNL_ARG_DST, dst.memory}, {DNNL_ARG_WORKSPACE, workspace}});
    const dnnl::memory factors = corrects ? padding_factors(builder, pd.dst_desc()) : dnnl::memory();
    if (corrects) multiply(builder, "forward", dst.memory, factors, dst.memory);
    if (!builder.has_backward() || !src.needs_diff) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              const auto back =
                  compat::pooling_backward(b.engine(), algorithm, src.memory.get_desc(), pd.dst_desc(), stride, kernel,
                                           window_.padding.lower, window_.padding.upper, pd, b.attributes());
              dnnl::memory diff = b.reorder_to(diff_dst.memory, back.diff_dst_desc());
              if (corrects) {
                const dnnl::memory product = b.allocate(back.diff_dst_desc());
                multiply(b, "backward_data", diff, factors, product);
                diff = product;
              }
              const Tensor diff_src{b.allocate(back.diff_src_desc()), src.shape, true};
              b.add("backward_data", back, dnnl::primitive(back),
                    {{DNNL_ARG_DIFF_DST, diff}, {DNNL_ARG_DIFF_SRC, diff_src.memory}, {DNNL_ARG_WORKSPACE, workspace}});
              return diff_src;
            }};
  }

 private:
  /// The size of each window / the number of its values that are not padding, in the layout of `dst`: for one image, or
  /// for the whole batch where oneDNN has no fast kernel that repeats one.
  dnnl::memory padding_factors(const Builder& builder, const onednn::Desc& dst) const {
    Dims dims = compat::dims_of(dst);
    const auto along = [&](std::size_t axis, std::int64_t kernel, std::int64_t stride) {
      return window_shares(src_shape()[axis + 2], dims[axis + 2], kernel, stride, window_.padding.lower[axis]);
    };
    const std::vector<float> rows = along(0, window_.kernel.height, window_.stride.height);
    const std::vector<float> columns = along(1, window_.kernel.width, window_.stride.width);
    dims[0] = 1;
    onednn::Desc desc = dst.submemory_desc(dims, Dims(dims.size(), 0));
    const auto pd = compat::binary(builder.engine(), dnnl::algorithm::binary_mul, dst, desc, dst, builder.attributes());
    if (std::string_view(pd.impl_info_str()).starts_with("ref")) desc = dst;
    dims = compat::dims_of(desc);
    dnnl::memory plain(onednn::row_major_desc(dims), builder.engine());
    auto* value = static_cast<float*>(plain.get_data_handle());
    for (std::int64_t image = 0; image < dims[0] * dims[1]; ++image)
      for (const float row : rows)
        for (const float column : columns) *value++ = row * column;
    dnnl::memory factors(desc, builder.engine());
    dnnl::stream stream(builder.engine());
    dnnl::reorder(plain, factors).execute(stream, plain, factors);
    stream.wait();
    return factors;
  }

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
