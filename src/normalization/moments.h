#pragma once
// Adds normalization by the moments of sets of values to a program.

#include <memory>
#include <vector>

#include "layers/layer.h"
#include "normalization/normalization.h"
#include "normalization/set_moments.h"

namespace bnlab::normalization {

/// The state's vectors that a program of this pass writes.
MomentOutputs outputs_for(onednn::Mode mode, NormalizationState& state);

/// dst = gamma (r x_hat + d) + beta with x_hat = (x - mean) / sqrt(s^2 + epsilon), over each set: s^2 is the biased
/// variance for l2, (mean |x - mean|)^2 for l1 and (max |x - mean|)^2 for linf. Where s^2 + epsilon is 0, x_hat is 0
/// and so is the gradient of x. src and dst (N, C) or (N, C, H, W). The gradient flows through mean and s (for linf
/// through the first of the largest values, in the order of N, H, W), not through r and d. gamma and beta, where there
/// are any, must be laid out.
layers::Forward build_moments(layers::Builder& builder, const layers::Tensor& src, const Affine& affine,
                              MomentOptions options);

// ---- for batch normalization whose values oneDNN computes ----------------------------------------------------------

/// `layout`: of src, dst and their gradients, in f32 or bf16.
std::shared_ptr<Moments> make_moments(const ChannelLayout& layout, MomentOptions options);

/// What oneDNN's batch normalization with use_global_stats, use_scale and use_shift reads, each (C). The shift gives
/// back what rounding to f32 takes from the mean; where variance + epsilon is 0 the variance is infinite, so that its
/// inverse is 0.
struct PrimitiveStatistics {
  dnnl::memory mean, variance, scale, shift;
};
/// Adds the call that fills them. Requires one set of images, sets of one channel, and no correction.
PrimitiveStatistics add_statistics(layers::Builder& builder, const std::shared_ptr<Moments>& moments,
                                   const Affine& affine, const dnnl::memory& src);

/// Adds the backward call. `dst`: the output where a ReLU is merged into the normalization, else empty. An empty
/// diff_src is not computed.
void add_backward(layers::Builder& builder, const std::shared_ptr<Moments>& moments, const Affine& affine,
                  const dnnl::memory& src, const dnnl::memory& dst, const dnnl::memory& diff_dst,
                  const dnnl::memory& diff_src);

}  // namespace bnlab::normalization
