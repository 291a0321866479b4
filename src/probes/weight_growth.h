#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// weight_growth.csv: for each array of weights w at each step that is measured, with its gradient g before the update
/// and the rate eta of the step: normalized ("yes" where a normalization comes right behind the layer), squared_norm
/// ||w||^2 before the update, cosine of w and g, growth (||w - eta g||^2 - ||w||^2, in double precision), squared_step
/// (eta^2 ||g||^2), ratio (growth / squared_step, NaN where that is 0), and stored_growth and stored_ratio, the same of
/// the weights after the update, which are rounded to single precision, and rotation, the angle in radians between w
/// before and after the update (nan where one of them is 0). Where the loss does not depend on the scale of
/// w, <w, g> = 0 and the ratio is 1 (van Laarhoven 2017, section 3). growth is of a step of plain SGD, whatever the
/// optimizer. Has no row for step 0.
std::unique_ptr<Probe> make_weight_growth(const ProbeContext& context);

}  // namespace bnlab::probes
