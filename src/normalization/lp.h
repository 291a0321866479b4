#pragma once
#include <memory>

#include "normalization/normalization.h"

namespace bnlab::normalization {

/// Batch normalization with another norm of the centred values (Santurkar et al. 2018, figure 5; Hoffer et al. 2018):
///   y = gamma (x - mean_c) / sqrt(s_c^2 + epsilon) + beta over N, or over N, H, W,
/// s the root mean square for l2, the mean distance for l1, the largest distance for linf: distances from the mean, or
/// with norm_of raw from 0, which is what Santurkar et al. divide by. The gradient flows through mean and s. What batch
/// normalization keeps of the variance is kept of s^2; but for the centred l2 it has no unbiased form.
/// src and dst (N, C) or (N, C, H, W).
std::unique_ptr<layers::Layer> make_lp(const NormalizationContext& context);

}  // namespace bnlab::normalization
