#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// covariate_shift.csv (Santurkar et al. 2018, definition 2.1): for each step that is measured and each array of
/// weights W_i in network order, on the batch of the step: G = dL/dW_i at the parameters before the update, and G' =
/// dL/dW_i where every parameter that the network has before W_i takes its value after the update, whatever the
/// optimizer; W_i itself and all that follows, such as the gamma and beta behind it, keep theirs. Network order is that
/// of `bnlab describe`: in a residual block the body comes before the shortcut, in concat one branch before the next.
///   layer        i, the place among the arrays of weights, from 1
///   parameter    the array's name
///   normalized   "yes" where a normalization comes right behind the layer
///   gradient_norm   ||G||
///   cosine          of G and G'; nan where one of them is 0
///   difference      ||G - G'||
///   relative_difference   difference / ||G||; nan where that is 0
/// Statistics of the batch are taken anew, running ones stay, and dropout and noise draw alike for G and G'. Before the
/// first array there is nothing: cosine 1, difference 0. Has no row for step 0.
std::unique_ptr<Probe> make_covariate_shift(const config::ProbeConfig& config, const ProbeContext& context);

/// Throws ConfigError where `layers` names an array that the network doesn't have. `path` is the probe's place in the
/// config ("probes.0").
void check_covariate_shift(const config::ProbeConfig& config, const std::string& path, const config::RunConfig& run);

}  // namespace bnlab::probes
