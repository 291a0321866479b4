#pragma once
// The effect that each kind of criterion measures, as a contrast of points.

#include <cstdint>
#include <vector>

#include "experiments/contrast.h"
#include "experiments/criteria.h"

namespace bnlab::experiments {

/// Requires as many arms and points as the criterion's kind takes, and a value of each point for each of the seeds.
Estimate estimate_of(const config::CriterionConfig& criterion, const Evidence& evidence,
                     const std::vector<std::uint64_t>& seeds);

}  // namespace bnlab::experiments
