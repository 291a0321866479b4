#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// weight_growth.csv: for each array of weights w at each step that is measured, with its gradient g before the update
/// and the rate eta of the step: normalized ("yes" where a normalization comes right behind the layer), squared_norm
/// ||w||^2 before the update, cosine of w and g, growth, how much the update adds to ||w||^2, squared_step (eta^2
/// ||g||^2), and ratio (growth / squared_step, NaN where that is 0). Where the loss doesn't depend on the scale of w,
/// <w, g> = 0, and plain SGD makes the ratio 1 (van Laarhoven 2017, section 3). Has no row for step 0.
std::unique_ptr<Probe> make_weight_growth(const ProbeContext& context);

}  // namespace bnlab::probes
