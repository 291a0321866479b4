#pragma once
#include <memory>

#include "probes/probe.h"

namespace bnlab::probes {

/// normalization_state.csv: gamma, beta, running and batch statistics of each channel of each normalization layer after
/// a step (batch statistics: of that step's batch; the batch variance is biased). gamma and beta are 1 and 0 without
/// affine. At step 0 there is no batch yet: nan.
std::unique_ptr<Probe> make_normalization_state(const ProbeContext& context);

}  // namespace bnlab::probes
