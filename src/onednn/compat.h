#pragma once
// The only file that looks at the version of oneDNN: one function for each primitive descriptor that bnlab makes, the
// same for 2.6 and 3.x. Each throws dnnl::error where oneDNN has no implementation for the arguments.

#include <string>
#include <utility>
#include <vector>

#include <oneapi/dnnl/dnnl.hpp>

namespace bnlab::onednn::compat {

using Dims = dnnl::memory::dims;
using Desc = dnnl::memory::desc;

/// Of local response normalization.
struct LrnConstants {
  dnnl::memory::dim size;
  float alpha;
  float beta;
  float k;
};

#if DNNL_VERSION_MAJOR >= 3

inline Dims dims_of(const Desc& desc) { return desc.get_dims(); }
inline Dims padded_dims_of(const Desc& desc) { return desc.get_padded_dims(); }
inline dnnl::memory::data_type type_of(const Desc& desc) { return desc.get_data_type(); }
/// Whether single values have a place in memory; not in a form of weights that only its kernel knows.
inline bool is_blocked(const Desc& desc) { return desc.get_format_kind() == dnnl::memory::format_kind::blocked; }

inline auto inner_product_forward(const dnnl::engine& engine, dnnl::prop_kind prop, const Desc& src,
                                  const Desc& weights, const Desc* bias, const Desc& dst,
                                  const dnnl::primitive_attr& attr) {
  using Pd = dnnl::inner_product_forward::primitive_desc;
  return bias ? Pd(engine, prop, src, weights, *bias, dst, attr) : Pd(engine, prop, src, weights, dst, attr);
}
inline auto inner_product_backward_data(const dnnl::engine& engine, const Desc& diff_src, const Desc& weights,
                                        const Desc& diff_dst, const dnnl::inner_product_forward::primitive_desc& hint,
                                        const dnnl::primitive_attr& attr) {
  return dnnl::inner_product_backward_data::primitive_desc(engine, diff_src, weights, diff_dst, hint, attr);
}
inline auto inner_product_backward_weights(const dnnl::engine& engine, const Desc& src, const Desc& diff_weights,
                                           const Desc* diff_bias, const Desc& diff_dst,
                                           const dnnl::inner_product_forward::primitive_desc& hint,
                                           const dnnl::primitive_attr& attr) {
  using Pd = dnnl::inner_product_backward_weights::primitive_desc;
  return diff_bias ? Pd(engine, src, diff_weights, *diff_bias, diff_dst, hint, attr)
                   : Pd(engine, src, diff_weights, diff_dst, hint, attr);
}

inline auto convolution_forward(const dnnl::engine& engine, dnnl::algorithm algorithm, dnnl::prop_kind prop,
                                const Desc& src, const Desc& weights, const Desc* bias, const Desc& dst,
                                const Dims& strides, const Dims& padding_l, const Dims& padding_r,
                                const dnnl::primitive_attr& attr) {
  using Pd = dnnl::convolution_forward::primitive_desc;
  return bias ? Pd(engine, prop, algorithm, src, weights, *bias, dst, strides, padding_l, padding_r, attr)
              : Pd(engine, prop, algorithm, src, weights, dst, strides, padding_l, padding_r, attr);
}
inline auto convolution_backward_data(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& diff_src,
                                      const Desc& weights, const Desc& diff_dst, const Dims& strides,
                                      const Dims& padding_l, const Dims& padding_r,
                                      const dnnl::convolution_forward::primitive_desc& hint,
                                      const dnnl::primitive_attr& attr) {
  return dnnl::convolution_backward_data::primitive_desc(engine, algorithm, diff_src, weights, diff_dst, strides,
                                                         padding_l, padding_r, hint, attr);
}
inline auto convolution_backward_weights(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& src,
                                         const Desc& diff_weights, const Desc* diff_bias, const Desc& diff_dst,
                                         const Dims& strides, const Dims& padding_l, const Dims& padding_r,
                                         const dnnl::convolution_forward::primitive_desc& hint,
                                         const dnnl::primitive_attr& attr) {
  using Pd = dnnl::convolution_backward_weights::primitive_desc;
  return diff_bias
             ? Pd(engine, algorithm, src, diff_weights, *diff_bias, diff_dst, strides, padding_l, padding_r, hint, attr)
             : Pd(engine, algorithm, src, diff_weights, diff_dst, strides, padding_l, padding_r, hint, attr);
}

inline auto pooling_forward(const dnnl::engine& engine, dnnl::prop_kind prop, dnnl::algorithm algorithm,
                            const Desc& src, const Desc& dst, const Dims& strides, const Dims& kernel,
                            const Dims& padding_l, const Dims& padding_r, const dnnl::primitive_attr& attr) {
  const Dims no_dilation(strides.size(), 0);
  return dnnl::pooling_forward::primitive_desc(engine, prop, algorithm, src, dst, strides, kernel, no_dilation,
                                               padding_l, padding_r, attr);
}
inline auto pooling_backward(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& diff_src,
                             const Desc& diff_dst, const Dims& strides, const Dims& kernel, const Dims& padding_l,
                             const Dims& padding_r, const dnnl::pooling_forward::primitive_desc& hint,
                             const dnnl::primitive_attr& attr) {
  const Dims no_dilation(strides.size(), 0);
  return dnnl::pooling_backward::primitive_desc(engine, algorithm, diff_src, diff_dst, strides, kernel, no_dilation,
                                                padding_l, padding_r, hint, attr);
}

inline auto eltwise_forward(const dnnl::engine& engine, dnnl::prop_kind prop, dnnl::algorithm algorithm,
                            const Desc& data, float alpha, float beta, const dnnl::primitive_attr& attr) {
  return dnnl::eltwise_forward::primitive_desc(engine, prop, algorithm, data, data, alpha, beta, attr);
}
inline auto eltwise_backward(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& diff, const Desc& data,
                             float alpha, float beta, const dnnl::eltwise_forward::primitive_desc& hint,
                             const dnnl::primitive_attr& attr) {
  return dnnl::eltwise_backward::primitive_desc(engine, algorithm, diff, diff, data, alpha, beta, hint, attr);
}

inline auto batch_normalization_forward(const dnnl::engine& engine, dnnl::prop_kind prop, const Desc& data,
                                        float epsilon, dnnl::normalization_flags flags,
                                        const dnnl::primitive_attr& attr) {
  return dnnl::batch_normalization_forward::primitive_desc(engine, prop, data, data, epsilon, flags, attr);
}

inline auto layer_normalization_forward(const dnnl::engine& engine, dnnl::prop_kind prop, const Desc& data,
                                        const Desc& statistics, float epsilon, dnnl::normalization_flags flags,
                                        const dnnl::primitive_attr& attr) {
  return dnnl::layer_normalization_forward::primitive_desc(engine, prop, data, data, statistics, epsilon, flags, attr);
}
inline auto layer_normalization_backward(const dnnl::engine& engine, const Desc& diff, const Desc& data,
                                         const Desc& statistics, float epsilon, dnnl::normalization_flags flags,
                                         const dnnl::layer_normalization_forward::primitive_desc& hint,
                                         const dnnl::primitive_attr& attr) {
  return dnnl::layer_normalization_backward::primitive_desc(engine, dnnl::prop_kind::backward, diff, diff, data,
                                                            statistics, epsilon, flags, hint, attr);
}

/// dst = src / (k + alpha / size * sum src^2)^beta over `size` neighbouring channels.
inline auto lrn_forward(const dnnl::engine& engine, dnnl::prop_kind prop, const Desc& data, const LrnConstants& c,
                        const dnnl::primitive_attr& attr) {
  return dnnl::lrn_forward::primitive_desc(engine, prop, dnnl::algorithm::lrn_across_channels, data, data, c.size,
                                           c.alpha, c.beta, c.k, attr);
}
inline auto lrn_backward(const dnnl::engine& engine, const Desc& diff, const Desc& data, const LrnConstants& c,
                         const dnnl::lrn_forward::primitive_desc& hint, const dnnl::primitive_attr& attr) {
  return dnnl::lrn_backward::primitive_desc(engine, dnnl::algorithm::lrn_across_channels, diff, diff, data, c.size,
                                            c.alpha, c.beta, c.k, hint, attr);
}

inline auto binary(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& src0, const Desc& src1,
                   const Desc& dst, const dnnl::primitive_attr& attr) {
  return dnnl::binary::primitive_desc(engine, algorithm, src0, src1, dst, attr);
}
inline auto concat(const dnnl::engine& engine, int dimension, const std::vector<Desc>& srcs,
                   const dnnl::primitive_attr& attr) {
  return dnnl::concat::primitive_desc(engine, dimension, srcs, attr);
}

/// Whether oneDNN has Winograd's convolution for f32.
inline constexpr bool has_winograd = false;

#else  // 2.6

inline Dims dims_of(const Desc& desc) { return desc.dims(); }
inline Dims padded_dims_of(const Desc& desc) {
  return Dims(desc.data.padded_dims, desc.data.padded_dims + desc.data.ndims);
}
inline dnnl::memory::data_type type_of(const Desc& desc) { return desc.data_type(); }
inline bool is_blocked(const Desc& desc) { return desc.data.format_kind == dnnl_blocked; }

inline auto inner_product_forward(const dnnl::engine& engine, dnnl::prop_kind prop, const Desc& src,
                                  const Desc& weights, const Desc* bias, const Desc& dst,
                                  const dnnl::primitive_attr& attr) {
  using Op = dnnl::inner_product_forward;
  const auto desc = bias ? Op::desc(prop, src, weights, *bias, dst) : Op::desc(prop, src, weights, dst);
  return Op::primitive_desc(desc, attr, engine);
}
inline auto inner_product_backward_data(const dnnl::engine& engine, const Desc& diff_src, const Desc& weights,
                                        const Desc& diff_dst, const dnnl::inner_product_forward::primitive_desc& hint,
                                        const dnnl::primitive_attr& attr) {
  using Op = dnnl::inner_product_backward_data;
  return Op::primitive_desc(Op::desc(diff_src, weights, diff_dst), attr, engine, hint);
}
inline auto inner_product_backward_weights(const dnnl::engine& engine, const Desc& src, const Desc& diff_weights,
                                           const Desc* diff_bias, const Desc& diff_dst,
                                           const dnnl::inner_product_forward::primitive_desc& hint,
                                           const dnnl::primitive_attr& attr) {
  using Op = dnnl::inner_product_backward_weights;
  const auto desc =
      diff_bias ? Op::desc(src, diff_weights, *diff_bias, diff_dst) : Op::desc(src, diff_weights, diff_dst);
  return Op::primitive_desc(desc, attr, engine, hint);
}

inline auto convolution_forward(const dnnl::engine& engine, dnnl::algorithm algorithm, dnnl::prop_kind prop,
                                const Desc& src, const Desc& weights, const Desc* bias, const Desc& dst,
                                const Dims& strides, const Dims& padding_l, const Dims& padding_r,
                                const dnnl::primitive_attr& attr) {
  using Op = dnnl::convolution_forward;
  const auto desc = bias ? Op::desc(prop, algorithm, src, weights, *bias, dst, strides, padding_l, padding_r)
                         : Op::desc(prop, algorithm, src, weights, dst, strides, padding_l, padding_r);
  return Op::primitive_desc(desc, attr, engine);
}
inline auto convolution_backward_data(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& diff_src,
                                      const Desc& weights, const Desc& diff_dst, const Dims& strides,
                                      const Dims& padding_l, const Dims& padding_r,
                                      const dnnl::convolution_forward::primitive_desc& hint,
                                      const dnnl::primitive_attr& attr) {
  using Op = dnnl::convolution_backward_data;
  const Op::desc desc(algorithm, diff_src, weights, diff_dst, strides, padding_l, padding_r);
  return Op::primitive_desc(desc, attr, engine, hint);
}
inline auto convolution_backward_weights(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& src,
                                         const Desc& diff_weights, const Desc* diff_bias, const Desc& diff_dst,
                                         const Dims& strides, const Dims& padding_l, const Dims& padding_r,
                                         const dnnl::convolution_forward::primitive_desc& hint,
                                         const dnnl::primitive_attr& attr) {
  using Op = dnnl::convolution_backward_weights;
  const auto desc = diff_bias
                        ? Op::desc(algorithm, src, diff_weights, *diff_bias, diff_dst, strides, padding_l, padding_r)
                        : Op::desc(algorithm, src, diff_weights, diff_dst, strides, padding_l, padding_r);
  return Op::primitive_desc(desc, attr, engine, hint);
}

inline auto pooling_forward(const dnnl::engine& engine, dnnl::prop_kind prop, dnnl::algorithm algorithm,
                            const Desc& src, const Desc& dst, const Dims& strides, const Dims& kernel,
                            const Dims& padding_l, const Dims& padding_r, const dnnl::primitive_attr& attr) {
  using Op = dnnl::pooling_forward;
  return Op::primitive_desc(Op::desc(prop, algorithm, src, dst, strides, kernel, padding_l, padding_r), attr, engine);
}
inline auto pooling_backward(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& diff_src,
                             const Desc& diff_dst, const Dims& strides, const Dims& kernel, const Dims& padding_l,
                             const Dims& padding_r, const dnnl::pooling_forward::primitive_desc& hint,
                             const dnnl::primitive_attr& attr) {
  using Op = dnnl::pooling_backward;
  return Op::primitive_desc(Op::desc(algorithm, diff_src, diff_dst, strides, kernel, padding_l, padding_r), attr,
                            engine, hint);
}

inline auto eltwise_forward(const dnnl::engine& engine, dnnl::prop_kind prop, dnnl::algorithm algorithm,
                            const Desc& data, float alpha, float beta, const dnnl::primitive_attr& attr) {
  using Op = dnnl::eltwise_forward;
  return Op::primitive_desc(Op::desc(prop, algorithm, data, alpha, beta), attr, engine);
}
inline auto eltwise_backward(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& diff, const Desc& data,
                             float alpha, float beta, const dnnl::eltwise_forward::primitive_desc& hint,
                             const dnnl::primitive_attr& attr) {
  using Op = dnnl::eltwise_backward;
  return Op::primitive_desc(Op::desc(algorithm, diff, data, alpha, beta), attr, engine, hint);
}

inline auto batch_normalization_forward(const dnnl::engine& engine, dnnl::prop_kind prop, const Desc& data,
                                        float epsilon, dnnl::normalization_flags flags,
                                        const dnnl::primitive_attr& attr) {
  using Op = dnnl::batch_normalization_forward;
  return Op::primitive_desc(Op::desc(prop, data, epsilon, flags), attr, engine);
}

inline auto layer_normalization_forward(const dnnl::engine& engine, dnnl::prop_kind prop, const Desc& data,
                                        const Desc& statistics, float epsilon, dnnl::normalization_flags flags,
                                        const dnnl::primitive_attr& attr) {
  using Op = dnnl::layer_normalization_forward;
  return Op::primitive_desc(Op::desc(prop, data, statistics, epsilon, flags), attr, engine);
}
inline auto layer_normalization_backward(const dnnl::engine& engine, const Desc& diff, const Desc& data,
                                         const Desc& statistics, float epsilon, dnnl::normalization_flags flags,
                                         const dnnl::layer_normalization_forward::primitive_desc& hint,
                                         const dnnl::primitive_attr& attr) {
  using Op = dnnl::layer_normalization_backward;
  return Op::primitive_desc(Op::desc(dnnl::prop_kind::backward, diff, data, statistics, epsilon, flags), attr, engine,
                            hint);
}

inline auto lrn_forward(const dnnl::engine& engine, dnnl::prop_kind prop, const Desc& data, const LrnConstants& c,
                        const dnnl::primitive_attr& attr) {
  using Op = dnnl::lrn_forward;
  const Op::desc desc(prop, dnnl::algorithm::lrn_across_channels, data, c.size, c.alpha, c.beta, c.k);
  return Op::primitive_desc(desc, attr, engine);
}
inline auto lrn_backward(const dnnl::engine& engine, const Desc& diff, const Desc& data, const LrnConstants& c,
                         const dnnl::lrn_forward::primitive_desc& hint, const dnnl::primitive_attr& attr) {
  using Op = dnnl::lrn_backward;
  const Op::desc desc(dnnl::algorithm::lrn_across_channels, data, diff, c.size, c.alpha, c.beta, c.k);
  return Op::primitive_desc(desc, attr, engine, hint);
}

inline auto binary(const dnnl::engine& engine, dnnl::algorithm algorithm, const Desc& src0, const Desc& src1,
                   const Desc& dst, const dnnl::primitive_attr& attr) {
  return dnnl::binary::primitive_desc(dnnl::binary::desc(algorithm, src0, src1, dst), attr, engine);
}
inline auto concat(const dnnl::engine& engine, int dimension, const std::vector<Desc>& srcs,
                   const dnnl::primitive_attr& attr) {
  return dnnl::concat::primitive_desc(dimension, srcs, engine, attr);
}

inline constexpr bool has_winograd = true;

#endif

/// "2.6.3" of the library that is loaded.
inline std::string version() {
  const dnnl_version_t* v = dnnl_version();
  return std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch);
}

/// The instruction set that oneDNN uses on this processor.
inline std::string cpu_isa() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
      return "sse41";
    case dnnl::cpu_isa::avx:
      return "avx";
    case dnnl::cpu_isa::avx2:
      return "avx2";
    case dnnl::cpu_isa::avx2_vnni:
      return "avx2_vnni";
    case dnnl::cpu_isa::avx512_core:
      return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni:
      return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16:
      return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx:
      return "avx512_core_amx";
    default:
      return "other";
  }
}

/// Whether oneDNN uses instructions of this processor that multiply bf16 (AVX-512 BF16, AMX) or at least convert it
/// (AVX2 with AVX-NE-CONVERT); without them it emulates bf16, slower than f32.
inline bool has_fast_bf16() {
  // The number of an instruction set has the bits of all those that it includes.
  const auto isa = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto includes = [isa](dnnl::cpu_isa other) {
    return (isa & static_cast<unsigned>(other)) == static_cast<unsigned>(other);
  };
#if DNNL_VERSION_MAJOR >= 3
  if (includes(dnnl::cpu_isa::avx2_vnni_2)) return true;
#endif
  return includes(dnnl::cpu_isa::avx512_core_bf16);
}

}  // namespace bnlab::onednn::compat
