#pragma once
// Normalization by the moments of sets of values, as kernels of bnlab's own: in whatever layout comes, with all sums in
// double precision, and bit by bit the same with any number of threads.

#include <functional>
#include <span>
#include <vector>

#include "layers/layer.h"
#include "normalization/normalization.h"

namespace bnlab::normalization {

/// Which values share a mean and a deviation: those of `images` images, the first to the last in turn, in `channels`
/// neighbouring channels. The last set of images may be smaller. `channels` divides C.
struct MomentSets {
  std::int64_t images = 1;
  std::int64_t channels = 1;
};

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

struct MomentOptions {
  MomentSets sets;
  double epsilon = 0;
  config::LpNorm norm = config::LpNorm::l2;
  Correction correction = {};  // empty: r = 1, d = 0. Only with sets of one channel
  MomentOutputs outputs = {};  // only with sets of one channel
};

/// dst = gamma (r x_hat + d) + beta with x_hat = (x - mean) / sqrt(s^2 + epsilon), over each set: s^2 is the biased
/// variance for l2, (mean |x - mean|)^2 for l1 and (max |x - mean|)^2 for linf. src and dst (N, C) or (N, C, H, W). The
/// gradient flows through mean and s (for linf through the first of the largest values, in the order of N, H, W), not
/// through r and d. gamma and beta, where there are any, must be laid out.
layers::Forward build_moments(layers::Builder& builder, const layers::Tensor& src, const Affine& affine,
                              MomentOptions options);

}  // namespace bnlab::normalization
