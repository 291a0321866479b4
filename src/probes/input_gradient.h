#pragma once
#include <memory>
#include <string>

#include "probes/probe.h"

namespace bnlab::probes {

/// input_gradient.csv: of the evaluated network, with running statistics and without dropout and noise, on the first
/// `examples` images x of `split` (0: one batch of evaluation.batch_size), L the loss of an image. Pixels are in units
/// of the largest pixel value, whatever dataset.scaling; inputs that are floats stay as they are. For each epsilon, the
/// image moves by one step along the sign of its gradient (Goodfellow et al. 2015),
/// x' = clip(x + epsilon sign(dL/dx), 0, 1), without the limits where inputs are floats:
///   step, epsilon
///   gradient_l1, gradient_l2      means over the images of ||dL/dx||_1 and ||dL/dx||_2
///   loss, accuracy                means over the images; accuracy is nan where the dataset has targets
///   attacked_loss, attacked_accuracy, accuracy_lost   the same at x', and the difference
std::unique_ptr<Probe> make_input_gradient(const config::ProbeConfig& config, const ProbeContext& context);

/// Throws ConfigError where evaluation is random, or where validation images are asked for and there are none.
void check_input_gradient(const config::ProbeConfig& config, const std::string& path, const config::RunConfig& run);

}  // namespace bnlab::probes
