#pragma once
#include <memory>

#include "normalization/normalization.h"

namespace bnlab::normalization {

/// Noise of Santurkar et al. 2018 (appendix A, algorithm 1): y = s x + m, with a mean mu ~ U(-mean, mean) and a scale
/// sigma ~ U(1, std) for each channel and step, and for each value m ~ U(mu - mean_jitter, mu + mean_jitter) and
/// s ~ N(sigma, std_jitter^2). A unit of the paper is a channel here: the positions of an image share mu and sigma. s
/// and m are constants for the gradient. They are functions of seed, layer, step and the value's place in the batch, so
/// a step that is repeated has the same noise. In evaluation x stays as it is unless `in_evaluation` is set.
/// src and dst (N, C) or (N, C, H, W).
std::unique_ptr<layers::Layer> make_noise(const NormalizationContext& context);

/// Batch normalization, and this noise behind gamma and beta.
std::unique_ptr<layers::Layer> make_noisy_batch(const NormalizationContext& context);

}  // namespace bnlab::normalization
