#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// normalization_gradients.csv: for each layer z = gamma x̂ + beta of batch or frozen normalization behind a parameter,
/// on one batch of m values a channel, with g = dL/dz and the gradient of its input dL/dy. Of each channel: the cosines
/// |<1, dL/dy>| / (sqrt(m) ||dL/dy||) and |<x̂, dL/dy>| / (||x̂|| ||dL/dy||), which are 0 where the gradient flows
/// through mean and variance; and the relative difference of the two sides of ||dL/dy||^2 = gamma^2 / sigma^2 (||g||^2
/// - <1, g>^2 / m - <g, x̂>^2 / m), exact without epsilon (Santurkar et al. 2018, theorem 4.1). ones_cosine,
/// normalized_cosine and identity_error are the largest of all channels, ones_cosine_mean and normalized_cosine_mean
/// their means; channels without a gradient count as 0. x̂ has the statistics that normalize: those of the batch, or the
/// running ones.
std::unique_ptr<Probe> make_normalization_gradients(const ProbeContext& context);

}  // namespace bnlab::probes
