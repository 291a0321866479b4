#pragma once
#include <memory>

#include "normalization/normalization.h"

namespace bnlab::normalization {

/// The value at `step` of `steps`.
double value_at(const config::RampConfig& ramp, std::int64_t step, std::int64_t steps);

/// Batch renormalization (Ioffe 2017, algorithm 1): y = gamma (r x_hat + d) + beta with
///   r = clip(sigma_B / sigma, 1 / r_max, r_max),   d = clip((mu_B - mu) / sigma, -d_max, d_max),
/// through which no gradient flows. mu and sigma = sqrt(running variance + epsilon) are the running statistics before
/// this step's update, sigma_B = sqrt(biased variance + epsilon) as in x_hat. The paper averages sigma_B itself; here
/// it is the variance that is averaged, as in batch normalization and for the same evaluation: where nothing is
/// clipped, training normalizes as evaluation does. src and dst (N, C) or (N, C, H, W). With population statistics it
/// is batch normalization, and so it is with batch statistics in evaluation.
/// With a `virtual_batch_size` each so many images are a batch of their own (the microbatches of Ioffe 2017, 4.2), and
/// the running statistics take the mean of theirs.
std::unique_ptr<layers::Layer> make_batch_renorm(const NormalizationContext& context);

}  // namespace bnlab::normalization
