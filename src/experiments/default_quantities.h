#pragma once
#include <vector>

#include "experiments/plan.h"

namespace bnlab::experiments {

/// What is measured where an experiment names nothing: the final accuracy (where examples have classes) and loss of the
/// test split, with the first statistics that each point evaluates.
std::vector<config::QuantityConfig> default_quantities(const std::vector<ArmPoint>& points);

}  // namespace bnlab::experiments
