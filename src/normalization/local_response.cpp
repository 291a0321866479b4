#include "normalization/local_response.h"

#include <string>

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
      : Layer(context.name, "local_response", context.src_shape, context.src_shape), spec_(spec) {}

  Forward build(Builder& builder, const Tensor& src) override {
    const Desc data = choose_layout(builder, src);
    const auto pd = forward_desc(builder, data);
    const dnnl::memory workspace =
        builder.has_backward() && src.needs_diff ? builder.allocate(pd.workspace_desc()) : dnnl::memory();
    const dnnl::memory input = builder.adapt(src.memory, data);
    const Tensor dst{builder.allocate(data), src.shape, src.needs_diff};
    builder.add("forward", pd, dnnl::lrn_forward(pd),
                {{DNNL_ARG_SRC, input}, {DNNL_ARG_WORKSPACE, workspace}, {DNNL_ARG_DST, dst.memory}});
    if (!builder.has_backward() || !src.needs_diff) return {dst, {}};
    return {dst, [=, this](Builder& b, const Tensor& diff_dst) {
              const auto back = compat::lrn_backward(b.engine(), data, data, constants(), pd, b.attributes());
              const Tensor diff_src{b.allocate(data), src.shape, true};
              b.add("backward", back, dnnl::lrn_backward(back),
                    {{DNNL_ARG_SRC, input},
                     {DNNL_ARG_WORKSPACE, workspace},
                     {DNNL_ARG_DIFF_DST, b.adapt(diff_dst.memory, data)},
                     {DNNL_ARG_DIFF_SRC, diff_src.memory}});
              return diff_src;
            }};
  }

 private:
  compat::LrnConstants constants() const {
    return {spec_.size, static_cast<float>(spec_.alpha), static_cast<float>(spec_.beta), static_cast<float>(spec_.k)};
  }

  dnnl::lrn_forward::primitive_desc forward_desc(const Builder& builder, const Desc& data) const {
    return compat::lrn_forward(builder.engine(), builder.prop_kind(), data, constants(), builder.attributes());
  }

  // A blocked layout where oneDNN has compiled code for it, which depends on the constants, else the plain one. Its
  // compiled code for channels last (2.6.3) reads beyond the memory for some sizes, and has wrong gradients for others.
  Desc choose_layout(const Builder& builder, const Tensor& src) const {
    using Tag = dnnl::memory::format_tag;
    Dims image = src.shape;
    image.resize(4, 1);
    for (const Tag tag : {Tag::nChw16c, Tag::nChw8c})
      if (const Desc desc(image, dnnl::memory::data_type::f32, tag); is_compiled(builder, desc)) return desc;
    return onednn::plain_desc(image);
  }

  bool is_compiled(const Builder& builder, const Desc& data) const {
    const auto is_jit = [](const std::string& name) { return name.find("jit") != std::string::npos; };
    try {
      const auto pd = forward_desc(builder, data);
      if (!is_jit(pd.impl_info_str()) || !builder.has_backward()) return is_jit(pd.impl_info_str());
      return is_jit(
          compat::lrn_backward(builder.engine(), data, data, constants(), pd, builder.attributes()).impl_info_str());
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
