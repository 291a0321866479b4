#include "normalization/local_response.h"

#include <string_view>

namespace bnlab::normalization {
namespace {

namespace compat = onednn::compat;
using layers::Builder;
using layers::Dims;
using layers::Forward;
using layers::Tensor;
using onednn::Desc;

class LocalResponseLayer : public layers::Layer {
 public:
  LocalResponseLayer(const layers::LayerContext& context, const config::LocalResponse& spec)
      : Layer(context.name, layers::LayerKind::normalization, "local_response", context.src_shape, context.src_shape),
        spec_(spec) {}

  Forward build(Builder& builder, const Tensor& src) override {
    const Desc data = choose_layout(builder, src);
    const auto pd = forward_desc(builder, data);
    const dnnl::memory workspace =
        builder.has_backward() && src.needs_diff ? builder.allocate(pd.workspace_desc()) : dnnl::memory();
    const dnnl::memory input = builder.reorder_to(src.memory, data);
    const Tensor dst{builder.allocate(data), src.shape, src.needs_diff};
    builder.add("forward", pd, dnnl::lrn_forward(pd),
                {{DNNL_ARG_SRC, input}, {DNNL_ARG_WORKSPACE, workspace}, {DNNL_ARG_DST, dst.memory}});
    if (!builder.has_backward() || !src.needs_diff) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              const auto back = backward_desc(b, data, pd);
              const Tensor diff_src{b.allocate(data), src.shape, true};
              b.add("backward", back, dnnl::lrn_backward(back),
                    {{DNNL_ARG_SRC, input},
                     {DNNL_ARG_WORKSPACE, workspace},
                     {DNNL_ARG_DIFF_DST, b.reorder_to(diff_dst.memory, data)},
                     {DNNL_ARG_DIFF_SRC, diff_src.memory}});
              return diff_src;
            }};
  }

 private:
  compat::LrnConstants constants() const {
    return {spec_.size, static_cast<float>(spec_.alpha), static_cast<float>(spec_.beta), static_cast<float>(spec_.k)};
  }

  dnnl::lrn_forward::primitive_desc forward_desc(const Builder& builder, const Desc& data) const {
    return safe(compat::lrn_forward(builder.engine(), builder.prop_kind(), data, constants(), builder.attributes()),
                data);
  }
  dnnl::lrn_backward::primitive_desc backward_desc(const Builder& builder, const Desc& data,
                                                   const dnnl::lrn_forward::primitive_desc& forward) const {
    return safe(compat::lrn_backward(builder.engine(), data, data, constants(), forward, builder.attributes()), data);
  }

  // oneDNN's compiled code for channels last reads beyond the memory for some sizes (2.6.3), and has wrong gradients
  // for others (2.6.3 and 3.7.2). Of one channel or one pixel the row-major layout is channels last, too.
  template <class PrimitiveDesc>
  static PrimitiveDesc safe(PrimitiveDesc pd, const Desc& data) {
    const bool row_major = data == onednn::row_major_desc(compat::dims_of(data));
    while (row_major && is_compiled(pd) && pd.next_impl()) {
    }
    return pd;
  }

  template <class PrimitiveDesc>
  static bool is_compiled(const PrimitiveDesc& pd) {
    return std::string_view(pd.impl_info_str()).find("jit") != std::string_view::npos;
  }

  // A blocked layout where oneDNN has compiled code for it, which depends on the constants, else the row-major one.
  Desc choose_layout(const Builder& builder, const Tensor& src) const {
    using Tag = dnnl::memory::format_tag;
    Dims image = src.shape;
    image.resize(4, 1);
    for (const Tag tag : {Tag::nChw16c, Tag::nChw8c})
      if (const Desc desc(image, dnnl::memory::data_type::f32, tag); is_compiled(builder, desc)) return desc;
    return onednn::row_major_desc(image);
  }

  bool is_compiled(const Builder& builder, const Desc& data) const {
    try {
      const auto pd = forward_desc(builder, data);
      return is_compiled(pd) && (!builder.has_backward() || is_compiled(backward_desc(builder, data, pd)));
    } catch (const dnnl::error&) {
      return false;
    }
  }

  config::LocalResponse spec_;
};

}  // namespace

std::unique_ptr<layers::Layer> make_local_response(const layers::LayerContext& context,
                                                   const config::LocalResponse& spec) {
  return std::make_unique<LocalResponseLayer>(context, spec);
}

}  // namespace bnlab::normalization
