#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// layer_gradients.csv: for the output y of each layer with a gradient, in network order, on one batch: gradient_norm
/// ||dL/dy|| over the whole batch, squared_norm, its square, and variance, the biased variance of the gradient's
/// values. Yang et al. 2019.
std::unique_ptr<Probe> make_layer_gradients(const ProbeContext& context);

}  // namespace bnlab::probes
