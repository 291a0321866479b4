#pragma once
#include "experiments/plan.h"

namespace bnlab::experiments {

/// Throws ConfigError, a line for each problem, where a claim could not fail or could not hold: two arms of one
/// config compared, two points of an arm of one config, a threshold that no value of the quantity can miss or reach, a
/// level that every or no value reaches. What values a quantity can have follows from its column, where bnlab knows
/// that, and its reductions.
void refuse_certain_claims(const Plan& plan);

}  // namespace bnlab::experiments
