#pragma once
// Normalization by the moments of sets of values, with sums in double precision, in whatever layout comes, and bit by
// bit the same with any number of threads.

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "layers/layer.h"
#include "normalization/channel_sets.h"
#include "normalization/normalization.h"

namespace bnlab::normalization {

/// The factor r and the shift d of x_hat for each channel (Ioffe 2017, equation 3), from a set's mean and deviation
/// sqrt(variance + epsilon). All (C). May be called for several sets at a time.
using Correction = std::function<void(std::span<const double> mean, std::span<const double> deviation,
                                      std::span<double> r, std::span<double> d)>;

/// Where the statistics of the batch go, each (C) or null: means over the sets of images, weighted by their sizes.
struct MomentOutputs {
  std::vector<float>* mean = nullptr;
  std::vector<float>* variance = nullptr;  // biased
  std::vector<float>* unbiased_variance = nullptr;
};

/// The state's vectors that a program of this pass writes.
MomentOutputs outputs_for(onednn::Pass pass, NormalizationState& state);

/// Statistics that are not measured, each (C): no gradient flows through them. Only read; oneDNN takes no constants.
struct GivenStatistics {
  std::vector<float>* mean = nullptr;
  std::vector<float>* variance = nullptr;
};

struct MomentOptions {
  MomentSets sets;
  double epsilon = 0;
  config::LpNorm norm = config::LpNorm::l2;
  Correction correction = {};  // empty: r = 1, d = 0. Only with sets of one channel
  MomentOutputs outputs = {};  // only with sets of one channel
  GivenStatistics given = {};  // null: measured. Only with one set of images and l2
};

/// dst = gamma (r x_hat + d) + beta with x_hat = (x - mean) / sqrt(s^2 + epsilon), over each set: s^2 is the biased
/// variance for l2, (mean |x - mean|)^2 for l1 and (max |x - mean|)^2 for linf. Where s^2 + epsilon is 0, x_hat is 0
/// and so is the gradient of x. src and dst (N, C) or (N, C, H, W). The gradient flows through mean and s (for linf
/// through the first of the largest values, in the order of N, H, W), not through r and d. gamma and beta, where there
/// are any, must be laid out.
layers::Forward build_moments(layers::Builder& builder, const layers::Tensor& src, const Affine& affine,
                              MomentOptions options);

// ---- for batch normalization whose values oneDNN computes ----------------------------------------------------------

class Moments;

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
